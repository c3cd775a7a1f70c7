// Batch top-k and the gradients of one training step.
#include "core/sae/train_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/parallel.h"
#include "core/sae/vector_math.h"

namespace sememe {
namespace {

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

TrainPass sparseTrainPass(const SaeTensors& weights, const at::Tensor& centred, const at::Tensor& pre, const Selection& keep,
                          const std::vector<int64_t>& groupSizes, const std::vector<double>& groupScales,
                          TrainScratch& scratch) {
  const int64_t rows = centred.size(0), d = centred.size(1), latents = pre.size(1);
  const auto groups = static_cast<int64_t>(groupSizes.size());
  const std::vector<int64_t> ends = groupEnds(groupSizes);
  const SelectedCodes codes = selectCodes(pre, keep);

  TrainPass pass;
  pass.nonZeros = static_cast<int64_t>(codes.values.size());
  pass.smallest = codes.smallest;
  pass.fired = at::zeros({latents}, at::kBool);
  auto* fired = pass.fired.data_ptr<bool>();
  for (const int32_t f : codes.latents) fired[f] = true;

  pass.residual = at::empty_like(centred);
  // upstream[g][row] = gradient of the loss with respect to the part of the reconstruction that group g gives.
  if (!scratch.upstream.defined() || scratch.upstream.numel() != groups * rows * d) {
    scratch.upstream = at::empty({groups, rows, d}, at::kFloat);
  }
  std::vector<double> rowLosses(static_cast<size_t>(groups * rows));
  std::vector<float> codeGradients(codes.values.size());
  const float* xData = centred.const_data_ptr<float>();
  const float* wDec = weights.wDec.const_data_ptr<float>();
  auto* residual = pass.residual.data_ptr<float>();
  auto* up = scratch.upstream.data_ptr<float>();

  parallelFor(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* error = residual + row * d;
      std::copy(xData + row * d, xData + (row + 1) * d, error);
      int64_t at = codes.rowBegin[row];
      const int64_t rowEnd = codes.rowBegin[row + 1];
      for (int64_t g = 0; g < groups; ++g) {
        for (; at < rowEnd && codes.latents[at] < ends[g]; ++at) {
          addScaled(-codes.values[at], wDec + codes.latents[at] * d, error, d);
        }
        rowLosses[static_cast<size_t>(g * rows + row)] = squaredNorm(error, d);
        const auto factor = static_cast<float>(-2.0 * groupScales[static_cast<size_t>(g)] / static_cast<double>(rows));
        copyScaled(factor, error, up + (g * rows + row) * d, d);
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

  SaeTensors& gradients = scratch.gradients;
  if (!gradients.wDec.defined()) gradients = {at::empty_like(weights.wEncT), {}, at::empty_like(weights.wDec), {}};
  gradients.bEnc = at::zeros_like(weights.bEnc);
  auto* gEnc = gradients.wEncT.data_ptr<float>();
  auto* gDec = gradients.wDec.data_ptr<float>();
  auto* gBias = gradients.bEnc.data_ptr<float>();
  parallelFor(0, latents, 16, [&](int64_t begin, int64_t end) {
    int64_t g = 0;
    for (int64_t f = begin; f < end; ++f) {
      while (f >= ends[g]) ++g;
      std::fill_n(gDec + f * d, d, 0.0F);
      std::fill_n(gEnc + f * d, d, 0.0F);
      for (int64_t i = codes.latentBegin[f]; i < codes.latentBegin[f + 1]; ++i) {
        const int64_t at = codes.byLatent[i];
        const int64_t row = codes.rows[at];
        addScaled(codes.values[at], up + (g * rows + row) * d, gDec + f * d, d);
        addScaled(codeGradients[at], xData + row * d, gEnc + f * d, d);
        gBias[f] += codeGradients[at];
      }
    }
  });
  gradients.bDec = scratch.upstream[0].sum(0);
  addEncoderPartToDecoderBias(weights, gradients.bEnc, gradients.bDec);
  pass.gradients = gradients;
  return pass;
}

TrainPass denseTrainPass(const SaeTensors& weights, const at::Tensor& centred, const at::Tensor& pre, const Selection& keep,
                         const std::vector<int64_t>& groupSizes, const std::vector<double>& groupScales) {
  const int64_t rows = centred.size(0), latents = pre.size(1);
  const at::Tensor post = pre.relu();
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
  at::Tensor error = centred;
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
  gradients.wEncT = at::mm(codeGradients.t(), centred);
  gradients.bEnc = codeGradients.sum(0);
  gradients.bDec = upstream[0].sum(0);
  addEncoderPartToDecoderBias(weights, gradients.bEnc, gradients.bDec);
  return pass;
}

double auxiliaryPass(const SaeTensors& weights, const at::Tensor& centred, const at::Tensor& pre,
                     const at::Tensor& residual, const at::Tensor& dead, int64_t keep, double scale, SaeTensors& gradients) {
  const auto rows = static_cast<double>(centred.size(0));
  at::Tensor latents = pre.index_select(1, dead).relu_();
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
  gradients.wEncT.index_add_(0, dead, at::mm(codeGradients.t(), centred));
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
