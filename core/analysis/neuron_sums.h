// The running sums that a neuron's score is made of. Internal to core/analysis.
#pragma once

#include <cmath>
#include <limits>

#include "core/analysis/monosemanticity.h"
#include "core/analysis/score_loops.h"

namespace sememe {

// How a neuron's activations are scaled to 0 … 1, in float32 as the paper's program does.
struct ActivationRange {
  float low = 0, width = 0;

  static ActivationRange of(float low, float high) { return {low, high - low}; }
  bool any() const { return width > 0 && std::isfinite(width); }  // else the score is NaN
  float scaled(float value) const { return (value - low) / width; }
};

// In double; images in any order. `sum` [D], zeros at first, is Σ a u of the images so far.
struct NeuronSums {
  double weightSum = 0, weight = 0, similarity = 0;

  void add(double a, const MsEmbeddings& embeddings, int64_t image, double* sum) {
    if (a == 0) return;
    const double scale = a * embeddings.inverseNorm(image);
    similarity += scale * multiplyAndAdd(embeddings.row(image), scale, sum, embeddings.dim());
    weight += a * weightSum;
    weightSum += a;
  }

  double score() const { return weight > 0 ? similarity / weight : std::numeric_limits<double>::quiet_NaN(); }
};

}  // namespace sememe
