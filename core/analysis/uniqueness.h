// How much neurons repeat each other: the Jaccard index of the sets of their strongest images, over all pairs.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct SimilarPair {
  int64_t first = 0, second = 0;  // neurons, first < second
  double jaccard = 0;             // |both| / |either|, 0 … 1
};

struct Uniqueness {
  int64_t neurons = 0;  // that took part
  int64_t dead = 0;     // that did not: their weakest kept activation is 0
  int64_t pairs = 0;    // neurons · (neurons − 1) / 2
  std::array<int64_t, 10> above{};       // pairs with an index above 0.0, 0.1 … 0.9
  std::vector<SimilarPair> mostSimilar;  // strongest first; equal ones by number
};

// `top` int64 [F, k]: the strongest images of each neuron (hai_indices); `worst` [F]: the weakest of their activations,
// 0 marks a dead neuron. Exact, as the paper's uniqueness.py counts. Pairs that share no image have an index of 0 and are
// never looked at: the work follows the pairs that share one. Throws Error (Mismatch: shapes; Invalid: negative images),
// Cancelled.
Uniqueness uniqueness(const at::Tensor& top, const at::Tensor& worst, int mostSimilar = 10, const std::stop_token& stop = {},
                      const ProgressFn& progress = {});

}  // namespace sememe
