// Monosemanticity of many latents over images that stream by in blocks.
#include "core/analysis/streamed_scores.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace sememe {
namespace {

// The codes of latents first … first + count − 1 by latent: images ascending, and the values beside them.
struct Columns {
  Columns(const CodeRows& codes, int64_t first, int64_t count) : begins(static_cast<size_t>(count) + 1) {
    const auto from = static_cast<uint32_t>(first), past = static_cast<uint32_t>(first + count);
    for (const uint32_t column : codes.columns) {
      if (column >= from && column < past) ++begins[column - from + 1];
    }
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    images.resize(begins.back());
    values.resize(begins.back());
    std::vector<size_t> next(begins.begin(), begins.end() - 1);
    for (int64_t image = 0; image < codes.images(); ++image) {
      for (uint32_t i = codes.offsets[static_cast<size_t>(image)]; i < codes.offsets[static_cast<size_t>(image) + 1]; ++i) {
        if (codes.columns[i] < from || codes.columns[i] >= past) continue;
        const size_t at = next[codes.columns[i] - from]++;
        images[at] = static_cast<uint32_t>(image);
        values[at] = codes.values[i];
      }
    }
  }

  std::vector<size_t> begins;  // [count + 1]
  std::vector<uint32_t> images;
  std::vector<float> values;
};

}  // namespace

LatentRanges::LatentRanges(int64_t latents) {
  if (latents < 1) throw Error(ErrorCode::Invalid, "expected at least one latent", std::to_string(latents));
  const auto n = static_cast<size_t>(latents);
  m_low.assign(n, std::numeric_limits<float>::infinity());
  m_high.assign(n, -std::numeric_limits<float>::infinity());
  m_listed.assign(n, 0);
}

void LatentRanges::add(const CodeRows& codes) {
  for (size_t i = 0; i < codes.columns.size(); ++i) {
    const size_t latent = codes.columns[i];
    if (latent >= m_low.size()) throw Error(ErrorCode::Mismatch, "expected latents below " + std::to_string(m_low.size()), std::to_string(latent));
    m_low[latent] = std::min(m_low[latent], codes.values[i]);
    m_high[latent] = std::max(m_high[latent], codes.values[i]);
    ++m_listed[latent];
  }
  m_images += codes.images();
}

ActivationRange LatentRanges::of(int64_t latent) const {
  const auto i = static_cast<size_t>(latent);
  if (m_images == 0) return {};
  return anySilent(latent) ? ActivationRange::of(std::min(m_low[i], 0.0F), std::max(m_high[i], 0.0F)) : ActivationRange::of(m_low[i], m_high[i]);
}

StreamedScores::StreamedScores(const LatentRanges& ranges, int64_t first, int64_t count, int64_t dim) : m_ranges(ranges), m_first(first) {
  if (first < 0 || count < 1 || first > ranges.latents() - count || dim < 1) {
    throw Error(ErrorCode::Invalid, "expected latents among " + std::to_string(ranges.latents()), std::to_string(first));
  }
  m_sums.resize(static_cast<size_t>(count));
  m_embeddings = at::zeros({count, dim}, at::kDouble);
}

void StreamedScores::add(const CodeRows& codes, const MsEmbeddings& embeddings) {
  const auto count = static_cast<int64_t>(m_sums.size());
  if (embeddings.images() != codes.images() || embeddings.dim() != m_embeddings.size(1)) {
    throw Error(ErrorCode::Mismatch, "expected embeddings of " + std::to_string(codes.images()) + " images and " +
                                         std::to_string(m_embeddings.size(1)) + " values each");
  }
  const Columns columns(codes, m_first, count);
  auto* sums = m_embeddings.mutable_data_ptr<double>();
  parallelFor(0, count, 64, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const ActivationRange range = m_ranges.of(m_first + i);
      if (!range.any()) continue;
      size_t next = columns.begins[static_cast<size_t>(i)];
      const size_t end = columns.begins[static_cast<size_t>(i) + 1];
      NeuronSums& sum = m_sums[static_cast<size_t>(i)];
      double* row = sums + i * embeddings.dim();
      if (range.low < 0 && m_ranges.anySilent(m_first + i)) {
        // A silent image is then above the minimum: every image takes part.
        for (int64_t image = 0; image < codes.images(); ++image) {
          const bool listed = next < end && columns.images[next] == image;
          sum.add(range.scaled(listed ? columns.values[next++] : 0.0F), embeddings, image, row);
        }
      } else {
        for (; next < end; ++next) sum.add(range.scaled(columns.values[next]), embeddings, columns.images[next], row);
      }
    }
  });
}

std::vector<double> StreamedScores::scores() const {
  std::vector<double> scores;
  for (const NeuronSums& sums : m_sums) scores.push_back(sums.score());
  return scores;
}

}  // namespace sememe
