// The whole training of dictionaries: batches in, folders of dictionary_learning's layout out.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/sae/row_source.h"
#include "core/sae/trainer.h"
#include "core/sae/validate.h"

namespace sememe {

struct TrainSaeParams {
  TrainParams trainer;
  std::filesystem::path out;  // fills {out}/trainer_0/
  int64_t saveEvery = 0;      // steps between checkpoints; 0: none before the end
  bool resume = false;        // go on from what `out` holds of the same parameters and rows, or start where it holds nothing
  at::Device device = at::kCPU;
  TensorSource* validation = nullptr;  // rows to validate on, at the end and
  int64_t validateEvery = 0;           // after so many steps each; 0: at the end alone
  std::function<MsStats(const SparseCodes& codes)> score = {};  // MS of the codes of the validation rows
  int64_t logEvery = 0;  // steps between lines of the log; 0: such that there are about 1,000
  std::function<void(const TrainingPoint&)> onPoint = {};  // after each line of the log, on the working thread
};

struct TrainSaeResult {
  std::filesystem::path dictionary;  // {out}/trainer_0/ae.pt
  std::string fingerprint;
  TrainingPoint last;        // with the validation of the finished dictionary where there are rows for it
  double normFactor = 1;
  bool alreadyDone = false;  // `resume` found it finished
};

// The factor that gives activations unit mean squared norm: sqrt of the mean over the first batches (at most 101, one
// epoch) of the batch's mean squared norm, as dictionary_learning takes it; 1 where all rows are zero.
double activationNormFactor(RowSource& rows, int64_t batch, const std::stop_token& stop = {});

// Refuses what cannot be trained, before anything is written. Throws Error (Invalid, Mismatch).
void checkTrainings(const std::vector<TrainSaeParams>& params, const RowSource& rows);

// Trains several dictionaries in one pass over the rows: each step's batch is read and shuffled once for all. All must
// have the same width, batch and seed, and folders of their own. Each writes, every file but the log atomically:
// config.json (dictionary_learning's keys under "trainer", ours under "sememe"), log.jsonl (core/sae/training_log.h),
// checkpoints/ae_{step}.pt and checkpoints/state.pt every `saveEvery` steps, and at the end stats.json and ae.pt; then
// state.pt goes. When stopped it writes state.pt, so that the same call with `resume` goes on at that step and ends with
// the same bits. Without `resume` what an earlier training left in trainer_0 is removed first.
// Throws Error (Invalid, Mismatch: widths, or `resume` on a folder of other parameters or rows; Diverged naming the
// step and the last good checkpoint; Io, DiskFull, with what was saved before still there), Cancelled.
std::vector<TrainSaeResult> trainSaes(const std::vector<TrainSaeParams>& params, RowSource& rows,
                                      const std::stop_token& stop = {}, const ProgressFn& progress = {});

// The same for one.
TrainSaeResult trainSae(const TrainSaeParams& params, RowSource& rows, const std::stop_token& stop = {},
                        const ProgressFn& progress = {});

}  // namespace sememe
