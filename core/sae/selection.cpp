// Which latents of a batch stay non-zero.
#include "core/sae/selection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/base/parallel.h"

namespace sememe {
namespace {

struct Candidates {
  std::vector<int32_t> rows, latents;
  std::vector<float> values;

  void add(int64_t row, int64_t latent, float value) {
    rows.push_back(static_cast<int32_t>(row));
    latents.push_back(static_cast<int32_t>(latent));
    values.push_back(value);
  }
  void append(const Candidates& more) {
    rows.insert(rows.end(), more.rows.begin(), more.rows.end());
    latents.insert(latents.end(), more.latents.begin(), more.latents.end());
    values.insert(values.end(), more.values.begin(), more.values.end());
  }
};

constexpr float kLeast = std::numeric_limits<float>::denorm_min();  // the least value that may stay

// The `keep`-th largest of `values` (reordered), and how many values equal to it are among the kept; {kLeast, all}
// when all are.
struct Edge {
  float value = kLeast;
  int64_t atEdge = std::numeric_limits<int64_t>::max();
};

Edge findEdge(std::vector<float>& values, int64_t keep) {
  if (static_cast<int64_t>(values.size()) <= keep) return {};
  const auto edge = values.begin() + (keep - 1);
  std::nth_element(values.begin(), edge, values.end(), std::greater<float>());
  return {*edge, keep - std::count_if(values.begin(), edge, [&](float v) { return v > *edge; })};
}

// A value below the `keep`-th largest of `data` with near certainty, and not far below it.
float guessEdge(const float* data, int64_t n, int64_t keep) {
  constexpr int64_t kSamples = 1 << 16;
  if (n < 8 * kSamples) return kLeast;
  const int64_t stride = n / kSamples | 1;  // odd, so that it does not meet the same latents in each row
  std::vector<float> sample;
  for (int64_t i = 0; i < n; i += stride) {
    if (data[i] > 0) sample.push_back(data[i]);
  }
  const double share = static_cast<double>(keep) / static_cast<double>(n) * static_cast<double>((n + stride - 1) / stride);
  const auto rank = static_cast<size_t>(share * 1.1 + 5 * std::sqrt(share) + 10);
  if (rank >= sample.size()) return kLeast;
  std::nth_element(sample.begin(), sample.begin() + static_cast<int64_t>(rank), sample.end(), std::greater<float>());
  return sample[rank];
}

// Values of at least `least`, in order.
Candidates gather(const float* data, int64_t rows, int64_t latents, float least) {
  constexpr int64_t kBlock = 64;
  std::vector<Candidates> blocks(static_cast<size_t>((rows + kBlock - 1) / kBlock));
  parallelFor(0, static_cast<int64_t>(blocks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      Candidates& here = blocks[static_cast<size_t>(block)];
      for (int64_t row = block * kBlock; row < std::min(rows, (block + 1) * kBlock); ++row) {
        const float* values = data + row * latents;
        for (int64_t f = 0; f < latents; ++f) {
          if (values[f] >= least) here.add(row, f, values[f]);
        }
      }
    }
  });
  Candidates all = std::move(blocks.front());
  for (size_t i = 1; i < blocks.size(); ++i) all.append(blocks[i]);
  return all;
}

Candidates largestOfAll(const float* data, int64_t rows, int64_t latents, int64_t keep) {
  float least = guessEdge(data, rows * latents, keep);
  Candidates all = gather(data, rows, latents, least);
  if (least > kLeast && static_cast<int64_t>(all.values.size()) < keep) all = gather(data, rows, latents, kLeast);
  std::vector<float> values = all.values;
  Edge edge = findEdge(values, keep);
  Candidates kept;
  for (size_t i = 0; i < all.values.size(); ++i) {
    if (all.values[i] > edge.value || (all.values[i] == edge.value && edge.atEdge-- > 0)) {
      kept.add(all.rows[i], all.latents[i], all.values[i]);
    }
  }
  return kept;
}

Candidates largestOfEachRow(const float* data, int64_t rows, int64_t latents, int64_t keep) {
  constexpr int64_t kBlock = 64;
  std::vector<Candidates> blocks(static_cast<size_t>((rows + kBlock - 1) / kBlock));
  parallelFor(0, static_cast<int64_t>(blocks.size()), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> positive;
    for (int64_t block = begin; block < end; ++block) {
      for (int64_t row = block * kBlock; row < std::min(rows, (block + 1) * kBlock); ++row) {
        const float* values = data + row * latents;
        positive.clear();
        for (int64_t f = 0; f < latents; ++f) {
          if (values[f] > 0) positive.push_back(values[f]);
        }
        Edge edge = findEdge(positive, keep);
        for (int64_t f = 0; f < latents; ++f) {
          if (values[f] > edge.value || (values[f] == edge.value && edge.atEdge-- > 0)) {
            blocks[static_cast<size_t>(block)].add(row, f, values[f]);
          }
        }
      }
    }
  });
  Candidates all = std::move(blocks.front());
  for (size_t i = 1; i < blocks.size(); ++i) all.append(blocks[i]);
  return all;
}

float smallestOf(const SelectedCodes& codes, bool perRow) {
  if (codes.values.empty()) return 0;
  if (!perRow) return *std::min_element(codes.values.begin(), codes.values.end());
  double sum = 0;
  int64_t rows = 0;
  for (size_t row = 0; row + 1 < codes.rowBegin.size(); ++row) {
    const auto begin = codes.values.begin() + codes.rowBegin[row], end = codes.values.begin() + codes.rowBegin[row + 1];
    if (begin == end) continue;
    sum += *std::min_element(begin, end);
    ++rows;
  }
  return static_cast<float>(sum / static_cast<double>(rows));
}

}  // namespace

SelectedCodes selectCodes(const at::Tensor& pre, const Selection& selection) {
  const int64_t rows = pre.size(0), latents = pre.size(1);
  const float* data = pre.const_data_ptr<float>();
  Candidates kept = selection.perRow ? largestOfEachRow(data, rows, latents, selection.k)
                                     : largestOfAll(data, rows, latents, selection.k * rows);
  SelectedCodes codes;
  codes.rowBegin.assign(static_cast<size_t>(rows) + 1, 0);
  codes.latentBegin.assign(static_cast<size_t>(latents) + 1, 0);
  for (size_t i = 0; i < kept.values.size(); ++i) {
    ++codes.rowBegin[static_cast<size_t>(kept.rows[i]) + 1];
    ++codes.latentBegin[static_cast<size_t>(kept.latents[i]) + 1];
  }
  std::partial_sum(codes.rowBegin.begin(), codes.rowBegin.end(), codes.rowBegin.begin());
  std::partial_sum(codes.latentBegin.begin(), codes.latentBegin.end(), codes.latentBegin.begin());
  std::vector<int64_t> next(codes.latentBegin.begin(), codes.latentBegin.end() - 1);
  codes.byLatent.resize(kept.values.size());
  for (size_t i = 0; i < kept.values.size(); ++i) {
    codes.byLatent[static_cast<size_t>(next[static_cast<size_t>(kept.latents[i])]++)] = static_cast<int64_t>(i);
  }
  codes.latents = std::move(kept.latents);
  codes.values = std::move(kept.values);
  codes.rows = std::move(kept.rows);
  codes.smallest = smallestOf(codes, selection.perRow);
  return codes;
}

}  // namespace sememe
