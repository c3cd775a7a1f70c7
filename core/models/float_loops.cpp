// Loops over floats: products of a few rows with a matrix that is read once, RMS norms, rotations.
#include "core/models/float_loops.h"

#include <cmath>
#include <cstring>

#include "core/base/vector_clones.h"

namespace sememe {
namespace {

using Lanes = float __attribute__((vector_size(32)));
constexpr int kLanes = sizeof(Lanes) / sizeof(float);
constexpr int kOutputs = 3, kRowsAtOnce = 4;  // 12 sums, 3 weights and one x fill the 16 registers of AVX2

[[gnu::always_inline]] inline void load(const float* from, Lanes& lanes) { std::memcpy(&lanes, from, sizeof lanes); }
[[gnu::always_inline]] inline void load(const int8_t* from, Lanes& lanes) {
  int8_t __attribute__((vector_size(kLanes))) bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  lanes = __builtin_convertvector(bytes, Lanes);
}

// kRows rows and kOut outputs. `ahead`: the weights that come next, fetched meanwhile; left to itself the processor waits
// for each (measured: twice the time).
template <int kRows, int kOut, class Weight>
[[gnu::always_inline]] inline void block(const float* x, const Weight* w, const Weight* ahead, int64_t in, float* y, int64_t stride) {
  Lanes sums[kRows][kOut] = {};
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    Lanes weights[kOut], row;
#pragma GCC unroll 4
    for (int o = 0; o < kOut; ++o) {
      load(w + o * in + i, weights[o]);
      __builtin_prefetch(ahead + o * in + i);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      load(x + r * in + i, row);
#pragma GCC unroll 4
      for (int o = 0; o < kOut; ++o) sums[r][o] += row * weights[o];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int o = 0; o < kOut; ++o) {
      float sum = 0;
      for (int64_t rest = i; rest < in; ++rest) sum += x[r * in + rest] * static_cast<float>(w[o * in + rest]);
      for (int lane = 0; lane < kLanes; ++lane) sum += sums[r][o][lane];
      y[r * stride + o] = sum;
    }
  }
}

template <int kOut, class Weight>
[[gnu::always_inline]] inline void rowGroup(const float* x, int64_t rows, const Weight* w, const Weight* ahead, int64_t in, float* y, int64_t stride) {
  switch (rows) {
    case 1: return block<1, kOut>(x, w, ahead, in, y, stride);
    case 2: return block<2, kOut>(x, w, ahead, in, y, stride);
    case 3: return block<3, kOut>(x, w, ahead, in, y, stride);
    default: return block<4, kOut>(x, w, ahead, in, y, stride);
  }
}

template <int kOut, class Weight>
[[gnu::always_inline]] inline void allRows(const float* x, int64_t rows, const Weight* w, const Weight* ahead, int64_t in, float* y, int64_t stride) {
  for (int64_t r = 0; r < rows; r += kRowsAtOnce) {
    rowGroup<kOut>(x + r * in, rows - r < kRowsAtOnce ? rows - r : kRowsAtOnce, w, ahead, in, y + r * stride, stride);
  }
}

template <class Weight>
[[gnu::always_inline]] inline void product(const float* x, int64_t rows, const Weight* w, int64_t in, int64_t begin, int64_t end, float* y,
                                           int64_t stride) {
  int64_t o = begin;
  for (; o + kOutputs <= end; o += kOutputs) {
    const Weight* here = w + o * in;
    allRows<kOutputs>(x, rows, here, o + 2 * kOutputs <= end ? here + kOutputs * in : here, in, y + o, stride);
  }
  for (; o < end; ++o) allRows<1>(x, rows, w + o * in, w + o * in, in, y + o, stride);
}

}  // namespace

SEMEME_VECTOR_CLONES void fewRowsProduct(const float* x, int64_t rows, const float* w, int64_t in, int64_t begin, int64_t end, float* y,
                           int64_t stride) {
  product(x, rows, w, in, begin, end, y, stride);
}

SEMEME_VECTOR_CLONES void fewRowsProduct(const float* x, int64_t rows, const int8_t* w, const float* steps, int64_t in, int64_t begin, int64_t end,
                           float* y, int64_t stride) {
  product(x, rows, w, in, begin, end, y, stride);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = begin; o < end; ++o) y[r * stride + o] *= steps[o];
}

SEMEME_VECTOR_CLONES void rmsNormRows(const float* x, const float* weight, double eps, int64_t width, int64_t begin, int64_t end, float* y) {
  for (int64_t r = begin; r < end; ++r) {
    const float* row = x + r * width;
    Lanes squares[4] = {}, some;
    int64_t i = 0;
    for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
#pragma GCC unroll 4
      for (int part = 0; part < 4; ++part) {
        load(row + i + part * kLanes, some);
        squares[part] += some * some;
      }
    }
    float sum = 0;
    for (; i < width; ++i) sum += row[i] * row[i];
    const Lanes all = (squares[0] + squares[1]) + (squares[2] + squares[3]);
    for (int lane = 0; lane < kLanes; ++lane) sum += all[lane];
    const float scale = 1 / std::sqrt(sum / static_cast<float>(width) + static_cast<float>(eps));
    float* out = y + r * width;
    for (int64_t j = 0; j < width; ++j) out[j] = weight[j] * (row[j] * scale);
  }
}

SEMEME_VECTOR_CLONES void rotateHeads(float* x, int64_t heads, int64_t width, const float* __restrict cosine, const float* __restrict sine) {
  const int64_t half = width / 2;
  for (int64_t h = 0; h < heads; ++h) {
    float* __restrict first = x + h * width;
    float* __restrict second = first + half;
    for (int64_t i = 0; i < half; ++i) {
      const float a = first[i], b = second[i];
      first[i] = a * cosine[i] - b * sine[i];
      second[i] = b * cosine[half + i] + a * sine[half + i];
    }
  }
}

}  // namespace sememe
