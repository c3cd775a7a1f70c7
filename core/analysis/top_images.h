// Which images activate each neuron most, found in one pass over the images.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace sememe {

// An image and a neuron's activation on it.
struct ImageActivation {
  int64_t image = 0;
  float activation = 0;
};

// Keeps the k strongest images of F neurons. Images are added in ascending order of their numbers; a number may be left
// out (an image that failed) and is then never chosen. Of equal activations the later image counts as stronger, which is
// the tail of a stable argsort. One thread at a time. Memory: F · k · 16 bytes.
class TopImages {
 public:
  // Throws Error (Invalid) unless both are positive.
  TopImages(int64_t neurons, int k = 16);

  // Activations [n, F] (float32, CPU) of images first … first + n − 1, or of `images` (n numbers, ascending).
  // Throws Error (Mismatch: shape; Invalid: images out of order, NaN or infinite values, naming image and neuron).
  void add(int64_t first, const at::Tensor& activations);
  void add(std::span<const int64_t> images, const at::Tensor& activations);
  // The same from compressed rows: image i's non-zeros are offsets[i] … offsets[i + 1] − 1 of `columns` and `values`; all
  // values above zero. Throws Error (Invalid) also when dense and sparse blocks are mixed.
  void addSparse(std::span<const int64_t> images, std::span<const int64_t> offsets, std::span<const int32_t> columns,
                 std::span<const float> values);

  int64_t neurons() const { return m_neurons; }
  int64_t images() const { return m_images; }  // added so far
  // k, or the number of images where they are fewer.
  int columns() const;

  // The strongest images of one neuron, ascending (the last is the strongest), columns() of them.
  std::vector<ImageActivation> of(int64_t neuron) const;
  at::Tensor indices() const;      // int64 [F, columns()]: the paper's hai_indices
  at::Tensor activations() const;  // float32 [F, columns()], of the same images
  at::Tensor worst() const;        // float64 [F]: the weakest of them, the paper's hai_indices_worst

 private:
  enum class Kind { None, Dense, Sparse };
  void begin(std::span<const int64_t> images, Kind kind);
  void insert(int64_t neuron, int64_t image, float activation);

  int64_t m_neurons;
  int m_k;
  int64_t m_images = 0;
  int64_t m_last = -1;
  Kind m_kind = Kind::None;
  std::vector<ImageActivation> m_kept;  // [F, k], each neuron's first m_counts ascending
  std::vector<int> m_counts;
  std::deque<int64_t> m_recent;         // the last 2k images: the silent ones that a neuron with few images is given
};

// The same for one neuron given as its column (positive values of ascending images, 0 on all others below `imageCount`
// but those in `failed`, ascending, which are never chosen). Any thread.
std::vector<ImageActivation> topOfColumn(std::span<const uint32_t> images, std::span<const float> values,
                                         int64_t imageCount, int k, std::span<const uint32_t> failed = {});

}  // namespace sememe
