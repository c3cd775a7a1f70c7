// Which latents of a batch stay non-zero: the largest of each row or of all rows. Internal to core/sae.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace sememe {

// The k · B largest activations of a batch of B rows, or the k largest of each row; only positive ones count.
struct Selection {
  int64_t k = 1;
  bool perRow = false;
};

// The non-zeros of a batch of codes, by row and by latent.
struct SelectedCodes {
  std::vector<int64_t> rowBegin;     // [B + 1]
  std::vector<int32_t> latents;      // [nnz], ascending within a row
  std::vector<float> values;         // [nnz]
  std::vector<int32_t> rows;         // [nnz], row of each
  std::vector<int64_t> latentBegin;  // [F + 1]
  std::vector<int64_t> byLatent;     // [nnz]: positions in the lists above, ascending within a latent
  float smallest = 0;                // value kept; by row the mean over rows that keep one; 0 when none is
};

// pre [B, F]: float32 on the CPU, contiguous; values of zero and below never stay. Equal values at the edge stay in the order
// of row and latent. Reads the batch once: a threshold a little below the edge, estimated from a sample, leaves few
// candidates, among which the edge is then found exactly.
SelectedCodes selectCodes(const at::Tensor& pre, const Selection& selection);

}  // namespace sememe
