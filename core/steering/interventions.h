// Editing what an SAE says of an image: neurons clamped, added to, scaled or silenced, and back to activations.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/sae/dictionary.h"
#include "core/steering/request.h"

namespace sememe {

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

// The same without an SAE: the tower's own neurons are the columns of its activation [1, T, d], and there is no error to
// keep, so both modes are one. Throws as above.
at::Tensor steer(const at::Tensor& activation, const Steering& steering);

}  // namespace sememe
