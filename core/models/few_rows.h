// The loop behind products of few rows. Free of LibTorch; internal to core/models.
#pragma once

#include <cstdint>

namespace sememe {

constexpr int64_t kFewRows = 8;

// y[r][o] = Σ_i x[r][i] w[o][i] for `rows` rows (1 … kFewRows) and outputs begin … end − 1. x [rows, in], w [·, in],
// y [rows, stride]. The order of additions depends on `in` alone.
void fewRowsProduct(const float* x, int64_t rows, const float* w, int64_t in, int64_t begin, int64_t end, float* y, int64_t stride);

}  // namespace sememe
