// Rotary position embedding: queries and keys turned by an angle that grows with their position
// (Su et al., "RoFormer", 2021; halves of the head paired as transformers' Llama does).
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace sememe {

class ConfigReader;

struct RopeConfig {
  enum class Kind {
    Default,
    Linear,  // all angles over `factor`
    Llama3,  // long wavelengths over `factor`, short ones as they are, between them blended
  };
  Kind kind = Kind::Default;
  double theta = 10000;
  double factor = 1;
  double lowFrequency = 1, highFrequency = 4;  // Llama3: the blend's borders, in wavelengths of the original context
  int64_t originalPositions = 8192;            // Llama3: that context
};

// From config.json: "rope_parameters", or "rope_scaling" with "rope_theta" beside it. Throws Error (Invalid;
// Unsupported: another kind, or a part of the head only).
RopeConfig readRopeConfig(const ConfigReader& reader, int64_t maxPositions);

// Cosines and sines [N or 1, 1, T, headDim] of the positions of a pass, in the model's dtype.
struct Rotation {
  at::Tensor cosine, sine;
  at::Tensor apply(const at::Tensor& x) const;  // [N, heads, T, headDim] → the same, turned
  // A projection [N, T, heads · headDim] that nobody else needs → its heads, turned: [N, heads, T, headDim].
  at::Tensor applyToOwn(const at::Tensor& projected, int64_t heads) const;
};

class Rope {
 public:
  // headDim is even.
  Rope(const RopeConfig& config, int64_t headDim);
  Rotation at(const at::Tensor& positions, at::ScalarType dtype) const;  // positions: integers [N or 1, T]
  const at::Tensor& frequencies() const { return m_frequencies; }        // float32 [headDim / 2], radians a position

 private:
  at::Tensor m_frequencies;
};

}  // namespace sememe
