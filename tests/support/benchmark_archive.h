// A small metric benchmark of the released layout, with MS by its definition and people who agree with it on four pairs of five.
#pragma once

#include <QtGlobal>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace sememe {

struct BenchmarkArchive {
  static constexpr int kImages = 120, kNeurons = 30, kDim = 8;  // neurons are numbered 0, 7, 14 …

  std::vector<float> embeddings;  // [kImages, kDim]
  std::string pairs, top, activations;
  int agreeing = 0, pairCount = 0;

  // What the archive holds; the large file first, as it may come.
  std::vector<std::pair<std::string, std::string>> files() const {
    return {{"metric_benchmark/activations.csv", activations},
            {"metric_benchmark/pairs.csv", pairs},
            {"metric_benchmark/top16_images.csv", top}};
  }
};

// MS by its definition, over all pairs of images, of activations on the archive's images.
inline double pairwiseMs(const std::vector<float>& activations, const std::vector<float>& embeddings) {
  constexpr int kImages = BenchmarkArchive::kImages, kDim = BenchmarkArchive::kDim;
  const auto [low, high] = std::minmax_element(activations.begin(), activations.end());
  const auto dot = [&](int i, int j) {
    const float* a = embeddings.data() + i * kDim;
    return std::inner_product(a, a + kDim, embeddings.data() + j * kDim, 0.0);
  };
  const auto scaled = [&](int i) { return double((activations[size_t(i)] - *low) / (*high - *low)); };
  double sum = 0, weight = 0;
  for (int i = 0; i < kImages; ++i) {
    for (int j = i + 1; j < kImages; ++j) {
      const double w = scaled(i) * scaled(j);
      sum += w * dot(i, j) / std::sqrt(dot(i, i) * dot(j, j));
      weight += w;
    }
  }
  return sum / weight;
}

inline BenchmarkArchive makeBenchmarkArchive() {
  constexpr int kImages = BenchmarkArchive::kImages, kNeurons = BenchmarkArchive::kNeurons;
  BenchmarkArchive made;
  std::mt19937_64 engine(3);
  std::normal_distribution<float> normal;
  for (int i = 0; i < kImages * BenchmarkArchive::kDim; ++i) made.embeddings.push_back(normal(engine));
  std::vector<double> ms;
  made.activations = made.top = "k";
  for (int i = 1; i <= kImages; ++i) made.activations.append(", a_").append(std::to_string(i));
  for (int i = 1; i <= 16; ++i) made.top.append(",x_").append(std::to_string(i));
  made.activations += "\n";
  made.top += "\n";
  for (int k = 0; k < kNeurons; ++k) {
    std::vector<float> a(kImages);
    for (float& value : a) value = engine() % 3 ? 0.0F : float(engine() % 1000) / 250.0F;
    ms.push_back(pairwiseMs(a, made.embeddings));
    made.activations += std::to_string(7 * k);
    for (const float value : a) made.activations.append(",").append(std::to_string(value));
    made.activations += "\n";
    std::vector<int> order(kImages);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int x, int y) { return a[size_t(x)] > a[size_t(y)]; });
    made.top += std::to_string(7 * k);
    for (int i = 0; i < 16; ++i) made.top.append(",").append(std::to_string(order[size_t(i)]));
    made.top += "\n";
  }
  made.pairs = "k_x,k_y,R_user,MS_x_dino,MS_y_dino,MS_x_clip,MS_y_clip\n";
  for (int x = 0; x < kNeurons; ++x) {
    const int y = (x + 11) % kNeurons;
    const bool agrees = x % 5 != 0;
    const auto text = [&](int k) { return std::to_string(ms[size_t(k)]); };
    made.pairs += std::to_string(7 * x) + "," + std::to_string(7 * y) + "," +
                  ((ms[size_t(x)] > ms[size_t(y)]) == agrees ? "1" : "-1") + "," + text(x) + "," + text(y) + ",0.5,\n";
    made.agreeing += agrees;
    ++made.pairCount;
  }
  return made;
}

// Rows of float32 as a .npy.
inline void writeNpyRows(const std::filesystem::path& path, const std::vector<float>& values, int columns) {
  std::string head = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(values.size() / size_t(columns)) +
                     ", " + std::to_string(columns) + "), }";
  head.resize((head.size() + 11 + 63) / 64 * 64 - 11, ' ');
  head += '\n';
  std::ofstream file(path, std::ios::binary);
  file.write("\x93NUMPY\x01\x00", 8);
  const char size[] = {char(head.size() & 0xFF), char(head.size() >> 8)};
  file.write(size, 2);
  file << head;
  file.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(float)));
  if (!file.flush()) qFatal("cannot write %s", path.c_str());
}

}  // namespace sememe
