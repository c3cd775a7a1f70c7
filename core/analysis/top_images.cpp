// Keeps the strongest images of every neuron in one pass.
#include "core/analysis/top_images.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>

#include "core/base/error.h"

namespace sememe {
namespace {

// Weaker first; of equal activations the earlier image.
bool weaker(const ImageActivation& a, const ImageActivation& b) {
  return a.activation < b.activation || (a.activation == b.activation && a.image < b.image);
}

[[noreturn]] void throwNotFinite(int64_t image, int64_t neuron) {
  throw Error(ErrorCode::Invalid, "the activations hold a value that is NaN or infinite",
              "image " + std::to_string(image) + ", neuron " + std::to_string(neuron));
}

// Completes a neuron's list of listed images by silent ones (activation 0), the latest first, and keeps the k strongest.
// `recent` yields image numbers in descending order.
template <typename Recent>
std::vector<ImageActivation> withSilent(std::vector<ImageActivation> listed, int k, Recent&& recent) {
  std::vector<int64_t> known;
  for (const ImageActivation& entry : listed) known.push_back(entry.image);
  std::sort(known.begin(), known.end());
  while (static_cast<int>(listed.size()) < k) {
    const std::optional<int64_t> image = recent();
    if (!image) break;
    if (!std::binary_search(known.begin(), known.end(), *image)) listed.push_back({*image, 0});
  }
  std::sort(listed.begin(), listed.end(), weaker);
  return listed;
}

}  // namespace

TopImages::TopImages(int64_t neurons, int k) : m_neurons(neurons), m_k(k) {
  if (neurons < 1 || k < 1) throw Error(ErrorCode::Invalid, "expected at least one neuron and one image to keep");
  m_kept.resize(static_cast<size_t>(neurons * k));
  m_counts.assign(static_cast<size_t>(neurons), 0);
}

void TopImages::begin(std::span<const int64_t> images, Kind kind) {
  // Silent images are known only at the end of sparse blocks; dense ones would have taken their places by then.
  if (m_kind != Kind::None && m_kind != kind) throw Error(ErrorCode::Invalid, "expected dense or sparse blocks, not both");
  m_kind = kind;
  for (const int64_t image : images) {
    if (image <= m_last) {
      throw Error(ErrorCode::Invalid, "expected ascending image numbers", std::to_string(image));
    }
    m_last = image;
    m_recent.push_back(image);
    if (static_cast<int>(m_recent.size()) > 2 * m_k) m_recent.pop_front();
  }
  m_images += static_cast<int64_t>(images.size());
}

// Images come in ascending order, so an equal activation is always the stronger one here.
void TopImages::insert(int64_t neuron, int64_t image, float activation) {
  ImageActivation* kept = m_kept.data() + neuron * m_k;
  int& count = m_counts[static_cast<size_t>(neuron)];
  if (count < m_k) {
    int at = count++;
    for (; at > 0 && kept[at - 1].activation > activation; --at) kept[at] = kept[at - 1];
    kept[at] = {image, activation};
    return;
  }
  if (activation < kept[0].activation) return;
  int at = 0;
  for (; at + 1 < m_k && kept[at + 1].activation <= activation; ++at) kept[at] = kept[at + 1];
  kept[at] = {image, activation};
}

void TopImages::add(int64_t first, const at::Tensor& activations) {
  std::vector<int64_t> images(activations.defined() && activations.dim() == 2 ? static_cast<size_t>(activations.size(0)) : 0);
  std::iota(images.begin(), images.end(), first);
  add(images, activations);
}

void TopImages::add(std::span<const int64_t> images, const at::Tensor& activations) {
  if (!activations.defined() || activations.dim() != 2 || activations.size(1) != m_neurons ||
      activations.size(0) != static_cast<int64_t>(images.size())) {
    throw Error(ErrorCode::Mismatch, "expected activations of " + std::to_string(images.size()) + " images and " +
                                         std::to_string(m_neurons) + " neurons");
  }
  const at::Tensor rows = activations.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* data = rows.const_data_ptr<float>();
  for (size_t i = 0; i < images.size() * static_cast<size_t>(m_neurons); ++i) {
    if (!std::isfinite(data[i])) {
      throwNotFinite(images[i / static_cast<size_t>(m_neurons)], static_cast<int64_t>(i) % m_neurons);
    }
  }
  begin(images, Kind::Dense);
  for (const int64_t image : images) {
    for (int64_t neuron = 0; neuron < m_neurons; ++neuron) insert(neuron, image, *data++);
  }
}

void TopImages::addSparse(std::span<const int64_t> images, std::span<const int64_t> offsets,
                          std::span<const int32_t> columns, std::span<const float> values) {
  if (offsets.size() != images.size() + 1 || columns.size() != values.size() || offsets.front() != 0 ||
      offsets.back() != static_cast<int64_t>(values.size()) || !std::is_sorted(offsets.begin(), offsets.end())) {
    throw Error(ErrorCode::Mismatch, "expected compressed rows of " + std::to_string(images.size()) + " images");
  }
  for (size_t row = 0; row < images.size(); ++row) {
    for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      const int32_t column = columns[static_cast<size_t>(i)];
      if (column < 0 || column >= m_neurons) {
        throw Error(ErrorCode::Mismatch, "expected neurons below " + std::to_string(m_neurons), std::to_string(column));
      }
      if (!std::isfinite(values[static_cast<size_t>(i)])) throwNotFinite(images[row], column);
      if (!(values[static_cast<size_t>(i)] > 0)) {
        throw Error(ErrorCode::Invalid, "expected sparse activations above zero", "image " + std::to_string(images[row]));
      }
    }
  }
  begin(images, Kind::Sparse);
  for (size_t row = 0; row < images.size(); ++row) {
    for (int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      insert(columns[static_cast<size_t>(i)], images[row], values[static_cast<size_t>(i)]);
    }
  }
}

int TopImages::columns() const { return static_cast<int>(std::min<int64_t>(m_k, m_images)); }

std::vector<ImageActivation> TopImages::of(int64_t neuron) const {
  if (neuron < 0 || neuron >= m_neurons) throw Error(ErrorCode::Invalid, "no such neuron", std::to_string(neuron));
  const ImageActivation* kept = m_kept.data() + neuron * m_k;
  const int count = m_counts[static_cast<size_t>(neuron)];
  // Fewer than k entries: all images that are not among them are silent. Fewer than k of the last 2k are, so enough of
  // those are left to choose from.
  auto next = m_recent.rbegin();
  return withSilent({kept, kept + count}, m_k, [&]() -> std::optional<int64_t> {
    return next == m_recent.rend() ? std::nullopt : std::optional<int64_t>(*next++);
  });
}

at::Tensor TopImages::indices() const {
  at::Tensor result = at::empty({m_neurons, columns()}, at::kLong);
  auto* to = result.data_ptr<int64_t>();
  for (int64_t neuron = 0; neuron < m_neurons; ++neuron) {
    for (const ImageActivation& entry : of(neuron)) *to++ = entry.image;
  }
  return result;
}

at::Tensor TopImages::activations() const {
  at::Tensor result = at::empty({m_neurons, columns()}, at::kFloat);
  auto* to = result.data_ptr<float>();
  for (int64_t neuron = 0; neuron < m_neurons; ++neuron) {
    for (const ImageActivation& entry : of(neuron)) *to++ = entry.activation;
  }
  return result;
}

at::Tensor TopImages::worst() const {
  if (m_images == 0) throw Error(ErrorCode::Invalid, "no image was added");
  return activations().select(1, 0).to(at::kDouble).contiguous();
}

std::vector<ImageActivation> topOfColumn(std::span<const uint32_t> images, std::span<const float> values,
                                         int64_t imageCount, int k, std::span<const uint32_t> failed) {
  if (images.size() != values.size() || k < 1) throw Error(ErrorCode::Mismatch, "expected as many activations as images");
  std::vector<ImageActivation> listed;
  for (size_t i = 0; i < images.size(); ++i) {
    if (images[i] >= imageCount || (i > 0 && images[i] <= images[i - 1])) {
      throw Error(ErrorCode::Invalid, "expected ascending image numbers below " + std::to_string(imageCount),
                  "image " + std::to_string(images[i]));
    }
    if (!std::isfinite(values[i]) || !(values[i] > 0)) {
      throw Error(ErrorCode::Invalid, "expected sparse activations above zero", "image " + std::to_string(images[i]));
    }
    if (!std::binary_search(failed.begin(), failed.end(), images[i])) listed.push_back({images[i], values[i]});
  }
  if (static_cast<int>(listed.size()) > k) {
    std::nth_element(listed.begin(), listed.end() - k, listed.end(), weaker);
    listed.erase(listed.begin(), listed.end() - k);
  }
  int64_t next = imageCount;
  return withSilent(std::move(listed), k, [&]() -> std::optional<int64_t> {
    while (next > 0) {
      if (!std::binary_search(failed.begin(), failed.end(), static_cast<uint32_t>(--next))) return next;
    }
    return std::nullopt;
  });
}

}  // namespace sememe
