// The monosemanticity score from running sums over the images, without the pairs.
#include "core/analysis/monosemanticity.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallestNorm = 1e-8;  // F.cosine_similarity's eps
constexpr int64_t kBlockRows = 256;     // images whose pairs among each other are taken from their Gram matrix

[[noreturn]] void throwNotFinite(const char* what, const std::string& where) {
  throw Error(ErrorCode::Invalid, std::string(what) + " holds a value that is NaN or infinite", where);
}

// Smallest and largest activation of each neuron over all rows.
struct Ranges {
  at::Tensor low, high;  // float32 [F]
};

// One block of rows, checked.
at::Tensor readBlock(const RowReader& read, int64_t begin, int64_t count, int64_t neurons) {
  at::Tensor block = read(begin, count);
  if (!block.defined() || block.dim() != 2 || block.size(0) != count || block.size(1) != neurons) {
    std::ostringstream text;
    text << "expected activations of " << count << " rows and " << neurons << " neurons";
    throw Error(ErrorCode::Mismatch, text.str(), "row " + std::to_string(begin));
  }
  return block.to(at::kCPU, at::kFloat).contiguous();
}

Ranges findRanges(const RowReader& read, int64_t rows, int64_t neurons, const std::stop_token& stop, ProgressMeter& meter) {
  Ranges ranges{at::full({neurons}, std::numeric_limits<float>::infinity()),
                at::full({neurons}, -std::numeric_limits<float>::infinity())};
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    throwIfStopped(stop);
    const int64_t count = std::min(kBlockRows, rows - begin);
    const at::Tensor block = readBlock(read, begin, count, neurons);
    const at::Tensor finite = at::isfinite(block);
    if (!finite.all().item<bool>()) {
      const at::Tensor at = finite.logical_not().nonzero()[0];
      throwNotFinite("the activations", "row " + std::to_string(begin + at[0].item<int64_t>()) + ", neuron " +
                                            std::to_string(at[1].item<int64_t>()));
    }
    const auto [low, high] = block.aminmax(0);
    ranges.low = at::minimum(ranges.low, low);
    ranges.high = at::maximum(ranges.high, high);
    meter.advance(count);
  }
  return ranges;
}

}  // namespace

MsEmbeddings::MsEmbeddings(const at::Tensor& embeddings) {
  if (!embeddings.defined() || embeddings.dim() != 2 || embeddings.size(1) < 1 ||
      at::isComplexType(embeddings.scalar_type())) {
    throw Error(ErrorCode::Mismatch, "expected embeddings as a matrix of images and values");
  }
  m_rows = embeddings.detach().to(at::kCPU, at::kFloat).contiguous();
  m_data = m_rows.const_data_ptr<float>();
  m_inverseNorms.reserve(static_cast<size_t>(images()));
  for (int64_t image = 0; image < images(); ++image) {
    double square = 0;
    for (int64_t i = 0; i < dim(); ++i) square += static_cast<double>(row(image)[i]) * row(image)[i];
    // The square of a float cannot overflow a double, so this is where NaN and infinity show.
    if (!std::isfinite(square)) throwNotFinite("the embeddings", "row " + std::to_string(image));
    m_inverseNorms.push_back(1 / std::max(std::sqrt(square), kSmallestNorm));
  }
}

at::Tensor MsEmbeddings::unitRows(int64_t begin, int64_t count) const {
  const at::Tensor scale = at::tensor(at::ArrayRef<double>(m_inverseNorms.data() + begin, static_cast<size_t>(count)));
  return m_rows.narrow(0, begin, count).to(at::kDouble) * scale.unsqueeze(1);
}

double msOfNeuron(std::span<const uint32_t> images, std::span<const float> values, const MsEmbeddings& embeddings) {
  const int64_t total = embeddings.images(), d = embeddings.dim();
  if (images.size() != values.size()) {
    throw Error(ErrorCode::Mismatch, "expected as many activations as images", std::to_string(images.size()));
  }
  for (size_t i = 0; i < images.size(); ++i) {
    if (images[i] >= total || (i > 0 && images[i] <= images[i - 1])) {
      throw Error(ErrorCode::Invalid, "expected ascending image numbers below " + std::to_string(total),
                  "image " + std::to_string(images[i]));
    }
    if (!std::isfinite(values[i])) throwNotFinite("the activations", "image " + std::to_string(images[i]));
  }
  if (images.empty()) return kNaN;
  const bool anySilent = static_cast<int64_t>(images.size()) < total;
  float low = *std::min_element(values.begin(), values.end()), high = *std::max_element(values.begin(), values.end());
  if (anySilent) {
    low = std::min(low, 0.0F);
    high = std::max(high, 0.0F);
  }
  const float range = high - low;
  if (!(range > 0) || !std::isfinite(range)) return kNaN;

  std::vector<double> sum(static_cast<size_t>(d));
  double weightSum = 0, weight = 0, similarity = 0;
  const auto add = [&](int64_t image, float value) {
    const double a = (value - low) / range;  // float32 until here, as the paper's program
    if (a == 0) return;
    const float* e = embeddings.row(image);
    const double scale = a * embeddings.inverseNorm(image);
    double partial[4] = {};
    int64_t i = 0;
    for (; i + 4 <= d; i += 4) {
      for (int j = 0; j < 4; ++j) {
        partial[j] += sum[i + j] * e[i + j];
        sum[i + j] += scale * e[i + j];
      }
    }
    for (; i < d; ++i) {
      partial[0] += sum[i] * e[i];
      sum[i] += scale * e[i];
    }
    similarity += scale * ((partial[0] + partial[1]) + (partial[2] + partial[3]));
    weight += a * weightSum;
    weightSum += a;
  };
  if (low < 0 && anySilent) {
    // A silent image is then above the minimum: every image takes part.
    size_t next = 0;
    for (int64_t image = 0; image < total; ++image) {
      const bool listed = next < images.size() && images[next] == image;
      add(image, listed ? values[next++] : 0.0F);
    }
  } else {
    for (size_t i = 0; i < images.size(); ++i) add(images[i], values[i]);
  }
  return weight > 0 ? similarity / weight : kNaN;
}

std::vector<double> monosemanticity(const RowReader& read, int64_t neurons, const MsEmbeddings& embeddings,
                                    const std::stop_token& stop, const ProgressFn& progress, int64_t memoryBytes) {
  at::NoGradGuard noGrad;
  if (neurons < 1) throw Error(ErrorCode::Invalid, "expected at least one neuron", std::to_string(neurons));
  const int64_t rows = embeddings.images(), d = embeddings.dim();
  std::vector<double> scores(static_cast<size_t>(neurons), kNaN);
  if (rows < 2) return scores;

  // Of each neuron: S, a block's share of it, and the products of the same size.
  const int64_t group = std::clamp<int64_t>(memoryBytes / (d * 3 * int64_t{sizeof(double)}), 1, neurons);
  const int64_t groups = (neurons + group - 1) / group;
  ProgressMeter meter(progress, "Scoring neurons", rows * (1 + groups));
  const Ranges ranges = findRanges(read, rows, neurons, stop, meter);
  const at::Tensor range = ranges.high - ranges.low;

  for (int64_t first = 0; first < neurons; first += group) {
    const int64_t count = std::min(group, neurons - first);
    const at::Tensor low = ranges.low.narrow(0, first, count), width = range.narrow(0, first, count);
    at::Tensor sum = at::zeros({count, d}, at::kDouble);         // S
    at::Tensor weightSum = at::zeros({count}, at::kDouble);      // T
    at::Tensor similarity = weightSum.clone(), weight = weightSum.clone();
    for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
      throwIfStopped(stop);
      const int64_t n = std::min(kBlockRows, rows - begin);
      const at::Tensor block = readBlock(read, begin, n, neurons).narrow(1, first, count);
      const at::Tensor a = ((block - low) / width).to(at::kDouble);  // float32 until here; NaN for constant neurons
      const at::Tensor unit = embeddings.unitRows(begin, n);

      // Pairs inside the block: Σ_{i<j} a_i a_j cos_ij, half the sum over i ≠ j.
      const at::Tensor cosines = at::mm(unit, unit.t());
      cosines.fill_diagonal_(0);
      similarity.add_((a * at::mm(cosines, a)).sum(0), 0.5);
      const at::Tensor before = a.cumsum(0);
      weight.add_((a.narrow(0, 1, n - 1) * before.narrow(0, 0, n - 1)).sum(0));
      // Pairs of an image before the block and one inside.
      const at::Tensor blockSum = at::mm(a.t(), unit);
      const at::Tensor blockWeight = before[n - 1];
      similarity.add_((blockSum * sum).sum(1));
      weight.add_(blockWeight * weightSum);
      sum.add_(blockSum);
      weightSum.add_(blockWeight);
      meter.advance(n);
    }
    const auto* q = similarity.const_data_ptr<double>();
    const auto* p = weight.const_data_ptr<double>();
    for (int64_t i = 0; i < count; ++i) {
      if (p[i] > 0) scores[static_cast<size_t>(first + i)] = q[i] / p[i];  // never for NaN
    }
  }
  meter.finish();
  return scores;
}

}  // namespace sememe
