// Loops over floats where LibTorch would go over memory several times. Free of LibTorch; internal to core/models.
#pragma once

#include <cstdint>

namespace sememe {

constexpr int64_t kFewRows = 8;

// y[r][o] = Σ_i x[r][i] w[o][i] for `rows` rows (1 … kFewRows) and outputs begin … end − 1. x [rows, in], w [·, in],
// y [rows, stride]. The order of additions depends on `in` alone.
void fewRowsProduct(const float* x, int64_t rows, const float* w, int64_t in, int64_t begin, int64_t end, float* y, int64_t stride);
// The same with weights in 8 bits: y[r][o] = steps[o] Σ_i x[r][i] w[o][i].
void fewRowsProduct(const float* x, int64_t rows, const int8_t* w, const float* steps, int64_t in, int64_t begin, int64_t end, float* y,
                    int64_t stride);

// y[r] = x[r] / rms(x[r]) · weight of rows begin … end − 1 of `width`.
void rmsNormRows(const float* x, const float* weight, double eps, int64_t width, int64_t begin, int64_t end, float* y);

// Turns the heads of one token in place: x [heads, width], cosine and sine [width] (core/models/rope.h).
void rotateHeads(float* x, int64_t heads, int64_t width, const float* cosine, const float* sine);

}  // namespace sememe
