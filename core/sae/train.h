// The whole training of one dictionary: batches in, a folder of dictionary_learning's layout out.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "core/sae/row_source.h"
#include "core/sae/trainer.h"

namespace sememe {

struct TrainSaeParams {
  TrainParams trainer;
  std::filesystem::path out;  // fills {out}/trainer_0/
  int64_t saveEvery = 0;      // steps between checkpoints; 0: none before the end
  bool resume = false;        // go on from what `out` holds of the same parameters and rows, or start where it holds nothing
  at::Device device = at::kCPU;
  TensorSource* validation = nullptr;                // rows for the figures at the end
  std::function<void(const StepStats&)> onStep = {};  // after each step, on the working thread
};

// Figures of a finished dictionary on rows, at inference (with its threshold).
struct ValidationStats {
  int64_t rows = 0;
  double l0 = 0;     // mean non-zero latents of a row
  double fve = 0;    // 1 − (variance of the error, summed over the d axes) / (variance of the rows)
  int64_t dead = 0;  // latents that fired on no row
};

struct TrainSaeResult {
  std::filesystem::path dictionary;  // {out}/trainer_0/ae.pt
  std::string fingerprint;
  StepStats last;
  double normFactor = 1;
  std::optional<ValidationStats> validation;
  bool alreadyDone = false;  // `resume` found it finished
};

// Streams over `rows` in blocks. Throws Error (Mismatch: width), Cancelled.
ValidationStats validateDictionary(const Dictionary& dictionary, TensorSource& rows, const std::stop_token& stop = {},
                                   const ProgressFn& progress = {});

// The factor that gives activations unit mean squared norm: sqrt of the mean over the first batches (at most 101, one
// epoch) of the batch's mean squared norm, as dictionary_learning takes it; 1 where all rows are zero.
double activationNormFactor(RowSource& rows, int64_t batch, const std::stop_token& stop = {});

// Writes, each file atomically: config.json (dictionary_learning's keys under "trainer", ours under "sememe"),
// checkpoints/ae_{step}.pt and checkpoints/state.pt every `saveEvery` steps, and at the end stats.json and ae.pt; then
// state.pt goes. When stopped it writes state.pt, so that the same call with `resume` goes on at that step and ends with
// the same bits. Without `resume` what an earlier training left in trainer_0 is removed first.
// Throws Error (Invalid, Mismatch: widths, or `resume` on a folder of other parameters or rows; Diverged naming the
// step; Io, DiskFull), Cancelled.
TrainSaeResult trainSae(const TrainSaeParams& params, RowSource& rows, const std::stop_token& stop = {},
                        const ProgressFn& progress = {});

}  // namespace sememe
