// The embeddings that scores are taken with, and the score of one neuron given as its column.
#include "core/analysis/monosemanticity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/analysis/neuron_sums.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace sememe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallestNorm = 1e-8;  // F.cosine_similarity's eps

[[noreturn]] void throwNotFinite(const char* what, const std::string& where) {
  throw Error(ErrorCode::Invalid, std::string(what) + " holds a value that is NaN or infinite", where);
}

}  // namespace

MsEmbeddings::MsEmbeddings(const at::Tensor& embeddings) {
  if (!embeddings.defined() || embeddings.dim() != 2 || embeddings.size(1) < 1 ||
      at::isComplexType(embeddings.scalar_type())) {
    throw Error(ErrorCode::Mismatch, "expected embeddings as a matrix of images and values");
  }
  m_rows = embeddings.detach().to(at::kCPU, at::kFloat).contiguous();
  m_data = m_rows.const_data_ptr<float>();
  m_inverseNorms.resize(static_cast<size_t>(images()));
  parallelFor(0, images(), 256, [&](int64_t from, int64_t to) {
    for (int64_t image = from; image < to; ++image) {
      double square = 0;
      for (int64_t i = 0; i < dim(); ++i) square += static_cast<double>(row(image)[i]) * row(image)[i];
      // The square of a float cannot overflow a double, so this is where NaN and infinity show.
      if (!std::isfinite(square)) throwNotFinite("the embeddings", "row " + std::to_string(image));
      m_inverseNorms[static_cast<size_t>(image)] = 1 / std::max(std::sqrt(square), kSmallestNorm);
    }
  });
}

double msOfNeuron(std::span<const uint32_t> images, std::span<const float> values, const MsEmbeddings& embeddings) {
  const int64_t total = embeddings.images();
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
  const auto range = ActivationRange::of(low, high);
  if (!range.any()) return kNaN;

  std::vector<double> sum(static_cast<size_t>(embeddings.dim()));
  NeuronSums sums;
  if (low < 0 && anySilent) {
    // A silent image is then above the minimum: every image takes part.
    size_t next = 0;
    for (int64_t image = 0; image < total; ++image) {
      const bool listed = next < images.size() && images[next] == image;
      sums.add(range.scaled(listed ? values[next++] : 0.0F), embeddings, image, sum.data());
    }
  } else {
    for (size_t i = 0; i < images.size(); ++i) sums.add(range.scaled(values[i]), embeddings, images[i], sum.data());
  }
  return sums.score();
}

}  // namespace sememe
