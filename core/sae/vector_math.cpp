// The loops over floats that a training step spends its time in.
#include "core/sae/vector_math.h"

#include <cmath>

#include "core/base/vector_clones.h"

namespace sememe {

SEMEME_VECTOR_CLONES void addScaled(float a, const float* __restrict x, float* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

SEMEME_VECTOR_CLONES void copyScaled(float a, const float* __restrict x, float* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = a * x[i];
}

SEMEME_VECTOR_CLONES float dot(const float* __restrict x, const float* __restrict y, int64_t n) {
  // Thirty-two sums side by side: the order of additions is fixed, and they fill vector registers.
  constexpr int kLanes = 32;
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) sums[j] += x[i + j] * y[i + j];
  }
  float sum = 0;
  for (; i < n; ++i) sum += x[i] * y[i];
  for (const float part : sums) sum += part;
  return sum;
}

SEMEME_VECTOR_CLONES double squaredNorm(const float* __restrict x, int64_t n) {
  constexpr int kLanes = 16;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) sums[j] += static_cast<double>(x[i + j]) * x[i + j];
  }
  double sum = 0;
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  for (const double part : sums) sum += part;
  return sum;
}

SEMEME_VECTOR_CLONES void addMoments(const float* __restrict x, double* __restrict sums, double* __restrict squares, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double value = x[i];
    sums[i] += value;
    squares[i] += value * value;
  }
}

SEMEME_VECTOR_CLONES void adamUpdate(const AdamStep& step, const float* __restrict gradient, float* __restrict mean,
                                     float* __restrict square, float* __restrict value, int64_t n) {
  const float oneMinusBeta1 = 1 - step.beta1, oneMinusBeta2 = 1 - step.beta2, inverseRoot = 1 / step.root;
  const AdamStep s = step;
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * s.scale;
    const float m = mean[i] + oneMinusBeta1 * (g - mean[i]);
    const float v = square[i] * s.beta2 + oneMinusBeta2 * (g * g);
    mean[i] = m;
    square[i] = v;
    value[i] -= s.stepSize * m / (std::sqrt(v) * inverseRoot + s.epsilon);
  }
}

}  // namespace sememe
