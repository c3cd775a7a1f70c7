// What LLaVA is asked while neurons are edited, and what it answers. Free of LibTorch.
#pragma once

#include <cstdint>
#include <vector>

namespace sememe {

// One neuron's latent z, on every token that is edited.
struct Intervention {
  enum class Op {
    Set,    // value: the paper's clamping
    Add,    // z + value
    Scale,  // z · value
    Zero,   // 0
  };
  int64_t neuron = 0;
  Op op = Op::Set;
  double value = 0;
};

// How an image's activation x, of latents z, is put back into the tower. Without any intervention it is what the SAE's
// reconstruction does (Replace), or nothing at all (KeepError).
struct Steering {
  enum class Mode {
    Replace,    // decode(z′), as in the paper: what the SAE cannot say is lost
    KeepError,  // x + decode(z′) − decode(z)
  };
  std::vector<Intervention> interventions;  // in this order; a neuron may come more than once
  Mode mode = Mode::Replace;
  bool preZero = false;     // z is 0 before the interventions (the paper's pre_zero)
  std::vector<bool> mask;   // [T]: the tokens that are edited, CLS being one where the tower has it; empty: all
};

struct SamplingOptions {
  int maxTokens = 128;     // of an answer; 0: what the first token would be, and no answer
  double temperature = 0;  // 0: always the likeliest token
  double topP = 1;         // in (0, 1]: sampled are the likeliest tokens that together have this probability
  int noRepeatNgram = 0;   // no run of so many tokens comes twice in an answer; 0: any may
  uint64_t seed = 0;
  std::vector<int64_t> stopTokens;  // end an answer, beside those of the model's config; not part of it

  bool operator==(const SamplingOptions&) const = default;
};

// Throws Error (Invalid: a value outside its range).
void checkSampling(const SamplingOptions& options);

struct Answer {
  std::vector<int64_t> tokens;  // without the token that ended it
  bool ended = false;           // by a stop token; else by maxTokens
  struct {
    double vision = 0, prefill = 0, decode = 0;  // edit to image features, to the first logits, the tokens
  } seconds;
};

}  // namespace sememe
