// Parents by co-activation, neuron by neuron.
#include "core/analysis/refinement.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace sememe {
namespace {

constexpr int64_t kNeuronsAtOnce = 4096;  // between two looks at the stop token

// The images of each latent, ascending: the codes by column.
struct Columns {
  std::vector<int64_t> offsets;
  std::vector<int32_t> rows;
};

Columns byColumn(const SparseCodes& codes, int64_t latents) {
  const auto* offsets = codes.offsets.const_data_ptr<int64_t>();
  const auto* columns = codes.columns.const_data_ptr<int32_t>();
  Columns result{std::vector<int64_t>(size_t(latents) + 1), std::vector<int32_t>(size_t(codes.nonZeros()))};
  for (int64_t i = 0; i < codes.nonZeros(); ++i) {
    if (columns[i] < 0 || columns[i] >= latents)
      throw Error(ErrorCode::Mismatch, "the codes name a latent that the decoder has not", std::to_string(columns[i]));
    ++result.offsets[size_t(columns[i]) + 1];
  }
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  std::vector<int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  for (int64_t row = 0; row < codes.rows(); ++row)
    for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) result.rows[size_t(next[size_t(columns[i])]++)] = int32_t(row);
  return result;
}

double cosine(const float* a, const float* b, int64_t d) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < d; ++i) {
    ab += double(a[i]) * b[i];
    aa += double(a[i]) * a[i];
    bb += double(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace

std::vector<Refinement> findRefinements(const SparseCodes& codes, const at::Tensor& decoder, std::span<const int64_t> groupSizes,
                                        const std::stop_token& stop, const ProgressFn& progress) {
  at::NoGradGuard noGrad;
  const int64_t latents = std::accumulate(groupSizes.begin(), groupSizes.end(), int64_t{0});
  if (decoder.dim() != 2 || decoder.size(0) != latents || std::any_of(groupSizes.begin(), groupSizes.end(), [](int64_t size) { return size < 1; }))
    throw Error(ErrorCode::Mismatch, "expected a decoder row for each of the " + std::to_string(latents) + " latents of the groups");
  std::vector<Refinement> result(static_cast<size_t>(latents));
  const at::Tensor rows = decoder.to(at::kCPU, at::kFloat).contiguous();
  const float* direction = rows.const_data_ptr<float>();
  const int64_t d = rows.size(1);
  const Columns columns = byColumn(codes, latents);
  const auto* offsets = codes.offsets.const_data_ptr<int64_t>();
  const auto* active = codes.columns.const_data_ptr<int32_t>();
  const auto images = double(std::max<int64_t>(codes.rows(), 1));
  const auto firing = [&](int64_t neuron) { return columns.offsets[size_t(neuron) + 1] - columns.offsets[size_t(neuron)]; };

  ProgressMeter meter(progress, "Finding what neurons refine", latents - groupSizes[0], 0);
  int64_t before = 0, first = groupSizes[0];  // of the coarser group, of this one
  for (size_t group = 1; group < groupSizes.size(); ++group) {
    const int64_t end = first + groupSizes[group];
    for (int64_t piece = first; piece < end; piece += kNeuronsAtOnce) {
      throwIfStopped(stop);
      const int64_t pieceEnd = std::min(piece + kNeuronsAtOnce, end);
      parallelFor(piece, pieceEnd, 64, [&](int64_t from, int64_t to) {
        std::vector<int32_t> together(size_t(first - before));  // images shared with each candidate
        std::vector<int32_t> seen;
        for (int64_t neuron = from; neuron < to; ++neuron) {
          seen.clear();
          for (int64_t i = columns.offsets[size_t(neuron)]; i < columns.offsets[size_t(neuron) + 1]; ++i) {
            const int32_t row = columns.rows[size_t(i)];
            const int32_t* begin = std::lower_bound(active + offsets[row], active + offsets[row + 1], int32_t(before));
            for (const int32_t* a = begin; a != active + offsets[row + 1] && *a < first; ++a) {
              if (together[size_t(*a - before)]++ == 0) seen.push_back(*a);
            }
          }
          std::sort(seen.begin(), seen.end());
          double best = kLeastRefinement;
          for (const int32_t candidate : seen) {
            const double share = double(std::exchange(together[size_t(candidate - before)], 0)) / double(firing(neuron));
            const double lift = share - double(firing(candidate)) / images;
            if (lift <= best) continue;  // the cosine can only lower it
            const double alike = cosine(direction + neuron * d, direction + int64_t(candidate) * d, d);
            const double score = lift * (1 + alike) / 2;
            if (score <= best) continue;
            best = score;
            result[size_t(neuron)] = {candidate, float(alike), float(share)};
          }
        }
      });
      meter.advance(pieceEnd - piece);
    }
    before = first;
    first = end;
  }
  meter.finish();
  return result;
}

}  // namespace sememe
