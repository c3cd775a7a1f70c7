// The loops over floats that scoring spends its time in. Internal to core/analysis.
#pragma once

#include <cstdint>

namespace sememe {

// Pointers do not overlap. Dense activations `x` are `rows` rows of `n` neurons, `stride` floats from one row to the next.

// Lowers and raises low and high [n] to the values met. False when one is NaN or infinite.
bool widenRanges(const float* x, int64_t stride, int64_t rows, int64_t n, float* low, float* high);

// What a neuron's scaled activations a add up to over the images; `norms` are the squared lengths of their embeddings.
struct WeightSums {
  double* sum;      // [n] Σ a
  double* squares;  // [n] Σ a²
  double* own;      // [n] Σ a² norm: an image's product with itself
  int32_t* active;  // [n] how often a > 0
};
// a [rows, n] = (x − low) / width, all in float32, counted into `sums`.
void scaleAndWeigh(const float* x, int64_t stride, int64_t rows, int64_t n, const float* low, const float* width, const double* norms,
                   float* a, const WeightSums& sums);

// y += x, n values.
void addTo(const float* x, double* y, int64_t n);

double squaredLength(const double* x, int64_t n);

// Σ e · sum as it was, then sum += scale · e; d values.
double multiplyAndAdd(const float* e, double scale, double* sum, int64_t d);

}  // namespace sememe
