// The loops over floats that scoring spends its time in.
#include "core/analysis/score_loops.h"

#include <bit>

#include "core/base/vector_clones.h"

namespace sememe {

SEMEME_VECTOR_CLONES bool widenRanges(const float* __restrict x, int64_t stride, int64_t rows, int64_t n, float* __restrict low,
                                      float* __restrict high) {
  uint32_t largest = 0;  // exponent and fraction as a number: from 0x7f800000 on not finite
  for (int64_t row = 0; row < rows; ++row, x += stride) {
    for (int64_t f = 0; f < n; ++f) {
      const float value = x[f];
      const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7fffffffU;
      largest = magnitude > largest ? magnitude : largest;
      low[f] = value < low[f] ? value : low[f];
      high[f] = value > high[f] ? value : high[f];
    }
  }
  return largest < 0x7f800000U;
}

SEMEME_VECTOR_CLONES void scaleAndWeigh(const float* __restrict x, int64_t stride, int64_t rows, int64_t n, const float* __restrict low,
                                        const float* __restrict width, const double* __restrict norms, float* __restrict a,
                                        const WeightSums& sums) {
  double *__restrict sum = sums.sum, *__restrict squares = sums.squares, *__restrict own = sums.own;
  int32_t* __restrict active = sums.active;
  for (int64_t row = 0; row < rows; ++row, x += stride, a += n) {
    const double norm = norms[row];
    for (int64_t f = 0; f < n; ++f) {
      const float scaled = (x[f] - low[f]) / width[f];
      const double value = scaled, square = value * value;
      a[f] = scaled;
      sum[f] += value;
      squares[f] += square;
      own[f] += square * norm;
      active[f] += scaled > 0;
    }
  }
}

SEMEME_VECTOR_CLONES void addTo(const float* __restrict x, double* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

SEMEME_VECTOR_CLONES double squaredLength(const double* x, int64_t n) {
  constexpr int kLanes = 16;
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lanes[j] += x[i + j] * x[i + j];
  }
  double length = 0;
  for (; i < n; ++i) length += x[i] * x[i];
  for (const double lane : lanes) length += lane;
  return length;
}

SEMEME_VECTOR_CLONES double multiplyAndAdd(const float* __restrict e, double scale, double* __restrict sum, int64_t d) {
  constexpr int kLanes = 16;
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      const double before = sum[i + j], value = e[i + j];
      lanes[j] += before * value;
      sum[i + j] = before + scale * value;
    }
  }
  double product = 0;
  for (; i < d; ++i) {
    product += sum[i] * e[i];
    sum[i] += scale * e[i];
  }
  for (const double lane : lanes) product += lane;
  return product;
}

}  // namespace sememe
