// Whether a dictionary fits activations: the question that silent nonsense would otherwise answer.
#pragma once

#include "core/sae/dictionary.h"
#include "core/sae/sae_fit.h"

namespace sememe {

// On rows [N, d] of any device and real dtype, a few thousand being enough. Where it does not fit, or fits far better
// otherwise, it is tried on some of them with the other convention of b_dec, with activations centred, scaled to unit mean
// squared norm or to norm √d or both (as saev's loader did), and times powers of two: a cure is among the hints, with both
// figures. Throws Error (Mismatch: width; Invalid: no rows).
SaeFit checkSae(const Dictionary& dictionary, const at::Tensor& rows);

}  // namespace sememe
