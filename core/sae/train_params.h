// What a training of a sparse autoencoder is told. Free of LibTorch.
#pragma once

#include <cstdint>
#include <vector>

#include "core/sae/sae_type.h"

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

}  // namespace sememe
