// Per-neuron statistics over a data set: how often and how strongly a neuron fires, and a histogram.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace sememe {

struct NeuronStats {
  int64_t firingCount = 0;  // images with an activation above zero
  int64_t images = 0;       // all that were counted
  double mean = 0;          // over all images, silent ones included
  float max = 0, min = 0;   // over all images; 0 without any

  double firingRate() const { return images == 0 ? 0 : static_cast<double>(firingCount) / static_cast<double>(images); }
};

constexpr int kHistogramBins = 64;
// Positive activations between 0 and the neuron's maximum: bin b counts those in [b, b + 1) · max / 64, the maximum
// itself in the last. All zero for a neuron that never fires.
using ActivationHistogram = std::array<int64_t, kHistogramBins>;

// First pass: everything but the histogram. One thread at a time; memory F · 32 bytes.
class RunningStatistics {
 public:
  explicit RunningStatistics(int64_t neurons);  // throws Error (Invalid) unless positive

  // Activations [n, F] (float32, CPU). Throws Error (Mismatch; Invalid: NaN or infinite, naming row and neuron).
  void add(const at::Tensor& activations);
  // `rows` rows of which only the non-zeros are given, in any order.
  void addSparse(int64_t rows, std::span<const int32_t> columns, std::span<const float> values);

  int64_t neurons() const { return static_cast<int64_t>(m_sums.size()); }
  int64_t images() const { return m_images; }
  NeuronStats of(int64_t neuron) const;
  std::vector<float> maxima() const;  // [F]

 private:
  int64_t m_images = 0;
  std::vector<double> m_sums;
  std::vector<float> m_max, m_min;
  std::vector<int64_t> m_firing, m_listed;  // listed: rows that gave a value, silent ones being implied by the rest
};

// Second pass, once the maxima are known: the histograms. One thread at a time; memory F · 512 bytes.
class NeuronHistograms {
 public:
  explicit NeuronHistograms(std::vector<float> maxima);  // RunningStatistics::maxima()

  void add(const at::Tensor& activations);  // as RunningStatistics
  void addSparse(std::span<const int32_t> columns, std::span<const float> values);

  const ActivationHistogram& of(int64_t neuron) const { return m_histograms[static_cast<size_t>(neuron)]; }

 private:
  std::vector<float> m_maxima;
  std::vector<ActivationHistogram> m_histograms;
};

// Both at once for one neuron given as its column: its activation on the images where it is not zero. `images`: how many
// were counted in all. Throws Error (Invalid: NaN or infinite). Any thread.
NeuronStats statisticsOfColumn(std::span<const float> values, int64_t images);
ActivationHistogram histogramOfColumn(std::span<const float> values, float max);

}  // namespace sememe
