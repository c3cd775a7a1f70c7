// Sparse codes by row → by latent → the score of each latent.
#include "core/analysis/code_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace sememe {

std::vector<double> monosemanticityOfCodes(const SparseCodes& codes, int64_t latents, const MsEmbeddings& embeddings,
                                           int64_t rowsPerImage) {
  if (codes.rows() != embeddings.images() * rowsPerImage) {
    throw Error(ErrorCode::Mismatch, "expected codes of " + std::to_string(embeddings.images() * rowsPerImage) + " rows, one for each embedding",
                std::to_string(codes.rows()));
  }
  const auto* offsets = codes.offsets.const_data_ptr<int64_t>();
  const auto* columns = codes.columns.const_data_ptr<int32_t>();
  const auto* values = codes.values.const_data_ptr<float>();
  const auto nonZeros = static_cast<size_t>(codes.nonZeros());
  std::vector<int64_t> begin(static_cast<size_t>(latents) + 1);
  for (size_t i = 0; i < nonZeros; ++i) ++begin[static_cast<size_t>(columns[i]) + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<uint32_t> images(nonZeros);
  std::vector<float> strengths(nonZeros);
  std::vector<int64_t> next(begin.begin(), begin.end() - 1);
  for (int64_t row = 0; row < codes.rows(); ++row) {
    const auto image = static_cast<uint32_t>(row / rowsPerImage);
    for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      int64_t& at = next[static_cast<size_t>(columns[i])];
      const bool again = at > begin[static_cast<size_t>(columns[i])] && images[static_cast<size_t>(at) - 1] == image;
      if (!again) {
        images[static_cast<size_t>(at)] = image;
        strengths[static_cast<size_t>(at++)] = values[i];
      } else {
        strengths[static_cast<size_t>(at) - 1] += values[i];
      }
    }
  }
  std::vector<double> scores(static_cast<size_t>(latents));
  parallelFor(0, latents, 64, [&](int64_t from, int64_t to) {
    for (int64_t f = from; f < to; ++f) {
      const auto first = static_cast<size_t>(begin[static_cast<size_t>(f)]);
      const auto count = static_cast<size_t>(next[static_cast<size_t>(f)]) - first;
      scores[static_cast<size_t>(f)] = msOfNeuron(std::span(images).subspan(first, count), std::span(strengths).subspan(first, count), embeddings);
    }
  });
  return scores;
}

MsStats summarise(std::span<const double> scores) {
  std::vector<double> known;
  std::copy_if(scores.begin(), scores.end(), std::back_inserter(known), [](double s) { return !std::isnan(s); });
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (known.empty()) return {0, none, none, none};
  std::sort(known.begin(), known.end());
  const size_t n = known.size();
  return {static_cast<int64_t>(n), std::accumulate(known.begin(), known.end(), 0.0) / static_cast<double>(n),
          (known[(n - 1) / 2] + known[n / 2]) / 2, known.back()};
}

}  // namespace sememe
