// The monosemanticity score (MS) of neurons: how alike the images are that activate them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

// MS of a neuron is the mean cosine similarity of all pairs of images, each pair weighted by the product of the two
// activations, which are first scaled to 0 … 1 per neuron (in float32, as the paper's metric.py does):
//
//   MS = Σ_{i<j} a_i a_j cos(e_i, e_j) / Σ_{i<j} a_i a_j
//
// (Pach et al., "Sparse Autoencoders Learn Monosemantic Features in Vision-Language Models", 2025, eq. 6.)
// It is computed without the pairs, from running sums in double precision: image j adds a_j u_j · S to the numerator and
// a_j T to the denominator, where u is the unit embedding, S = Σ_{i<j} a_i u_i and T = Σ_{i<j} a_i. That equals
// (‖Σ a u‖² − Σ a²) / ((Σ a)² − Σ a²), but an image's product with itself never enters, so nothing large is subtracted:
// the denominator is a sum of positive terms, and one activation of 1 beside some of 1e-12 loses no digits.
//
// NaN, as in metric.py, where no pair has weight: a constant neuron, one that is above its minimum on one image alone,
// fewer than two images.

// Embeddings made ready for scoring. Any thread may use it once made.
class MsEmbeddings {
 public:
  // `embeddings` [N, D] of any real dtype; kept (as float32), not copied when it is float32 and contiguous already.
  // An embedding of norm zero has similarity 0 to all; norms below 1e-8 count as 1e-8 (as F.cosine_similarity does).
  // Throws Error (Mismatch: not 2-D; Invalid: NaN or infinite, naming the row).
  explicit MsEmbeddings(const at::Tensor& embeddings);

  int64_t images() const { return m_rows.size(0); }
  int64_t dim() const { return m_rows.size(1); }
  const float* row(int64_t image) const { return m_data + image * dim(); }
  double inverseNorm(int64_t image) const { return m_inverseNorms[static_cast<size_t>(image)]; }
  at::Tensor unitRows(int64_t begin, int64_t count) const;  // double [count, D]

 private:
  at::Tensor m_rows;  // float32 [N, D]
  const float* m_data;
  std::vector<double> m_inverseNorms;
};

// MS of one neuron given as its column: activation `values[i]` on image `images[i]`, 0 on all others. `images` must be
// ascending and below embeddings.images(). O(non-zeros · D) unless a value is negative, then O(N · D). Any thread.
// Throws Error (Mismatch: lengths; Invalid: image order or range, NaN or infinite values).
double msOfNeuron(std::span<const uint32_t> images, std::span<const float> values, const MsEmbeddings& embeddings);

// Rows begin … begin + count − 1 of the activations: float32 CPU [count, F].
using RowReader = std::function<at::Tensor(int64_t begin, int64_t count)>;

// MS of every neuron from dense activations [N, F] with N = embeddings.images(). Reads the rows twice in blocks (minimum
// and maximum, then sums); where the sums of all neurons would take more than `memoryBytes`, once more for each further
// group of neurons. O(N · D · F). Throws Error (Mismatch: a block of another shape; Invalid: NaN or infinite values,
// naming the row and the neuron), Cancelled.
std::vector<double> monosemanticity(const RowReader& read, int64_t neurons, const MsEmbeddings& embeddings,
                                    const std::stop_token& stop = {}, const ProgressFn& progress = {},
                                    int64_t memoryBytes = int64_t{1} << 30);

}  // namespace sememe
