// Monosemanticity of many latents over images that stream by in blocks.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/analysis/neuron_sums.h"

namespace sememe {

// Codes of some images: image i has the latents columns[offsets[i] … offsets[i + 1]) and the values beside them. Whoever
// makes them sees to it that they fit together and that values are finite.
struct CodeRows {
  std::span<const uint32_t> offsets;  // [images + 1], from 0
  std::span<const uint32_t> columns;
  std::span<const float> values;

  int64_t images() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

// Smallest and largest activation of each latent, 0 on images that are silent. One thread.
class LatentRanges {
 public:
  explicit LatentRanges(int64_t latents);  // throws Error (Invalid) unless positive

  void add(const CodeRows& codes);  // throws Error (Mismatch: a latent beyond the last)

  int64_t latents() const { return static_cast<int64_t>(m_low.size()); }
  ActivationRange of(int64_t latent) const;
  bool anySilent(int64_t latent) const { return m_listed[static_cast<size_t>(latent)] < m_images; }

 private:
  int64_t m_images = 0;
  std::vector<float> m_low, m_high;
  std::vector<int64_t> m_listed;  // images that gave a value
};

// MS of latents first … first + count − 1 from a second pass over the same images, now with their embeddings: neither all
// codes nor all embeddings need to lie in memory. As msOfNeuron() computes it. Memory: count · D · 8 bytes. One thread at a
// time; add() works in all.
class StreamedScores {
 public:
  // `ranges` must outlive it. Throws Error (Invalid) for latents outside the ranges or D below 1.
  StreamedScores(const LatentRanges& ranges, int64_t first, int64_t count, int64_t dim);

  // The next images: their codes, also of other latents, and embeddings. Throws Error (Mismatch: images or D that differ).
  void add(const CodeRows& codes, const MsEmbeddings& embeddings);
  std::vector<double> scores() const;  // [count], NaN for latents without a score

 private:
  const LatentRanges& m_ranges;
  int64_t m_first;
  std::vector<NeuronSums> m_sums;
  at::Tensor m_embeddings;  // double [count, D]: Σ a u
};

}  // namespace sememe
