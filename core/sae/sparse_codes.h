// Codes of an SAE with only the non-zeros kept.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace sememe {

// Codes of N rows with only the non-zeros kept (compressed rows). CPU tensors.
struct SparseCodes {
  at::Tensor offsets;  // int64 [N + 1]; row i's non-zeros are offsets[i] … offsets[i + 1] − 1
  at::Tensor columns;  // int32 [nnz], ascending within a row
  at::Tensor values;   // float32 [nnz], above zero

  int64_t rows() const { return offsets.numel() - 1; }
  int64_t nonZeros() const { return values.numel(); }
};

// Makes sparse codes of dense ones, rows after rows. One thread.
class SparseCodesBuilder {
 public:
  void append(const at::Tensor& z);  // [n, F] of any device; every call the same F
  int64_t nonZeros() const { return static_cast<int64_t>(m_values.size()); }
  SparseCodes codes() const;

 private:
  std::vector<int64_t> m_offsets{0};
  std::vector<int32_t> m_columns;
  std::vector<float> m_values;
};

}  // namespace sememe
