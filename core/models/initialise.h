// How fresh weights are filled: the few distributions that Hugging Face's models start from. Internal to core/models.
#pragma once

#include <torch/torch.h>

#include "core/models/layers.h"

namespace sememe {

// All from torch's default generator, in the order called.
inline void fillNormal(at::Tensor& t, double std) {
  const torch::NoGradGuard guard;
  t.normal_(0.0, std);
}

// Cut off at ±2, as torch.nn.init.trunc_normal_ does by default (the cut is absolute, far out for the usual 0.02).
inline void fillTruncatedNormal(at::Tensor& t, double std) {
  const torch::NoGradGuard guard;
  t.normal_(0.0, std).clamp_(-2.0, 2.0);
}

inline void fillConstant(at::Tensor& t, double value) {
  const torch::NoGradGuard guard;
  t.fill_(value);
}

inline void fillNorm(LayerNorm& norm) {
  fillConstant(norm->weight, 1.0);
  fillConstant(norm->bias, 0.0);
}

// Weights normal, biases zero.
inline void fillLinear(Linear& linear, double std) {
  fillNormal(linear->weight, std);
  if (linear->bias.defined()) fillConstant(linear->bias, 0.0);
}

}  // namespace sememe
