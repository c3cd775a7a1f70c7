// From a language model's logits to its next token.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace sememe {

struct SamplingOptions {
  int maxTokens = 128;     // of an answer; 0: what the first token would be, and no answer
  double temperature = 0;  // 0: always the likeliest token
  double topP = 1;         // in (0, 1]: sampled are the likeliest tokens that together have this probability
  int noRepeatNgram = 0;   // no run of so many tokens comes twice in an answer; 0: any may
  uint64_t seed = 0;
  std::vector<int64_t> stopTokens;  // end an answer, beside those of the model's config; not part of it
};

// Throws Error (Invalid: a value outside its range).
void checkSampling(const SamplingOptions& options);

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
