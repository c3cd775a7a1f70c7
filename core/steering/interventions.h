// Editing what an SAE says of an image: neurons clamped, added to, scaled or silenced, and back to activations.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/sae/dictionary.h"

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

  bool operator==(const Intervention&) const = default;
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

  bool operator==(const Steering&) const = default;
};

// An image at the tap with its latents: all that an edit needs, so that only the edited neurons are computed anew.
// Read-only: any thread.
struct ImageCode {
  at::Tensor activation;  // x [1, T, d], in the tower's dtype on its device
  SparseCodes latents;    // z, T rows
  at::Tensor decoded;     // decode(z) float32 [T, d], on the dictionary's device

  int64_t tokens() const { return activation.size(1); }
  // One neuron's latents, float32 [T], CPU.
  at::Tensor column(int64_t neuron) const;
};

// activation [1, T, d]. Throws Error (Mismatch) for another width than the dictionary's.
ImageCode encodeImage(const Dictionary& sae, const at::Tensor& activation);

// The activation after the edit: shape, dtype and device of code.activation. It costs a product of [T, n] and [n, d] for n
// edited neurons. Throws Error: Invalid (a neuron that is not there, a value that is not finite), Mismatch (a mask of
// another length).
at::Tensor steer(const Dictionary& sae, const ImageCode& code, const Steering& steering);

}  // namespace sememe
