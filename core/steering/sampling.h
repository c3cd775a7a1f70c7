// From a language model's logits to its next token.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "core/steering/request.h"

namespace sememe {

// float32 [V], CPU: what the next token is drawn from. logits [V] of any dtype and device; `answer`: its tokens so far.
// Without a temperature all probability is the likeliest token's. As transformers' NoRepeatNGramLogitsProcessor,
// TemperatureLogitsWarper and TopPLogitsWarper, in that order; but the n-grams are the answer's alone.
at::Tensor nextTokenProbabilities(const at::Tensor& logits, std::span<const int64_t> answer, const SamplingOptions& options);

// Draws an answer's tokens; the same seed draws the same ones. One thread.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);  // throws as checkSampling()
  int64_t next(const at::Tensor& logits, std::span<const int64_t> answer);

 private:
  SamplingOptions m_options;
  std::mt19937_64 m_random;
};

}  // namespace sememe
