// Training steps of sparse autoencoders, as dictionary_learning takes them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/sae/dictionary.h"

namespace sememe {

struct TrainParams {
  SaeType type = SaeType::MatryoshkaBatchTopK;
  int64_t activationDim = 0;  // d
  int64_t dictSize = 0;       // F
  int64_t k = 20;             // TopK types: (mean) latents of a row, 1 … F
  double lr = 0;              // 0: the type's default (core/sae/sae_type.h)
  int64_t batch = 4096;       // rows of a step
  int64_t steps = 10'000;
  int64_t warmup = 1000;      // steps of linear growth of the learning rate from 0; below `steps`
  int64_t decayStart = -1;    // step from which it falls linearly to 0; above `warmup`; -1: never
  double auxkAlpha = 1 / 32.0;  // TopK types: weight of the loss that revives dead latents
  std::vector<double> groupFractions = {0.0625, 0.125, 0.25, 0.5625};  // Matryoshka only; sum 1
  std::vector<double> groupWeights;  // Matryoshka only; empty: 1 / groups each
  double thresholdBeta = 0.999;   // TopK types: of the threshold's moving average
  int64_t thresholdStart = 1000;  // TopK types: the threshold is followed after this step
  double l1Penalty = 0.1;         // standard, gated: weight of the L1 norm of a row's latents
  double sparsityPenalty = 1;     // JumpReLU: weight of (l0 / targetL0 − 1)²
  double targetL0 = 20;           // JumpReLU: mean latents of a row to aim at; above 0
  double bandwidth = 0.001;       // JumpReLU: width of the rectangle around a threshold, in normalised units; above 0
  int64_t sparsityWarmup = 2000;  // standard, gated, JumpReLU: steps over which that weight grows from 0; below `steps`
  int64_t deadAfterRows = 10'000'000;  // rows without firing after which a latent counts as dead
  uint64_t seed = 0;
  bool normalize = true;  // trainSae: scale activations to unit mean squared norm while training

  // Throws Error (Invalid) naming the field.
  void check() const;
  double learningRate() const;               // `lr`, or the rule
  double learningRateAt(int64_t step) const; // with warm-up and decay
  std::vector<int64_t> groupSizes() const;   // empty for types without groups
};

// What one step saw, before its update. Losses in units of the normalised activations.
struct StepStats {
  int64_t step = 0;   // 0-based
  double loss = 0;    // l2 and the type's other terms with their weights
  double l2 = 0;      // squared error of a row, for Matryoshka the mean over groups of weight x error
  double auxk = 0;    // TopK types: the auxiliary loss, relative to the residual's variance, 0 without dead latents;
                      // gated: the squared error of a row from the gates alone
  double sparsity = 0;  // standard, gated: L1 norm of a row's latents (gates); JumpReLU: (l0 / targetL0 − 1)²
  double l0 = 0;      // mean non-zero latents of a row
  double fve = 0;     // fraction of the batch's variance explained
  int64_t dead = 0;   // latents that have not fired for deadAfterRows rows
};

// A training in progress. One thread at a time; it uses LibTorch's threads itself. The same parameters, batches and
// number of threads give the same bits, resumed or not.
class Trainer {
 public:
  virtual ~Trainer() = default;

  virtual const TrainParams& params() const = 0;
  virtual int64_t stepsDone() const = 0;
  virtual double normFactor() const = 0;
  virtual const StepStats& last() const = 0;  // of the last step taken, also after loadState()

  // One update on x [B, d] (any B ≥ 1, float32, any device), which it divides by normFactor(). Throws Error (Mismatch:
  // width; Diverged: a loss or gradient that is NaN or infinite, naming the step; the weights are as before the step).
  virtual StepStats step(const at::Tensor& x) = 0;

  // The dictionary as it is now, for activations as they come (biases and threshold scaled back by normFactor()): a copy.
  virtual std::unique_ptr<Dictionary> dictionary() const = 0;

  // Everything that the next steps depend on: weights, moments, counters, threshold, normFactor(); and last(). The order of rows
  // depends on the seed and the step alone (core/sae/row_source.h). Atomic. Throws Error (Io, DiskFull).
  virtual void saveState(const std::filesystem::path& path) const = 0;
  // Throws Error (NotFound, Io, Corrupt; Mismatch when it was saved with other parameters, naming them).
  virtual void loadState(const std::filesystem::path& path) = 0;
};

// `normFactor`: what activations are divided by, above zero. `initial`: start from these weights (of the same type and
// sizes, in normalised units) instead of random ones. Throws Error (Invalid; Mismatch: `initial`).
std::unique_ptr<Trainer> makeTrainer(const TrainParams& params, double normFactor = 1, at::Device device = at::kCPU,
                                     const Dictionary* initial = nullptr);

}  // namespace sememe
