// Per-neuron statistics and histograms, dense or sparse.
#include "core/analysis/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"

namespace sememe {
namespace {

at::Tensor checkedRows(const at::Tensor& activations, size_t neurons) {
  if (!activations.defined() || activations.dim() != 2 || activations.size(1) != static_cast<int64_t>(neurons)) {
    throw Error(ErrorCode::Mismatch, "expected activations of " + std::to_string(neurons) + " neurons");
  }
  at::Tensor rows = activations.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* data = rows.const_data_ptr<float>();
  for (size_t i = 0; i < static_cast<size_t>(rows.numel()); ++i) {
    if (!std::isfinite(data[i])) {
      throw Error(ErrorCode::Invalid, "the activations hold a value that is NaN or infinite",
                  "row " + std::to_string(i / neurons) + ", neuron " + std::to_string(i % neurons));
    }
  }
  return rows;
}

void checkSparse(std::span<const int32_t> columns, std::span<const float> values, size_t neurons) {
  if (columns.size() != values.size()) throw Error(ErrorCode::Mismatch, "expected as many columns as values");
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < 0 || static_cast<size_t>(columns[i]) >= neurons) {
      throw Error(ErrorCode::Mismatch, "expected neurons below " + std::to_string(neurons), std::to_string(columns[i]));
    }
    if (!std::isfinite(values[i])) {
      throw Error(ErrorCode::Invalid, "the activations hold a value that is NaN or infinite",
                  "neuron " + std::to_string(columns[i]));
    }
  }
}

void count(ActivationHistogram& histogram, float value, float max) {
  if (!(value > 0) || !(max > 0)) return;
  // In double: a maximum near the smallest float must not make the quotient infinite.
  const double bin = std::floor(static_cast<double>(value) / static_cast<double>(max) * kHistogramBins);
  ++histogram[static_cast<size_t>(std::clamp(bin, 0.0, kHistogramBins - 1.0))];
}

}  // namespace

RunningStatistics::RunningStatistics(int64_t neurons) {
  if (neurons < 1) throw Error(ErrorCode::Invalid, "expected at least one neuron", std::to_string(neurons));
  const auto n = static_cast<size_t>(neurons);
  m_sums.assign(n, 0);
  m_max.assign(n, -std::numeric_limits<float>::infinity());
  m_min.assign(n, std::numeric_limits<float>::infinity());
  m_firing.assign(n, 0);
  m_listed.assign(n, 0);
}

void RunningStatistics::add(const at::Tensor& activations) {
  const at::Tensor rows = checkedRows(activations, m_sums.size());
  const float* data = rows.const_data_ptr<float>();
  for (int64_t row = 0; row < rows.size(0); ++row) {
    for (size_t f = 0; f < m_sums.size(); ++f) {
      const float value = *data++;
      m_sums[f] += value;
      m_max[f] = std::max(m_max[f], value);
      m_min[f] = std::min(m_min[f], value);
      m_firing[f] += value > 0;
      ++m_listed[f];
    }
  }
  m_images += rows.size(0);
}

void RunningStatistics::addSparse(int64_t rows, std::span<const int32_t> columns, std::span<const float> values) {
  checkSparse(columns, values, m_sums.size());
  if (rows < 0) throw Error(ErrorCode::Invalid, "expected a number of rows", std::to_string(rows));
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto f = static_cast<size_t>(columns[i]);
    m_sums[f] += values[i];
    m_max[f] = std::max(m_max[f], values[i]);
    m_min[f] = std::min(m_min[f], values[i]);
    m_firing[f] += values[i] > 0;
    ++m_listed[f];
  }
  m_images += rows;
}

NeuronStats RunningStatistics::of(int64_t neuron) const {
  if (neuron < 0 || neuron >= neurons()) throw Error(ErrorCode::Invalid, "no such neuron", std::to_string(neuron));
  const auto f = static_cast<size_t>(neuron);
  NeuronStats stats;
  stats.images = m_images;
  if (m_images == 0) return stats;
  stats.firingCount = m_firing[f];
  stats.mean = m_sums[f] / static_cast<double>(m_images);
  const bool anySilent = m_listed[f] < m_images;
  stats.max = anySilent ? std::max(m_max[f], 0.0F) : m_max[f];
  stats.min = anySilent ? std::min(m_min[f], 0.0F) : m_min[f];
  return stats;
}

std::vector<float> RunningStatistics::maxima() const {
  std::vector<float> result;
  result.reserve(m_sums.size());
  for (int64_t f = 0; f < neurons(); ++f) result.push_back(of(f).max);
  return result;
}

NeuronHistograms::NeuronHistograms(std::vector<float> maxima)
    : m_maxima(std::move(maxima)), m_histograms(m_maxima.size(), ActivationHistogram{}) {}

void NeuronHistograms::add(const at::Tensor& activations) {
  const at::Tensor rows = checkedRows(activations, m_maxima.size());
  const float* data = rows.const_data_ptr<float>();
  for (int64_t row = 0; row < rows.size(0); ++row) {
    for (size_t f = 0; f < m_maxima.size(); ++f) count(m_histograms[f], *data++, m_maxima[f]);
  }
}

void NeuronHistograms::addSparse(std::span<const int32_t> columns, std::span<const float> values) {
  checkSparse(columns, values, m_maxima.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto f = static_cast<size_t>(columns[i]);
    count(m_histograms[f], values[i], m_maxima[f]);
  }
}

NeuronStats statisticsOfColumn(std::span<const float> values, int64_t images) {
  if (static_cast<int64_t>(values.size()) > images) {
    throw Error(ErrorCode::Mismatch, "more activations than images", std::to_string(values.size()));
  }
  NeuronStats stats;
  stats.images = images;
  if (images == 0) return stats;
  const bool anySilent = static_cast<int64_t>(values.size()) < images;
  if (!anySilent) stats.max = stats.min = values.front();
  double sum = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) throw Error(ErrorCode::Invalid, "the activations hold a value that is NaN or infinite");
    sum += value;
    stats.max = std::max(stats.max, value);
    stats.min = std::min(stats.min, value);
    stats.firingCount += value > 0;
  }
  stats.mean = sum / static_cast<double>(images);
  return stats;
}

ActivationHistogram histogramOfColumn(std::span<const float> values, float max) {
  ActivationHistogram histogram{};
  for (const float value : values) {
    if (!std::isfinite(value)) throw Error(ErrorCode::Invalid, "the activations hold a value that is NaN or infinite");
    count(histogram, value, max);
  }
  return histogram;
}

}  // namespace sememe
