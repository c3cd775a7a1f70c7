// Training steps of sparse autoencoders, as dictionary_learning takes them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "core/sae/dictionary.h"
#include "core/sae/train_params.h"
#include "core/sae/training_log.h"

namespace sememe {

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
