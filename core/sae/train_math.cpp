// Batch top-k and the gradients of one training step.
#include "core/sae/train_math.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace sememe {
namespace {

// The non-zeros of a batch of codes, by row and by latent.
struct Codes {
  std::vector<int64_t> rowBegin;     // [B + 1]
  std::vector<int32_t> latents;      // [nnz], ascending within a row
  std::vector<float> values;         // [nnz]
  std::vector<int64_t> latentBegin;  // [F + 1]
  std::vector<int64_t> byLatent;     // [nnz]: positions in the lists above, ascending within a latent
  std::vector<int32_t> rows;         // [nnz], row of each position
};

// y += a x; plain enough for the compiler to vectorise.
void addScaled(float a, const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

float dot(const float* x, const float* y, int64_t n) {
  // Eight sums side by side: the order of additions is fixed, and they fit a vector register.
  float sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) sums[j] += x[i + j] * y[i + j];
  }
  float sum = 0;
  for (; i < n; ++i) sum += x[i] * y[i];
  for (const float part : sums) sum += part;
  return sum;
}

// The `keep`-th largest positive value, and how many values equal to it belong to the kept ones.
struct Edge {
  float value = 0;
  int64_t atEdge = 0;
};

Edge findEdge(const float* data, int64_t n, int64_t keep) {
  std::vector<float> positive;
  for (int64_t i = 0; i < n; ++i) {
    if (data[i] > 0) positive.push_back(data[i]);
  }
  if (static_cast<int64_t>(positive.size()) <= keep) return {};
  const auto edge = positive.begin() + (keep - 1);
  std::nth_element(positive.begin(), edge, positive.end(), std::greater<float>());
  const int64_t above = std::count_if(positive.begin(), edge, [&](float v) { return v > *edge; });
  return {*edge, keep - above};
}

Codes select(const at::Tensor& post, const Selection& keep) {
  const int64_t rows = post.size(0), latents = post.size(1), kept = keep.k * rows;
  const float* data = post.const_data_ptr<float>();
  Codes codes;
  codes.latents.reserve(static_cast<size_t>(kept));
  codes.values.reserve(static_cast<size_t>(kept));
  codes.rows.reserve(static_cast<size_t>(kept));
  codes.rowBegin.push_back(0);
  codes.latentBegin.assign(static_cast<size_t>(latents) + 1, 0);
  Edge edge;
  if (!keep.perRow) edge = findEdge(data, rows * latents, kept);
  for (int64_t row = 0; row < rows; ++row, data += latents) {
    if (keep.perRow) edge = findEdge(data, latents, keep.k);
    for (int64_t f = 0; f < latents; ++f) {
      if (!(data[f] > 0) || data[f] < edge.value || (data[f] == edge.value && edge.atEdge-- <= 0)) continue;
      codes.latents.push_back(static_cast<int32_t>(f));
      codes.values.push_back(data[f]);
      codes.rows.push_back(static_cast<int32_t>(row));
      ++codes.latentBegin[static_cast<size_t>(f) + 1];
    }
    codes.rowBegin.push_back(static_cast<int64_t>(codes.values.size()));
  }
  std::partial_sum(codes.latentBegin.begin(), codes.latentBegin.end(), codes.latentBegin.begin());
  std::vector<int64_t> next(codes.latentBegin.begin(), codes.latentBegin.end() - 1);
  codes.byLatent.resize(codes.values.size());
  for (size_t i = 0; i < codes.values.size(); ++i) {
    codes.byLatent[static_cast<size_t>(next[static_cast<size_t>(codes.latents[i])]++)] = static_cast<int64_t>(i);
  }
  return codes;
}

// What the threshold follows.
float smallestOf(const Codes& codes, const Selection& keep) {
  if (codes.values.empty()) return 0;
  if (!keep.perRow) return *std::min_element(codes.values.begin(), codes.values.end());
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

std::vector<int64_t> groupEnds(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> ends(sizes.size());
  std::partial_sum(sizes.begin(), sizes.end(), ends.begin());
  return ends;
}

// Of the encoder: b_enc's gradient is that of the pre-activations, which also reach b_dec through x − b_dec.
void addEncoderPartToDecoderBias(const SaeTensors& weights, const at::Tensor& bEncGradient, at::Tensor& bDecGradient) {
  bDecGradient.sub_(at::mv(weights.wEncT.t(), bEncGradient));
}

}  // namespace

TrainPass sparseTrainPass(const SaeTensors& weights, const at::Tensor& x, const at::Tensor& post, const Selection& keep,
                          const std::vector<int64_t>& groupSizes, const std::vector<double>& groupScales) {
  const int64_t rows = x.size(0), d = x.size(1), latents = post.size(1);
  const auto groups = static_cast<int64_t>(groupSizes.size());
  const std::vector<int64_t> ends = groupEnds(groupSizes);
  const Codes codes = select(post.contiguous(), keep);

  TrainPass pass;
  pass.nonZeros = static_cast<int64_t>(codes.values.size());
  pass.smallest = smallestOf(codes, keep);
  pass.fired = at::zeros({latents}, at::kBool);
  auto* fired = pass.fired.data_ptr<bool>();
  for (const int32_t f : codes.latents) fired[f] = true;

  pass.residual = at::empty_like(x);
  // upstream[g][row] = gradient of the loss with respect to the part of the reconstruction that group g gives.
  at::Tensor upstream = at::empty({groups, rows, d}, at::kFloat);
  std::vector<double> rowLosses(static_cast<size_t>(groups * rows));
  std::vector<float> codeGradients(codes.values.size());
  const float* xData = x.const_data_ptr<float>();
  const float* wDec = weights.wDec.const_data_ptr<float>();
  const float* bDec = weights.bDec.const_data_ptr<float>();
  auto* residual = pass.residual.data_ptr<float>();
  auto* up = upstream.data_ptr<float>();

  at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* error = residual + row * d;
      for (int64_t i = 0; i < d; ++i) error[i] = xData[row * d + i] - bDec[i];
      int64_t at = codes.rowBegin[row];
      const int64_t rowEnd = codes.rowBegin[row + 1];
      for (int64_t g = 0; g < groups; ++g) {
        for (; at < rowEnd && codes.latents[at] < ends[g]; ++at) {
          addScaled(-codes.values[at], wDec + codes.latents[at] * d, error, d);
        }
        double loss = 0;
        for (int64_t i = 0; i < d; ++i) loss += static_cast<double>(error[i]) * error[i];
        rowLosses[static_cast<size_t>(g * rows + row)] = loss;
        const auto factor = static_cast<float>(-2.0 * groupScales[static_cast<size_t>(g)] / static_cast<double>(rows));
        float* here = up + (g * rows + row) * d;
        for (int64_t i = 0; i < d; ++i) here[i] = factor * error[i];
      }
      // A group's part is in its own reconstruction and in those of all later groups.
      for (int64_t g = groups - 2; g >= 0; --g) addScaled(1, up + ((g + 1) * rows + row) * d, up + (g * rows + row) * d, d);
      int64_t g = 0;
      for (at = codes.rowBegin[row]; at < rowEnd; ++at) {
        while (codes.latents[at] >= ends[g]) ++g;
        codeGradients[at] = dot(up + (g * rows + row) * d, wDec + codes.latents[at] * d, d);
      }
    }
  });
  for (int64_t g = 0; g < groups; ++g) {
    const auto first = rowLosses.begin() + g * rows;
    pass.groupLosses.push_back(std::accumulate(first, first + rows, 0.0) / static_cast<double>(rows));
  }

  SaeTensors& gradients = pass.gradients;
  gradients.wEncT = at::zeros_like(weights.wEncT);
  gradients.wDec = at::zeros_like(weights.wDec);
  gradients.bEnc = at::zeros_like(weights.bEnc);
  auto* gEnc = gradients.wEncT.data_ptr<float>();
  auto* gDec = gradients.wDec.data_ptr<float>();
  auto* gBias = gradients.bEnc.data_ptr<float>();
  at::parallel_for(0, latents, 16, [&](int64_t begin, int64_t end) {
    std::vector<float> centred(static_cast<size_t>(d));
    int64_t g = 0;
    for (int64_t f = begin; f < end; ++f) {
      while (f >= ends[g]) ++g;
      for (int64_t i = codes.latentBegin[f]; i < codes.latentBegin[f + 1]; ++i) {
        const int64_t at = codes.byLatent[i];
        const int64_t row = codes.rows[at];
        addScaled(codes.values[at], up + (g * rows + row) * d, gDec + f * d, d);
        for (int64_t j = 0; j < d; ++j) centred[j] = xData[row * d + j] - bDec[j];
        addScaled(codeGradients[at], centred.data(), gEnc + f * d, d);
        gBias[f] += codeGradients[at];
      }
    }
  });
  gradients.bDec = upstream[0].sum(0);
  addEncoderPartToDecoderBias(weights, gradients.bEnc, gradients.bDec);
  return pass;
}

TrainPass denseTrainPass(const SaeTensors& weights, const at::Tensor& x, const at::Tensor& post, const Selection& keep,
                         const std::vector<int64_t>& groupSizes, const std::vector<double>& groupScales) {
  const int64_t rows = x.size(0), latents = post.size(1);
  const auto groups = static_cast<int64_t>(groupSizes.size());
  const at::Tensor candidates = keep.perRow ? post : post.view({1, rows * latents});
  const auto [topValues, topIndices] =
      candidates.topk(keep.perRow ? keep.k : keep.k * rows, -1, true, /*sorted=*/false);
  const at::Tensor z = at::zeros_like(candidates).scatter_(-1, topIndices, topValues).view({rows, latents});

  TrainPass pass;
  const at::Tensor positive = z > 0;
  pass.fired = positive.any(0);
  pass.nonZeros = positive.sum().item<int64_t>();
  if (pass.nonZeros > 0) {
    const at::Tensor least = topValues.masked_fill(topValues <= 0, std::numeric_limits<float>::infinity()).amin(1);
    pass.smallest = least.masked_select(least.isfinite()).mean().item<float>();
  }

  std::vector<at::Tensor> upstream;
  at::Tensor error = x - weights.bDec;
  for (int64_t g = 0, begin = 0; g < groups; begin += groupSizes[g++]) {
    error = error - at::mm(z.narrow(1, begin, groupSizes[g]), weights.wDec.narrow(0, begin, groupSizes[g]));
    pass.groupLosses.push_back(error.square().sum(-1).mean(at::kDouble).item<double>());
    upstream.push_back(error * (-2.0 * groupScales[static_cast<size_t>(g)] / static_cast<double>(rows)));
  }
  pass.residual = error;
  for (int64_t g = groups - 2; g >= 0; --g) upstream[g] = upstream[g] + upstream[g + 1];

  SaeTensors& gradients = pass.gradients;
  gradients.wDec = at::empty_like(weights.wDec);
  at::Tensor codeGradients = at::empty_like(z);
  for (int64_t g = 0, begin = 0; g < groups; begin += groupSizes[g++]) {
    const at::Tensor part = z.narrow(1, begin, groupSizes[g]);
    gradients.wDec.narrow(0, begin, groupSizes[g]).copy_(at::mm(part.t(), upstream[g]));
    codeGradients.narrow(1, begin, groupSizes[g])
        .copy_(at::mm(upstream[g], weights.wDec.narrow(0, begin, groupSizes[g]).t()));
  }
  codeGradients.mul_(positive);
  gradients.wEncT = at::mm(codeGradients.t(), x - weights.bDec);
  gradients.bEnc = codeGradients.sum(0);
  gradients.bDec = upstream[0].sum(0);
  addEncoderPartToDecoderBias(weights, gradients.bEnc, gradients.bDec);
  return pass;
}

double auxiliaryPass(const SaeTensors& weights, const at::Tensor& x, const at::Tensor& post, const at::Tensor& residual,
                     const at::Tensor& dead, int64_t keep, double scale, SaeTensors& gradients) {
  const auto rows = static_cast<double>(x.size(0));
  at::Tensor latents = post.index_select(1, dead);
  if (keep < dead.numel()) {
    const auto [values, indices] = latents.topk(keep, -1, true, /*sorted=*/false);
    latents = at::zeros_like(latents).scatter_(-1, indices, values);
  }
  const at::Tensor directions = weights.wDec.index_select(0, dead);
  const at::Tensor error = residual - at::mm(latents, directions);
  const double loss = error.square().sum(-1).mean().item<double>();
  const double variance = (residual - residual.mean(0, true)).square().sum(-1).mean().item<double>();
  const double ratio = loss / variance;
  if (std::isnan(ratio)) return 0;
  // A residual without variance: the ratio is cut off at the largest float, where it has no slope.
  if (std::isinf(ratio)) return std::numeric_limits<float>::max();

  const at::Tensor upstream = error * (-2.0 * scale / (rows * variance));
  const at::Tensor codeGradients = at::mm(upstream, directions.t()).mul_(latents > 0);
  const at::Tensor bias = codeGradients.sum(0);
  gradients.wDec.index_add_(0, dead, at::mm(latents.t(), upstream));
  gradients.wEncT.index_add_(0, dead, at::mm(codeGradients.t(), x - weights.bDec));
  gradients.bEnc.index_add_(0, dead, bias);
  gradients.bDec.sub_(at::mv(weights.wEncT.index_select(0, dead).t(), bias));
  return ratio;
}

at::Tensor geometricMedian(const at::Tensor& x) {
  at::Tensor guess = x.mean(0);
  for (int i = 0; i < 100; ++i) {
    at::Tensor shares = (x - guess).norm(2, 1).reciprocal();
    shares = shares / shares.sum();
    const at::Tensor next = (shares.unsqueeze(1) * x).sum(0);
    if (!at::isfinite(next).all().item<bool>()) break;
    const bool settled = (next - guess).norm().item<double>() < 1e-5;
    guess = next;
    if (settled) break;
  }
  return guess;
}

}  // namespace sememe
