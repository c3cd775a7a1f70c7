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
// It is computed without the pairs: with unit embeddings u it is (‖Σ a u‖² − Σ a²) / ((Σ a)² − Σ a²).
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

 private:
  at::Tensor m_rows;  // float32 [N, D]
  const float* m_data;
  std::vector<double> m_inverseNorms;
};

// MS of one neuron given as its column: activation `values[i]` on image `images[i]`, 0 on all others. `images` must be
// ascending and below embeddings.images(). O(non-zeros · D) unless a value is negative, then O(N · D). Any thread.
// In double: image j adds a_j u_j · S to the numerator and a_j T to the denominator, with S = Σ_{i<j} a_i u_i and
// T = Σ_{i<j} a_i. An image's product with itself never enters, so nothing large is subtracted: the denominator is a sum of
// positive terms, and one activation of 1 beside some of 1e-12 loses no digits.
// Throws Error (Mismatch: lengths; Invalid: image order or range, NaN or infinite values).
double msOfNeuron(std::span<const uint32_t> images, std::span<const float> values, const MsEmbeddings& embeddings);

// Rows begin … begin + count − 1 of the activations: float32 CPU [count, F].
using RowReader = std::function<at::Tensor(int64_t begin, int64_t count)>;

// MS of every neuron from dense activations [N, F] with N = embeddings.images(). Reads the rows twice in pieces (minimum
// and maximum, then sums); where the sums of all neurons would take more than `memoryBytes`, once more for each further
// group of neurons. O(N · D · F), most of it one matrix product in float32. Throws Error (Mismatch: a piece of another
// shape; Invalid: NaN or infinite values, naming the row and the neuron), Cancelled.
//
// How exact: Σ a u is summed in float32 over 64 images at a time, everything else is in double. With ε = 2⁻²⁴, a sum of 64
// products is off by at most 64 ε of the sum of their absolute values, whatever the order (Higham, Accuracy and Stability
// of Numerical Algorithms, 2002, 3.1), and rounding u to float32 adds one ε: ‖Σ a u‖² is off by at most 130 ε (Σ a)². Where
// (Σ a)² ≥ 5 Σ a² that is 163 ε of the denominator, so MS is off by less than kDenseMsError whatever the data; the roundings
// being independent, in fact by about 1e-8. Other neurons, those of few images or of one that outweighs the rest, are
// scored by msOfNeuron; where there are such the rows are read once more. (metric.py sums all pairs in float32.)
inline constexpr double kDenseMsError = 9.8e-6;
std::vector<double> monosemanticity(const RowReader& read, int64_t neurons, const MsEmbeddings& embeddings,
                                    const std::stop_token& stop = {}, const ProgressFn& progress = {},
                                    int64_t memoryBytes = int64_t{1} << 30);

}  // namespace sememe
