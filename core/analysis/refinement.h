// Which coarser neuron of a Matryoshka SAE a finer one refines.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "core/base/progress.h"
#include "core/sae/sparse_codes.h"

namespace sememe {

struct Refinement {
  int64_t parent = -1;  // a neuron of the next coarser group; -1: it refines none
  float cosine = 0;     // of the two decoder rows
  float share = 0;      // of the images that fire the neuron, those that fire its parent too
};

// A neuron's parent is the neuron p of the group before its own with the highest
//   (P(p fires | the neuron fires) − P(p fires)) · (1 + cosine of the decoder rows) / 2,
// where that is above kLeastRefinement: a parent goes along with its children more often than with any image, so one that
// fires everywhere has none for that alone; the decoder rows break what co-activation leaves open. Equal ones: the lower
// number. Only pairs that fire on an image together are looked at: O(Σ over images of (active)²  + pairs · d).
// `codes`: one row an image, of sum(groupSizes) latents; `decoder` [F, d] float32. Throws Error (Mismatch), Cancelled.
inline constexpr double kLeastRefinement = 0.1;
std::vector<Refinement> findRefinements(const SparseCodes& codes, const at::Tensor& decoder, std::span<const int64_t> groupSizes,
                                        const std::stop_token& stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
