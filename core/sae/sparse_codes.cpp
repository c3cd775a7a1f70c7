// Dense codes → their non-zeros.
#include "core/sae/sparse_codes.h"

namespace sememe {

void SparseCodesBuilder::append(const at::Tensor& z) {
  const at::Tensor dense = z.to(at::kCPU, at::kFloat).contiguous();
  const int64_t latents = dense.size(1);
  const float* data = dense.const_data_ptr<float>();
  for (int64_t row = 0; row < dense.size(0); ++row, data += latents) {
    for (int64_t f = 0; f < latents; ++f) {
      if (data[f] != 0) {
        m_columns.push_back(static_cast<int32_t>(f));
        m_values.push_back(data[f]);
      }
    }
    m_offsets.push_back(nonZeros());
  }
}

SparseCodes SparseCodesBuilder::codes() const {
  return {at::tensor(m_offsets, at::kLong), at::tensor(m_columns, at::kInt), at::tensor(m_values, at::kFloat)};
}

}  // namespace sememe
