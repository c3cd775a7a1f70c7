// What the trainers of all types share: Adam, decoder rows of unit norm, dead latents, saving and loading the state.
// Internal to core/sae.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "core/sae/trainer.h"
#include "core/sae/type_functions.h"

namespace sememe {

// How dictionary_learning treats a type's gradients.
struct OptimiserRules {
  double beta1 = 0.9;           // of Adam; the others are 0.999 and 1e-8
  bool clip = true;             // scale the gradients to a norm of 1 at most
  double parallelEpsilon = 1e-6;  // added to a decoder row's norm when the part of the gradient along it is removed
  double unitEpsilon = 0;         // added to a decoder row's norm when the row is scaled to unit norm
};

class AdamTrainer : public Trainer {
 public:
  const TrainParams& params() const override { return m_params; }
  int64_t stepsDone() const override { return m_step; }
  double normFactor() const override { return m_normFactor; }
  const StepStats& last() const override { return m_last; }
  StepStats step(const at::Tensor& batch) override;
  void saveState(const std::filesystem::path& path) const override;
  void loadState(const std::filesystem::path& path) override;

 protected:
  // One weight that is trained, float32.
  struct Weight {
    std::string name;
    at::Tensor value;
    at::Tensor mean, square;  // Adam's moments
  };

  // What a type computes of a batch. Nothing of the trainer changes before all of it is known to be finite.
  struct Pass {
    StepStats stats;                    // `step` is filled in afterwards
    std::vector<at::Tensor> gradients;  // in the order of the weights
    at::Tensor sinceFired;              // int64 [F], after this batch
    double threshold = -1;              // after this batch
    at::Tensor decoderBias;             // to start from; step 0 of some types, else undefined
  };

  AdamTrainer(const TrainParams& params, const TrainerSetup& setup, const OptimiserRules& rules);

  // Called by each constructor, in the order of its gradients. The decoder is "wDec" [F, d], its bias "bDec" [d].
  void addWeight(const std::string& name, const at::Tensor& value);

  virtual Pass pass(const at::Tensor& x) = 0;  // x float32 [B, d], normalised, on device()

  const at::Tensor& weight(size_t i) const { return m_weights[i].value; }
  at::Device device() const { return m_device; }
  double threshold() const { return m_threshold; }
  void startThreshold(double threshold) { m_threshold = threshold; }
  // Rows since each latent fired, once those that did (bool [F]) among `rows` rows are counted.
  at::Tensor sinceFiredAfter(const at::Tensor& fired, int64_t rows) const;
  int64_t deadAmong(const at::Tensor& sinceFired) const;
  // Grows from 0 to 1 over the first sparsityWarmup steps.
  double sparsityScale() const;

  // Random directions of unit norm [F, d]; the type's library draws them from `normal` or a uniform distribution.
  at::Tensor randomDirections(bool normal) const;

 private:
  size_t indexOf(const char* name) const;
  void removeParallelPart(at::Tensor& gradient) const;
  void adam(std::vector<at::Tensor>& gradients, double scale);
  void normaliseDecoder();

  const TrainParams m_params;
  const at::Device m_device;
  const OptimiserRules m_rules;
  size_t m_decoder = 0;  // number of the decoder among the weights
  double m_normFactor;
  std::vector<Weight> m_weights;
  at::Tensor m_sinceFired;  // int64 [F]
  double m_threshold = -1;  // in normalised units; types that follow one while training
  int64_t m_step = 0;
  StepStats m_last;
};

// 1 − (variance of the residual) / (variance of x), both summed over the axes; 0 where x has none or is one row.
double explainedVariance(const at::Tensor& x, const at::Tensor& residual);

}  // namespace sememe
