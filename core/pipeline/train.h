// Activations → SAE: feeds stored rows to the trainer of core/sae.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/sae/training_log.h"

namespace sememe {

struct TrainJobParams {
  std::string activations;  // a tensor argument, or workspace.sememe#RUN
  std::string validation;   // the same; empty: what `holdOut` leaves
  double holdOut = 0;       // share of the images kept out of training to validate on; 0 … 0.5
  std::string embeddings;   // of the images validated on, or of all where `holdOut` chose them: for MS; empty: no MS
  int64_t validateEvery = 0;  // steps between validations; 0: at the end alone
  int64_t logEvery = 0;       // steps between lines of the log; 0: such that there are about 1,000
  std::string type = "matryoshka_batch_topk";  // a name of core/sae
  int64_t dictSize = 0;     // latents; 0: expansion x width
  double expansion = 8;     // used when dictSize is 0
  int64_t k = 20;
  double lr = 0;            // 0: the type's default
  int64_t batch = 4096;
  int64_t steps = 10'000;
  int64_t warmup = 1000;
  int64_t decayStart = -1;  // -1: none
  double auxkAlpha = 1 / 32.0;
  std::vector<double> groupFractions = {0.0625, 0.125, 0.25, 0.5625};  // Matryoshka only; sum 1
  double l1Penalty = 0.1;           // standard, gated
  double sparsityPenalty = 1;       // JumpReLU, as are the next two
  double targetL0 = 20;
  double bandwidth = 0.001;
  int64_t sparsityWarmup = 2000;    // standard, gated, JumpReLU; at most steps − 1 are taken
  int64_t saveEvery = 0;    // steps between checkpoints; 0: at the end alone
  uint64_t seed = 0;
  std::string device = "auto";
  std::filesystem::path out;  // {out}/trainer_0/{config.json, ae.pt, checkpoints/}
  std::function<void(const TrainingPoint&)> onPoint = {};  // each line of the log as it comes, on the working thread
  bool resume = false;        // go on from the last checkpoint of `out`; otherwise unfinished work there is removed
};

struct TrainJobResult {
  std::filesystem::path dictionary;  // ae.pt
  std::string fingerprint;
  int64_t activationDim = 0, dictSize = 0;
  int64_t steps = 0;
  double loss = 0, l0 = 0, fve = 0;  // of the last step
  int64_t dead = 0;                  // latents
  std::optional<ValidationStats> validation;
  bool alreadyDone = false;          // a finished dictionary of the same parameters and rows was there
};

// Rows of failed images are left out. Writes job.json beside trainer_0 first: the call, for core/pipeline/trainings.h. A
// finished dictionary in `out` is kept: of the same parameters and rows it is the result, of others an Error (Mismatch).
// Throws Error (NotFound, Corrupt, Mismatch, Invalid, Unsupported, Diverged, Io, DiskFull), Cancelled (the state stays,
// for `resume`).
TrainJobResult train(const TrainJobParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

// Several SAEs of the same activations: every type with every k and every expansion (k once where a type has none).
struct TrainSweepParams {
  TrainJobParams base;  // the rest; its `out` gets a folder {type}_{k}_x{expansion} for each
  std::vector<std::string> types;
  std::vector<int64_t> ks;
  std::vector<double> expansions;
};
std::vector<TrainJobParams> sweepJobs(const TrainSweepParams& params);

// Trains them in one pass over the rows (core/sae/train.h), in that order. All need the same activations, validation,
// batch, seed and device. Throws as train() does.
std::vector<TrainJobResult> trainTogether(const std::vector<TrainJobParams>& jobs, std::stop_token stop = {},
                                          const ProgressFn& progress = {});

}  // namespace sememe
