// Rotary position embedding, its scalings, and what config.json says of it.
#include "core/models/rope.h"

#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/models/float_loops.h"
#include "core/models/weight_loading.h"

namespace sememe {

RopeConfig readRopeConfig(const ConfigReader& reader, int64_t maxPositions) {
  // rope_scaling is the old spelling; transformers lets it win where both are there.
  const bool old = reader.has("rope_scaling");
  const ConfigReader rope = reader.object(old ? "rope_scaling" : "rope_parameters");
  RopeConfig c;
  c.theta = reader.number("rope_theta", c.theta, 1, 1e12);
  c.theta = rope.number("rope_theta", c.theta, 1, 1e12);
  const std::string kind = rope.string("rope_type", rope.string("type", "default"));
  if (kind == "linear") {
    c.kind = RopeConfig::Kind::Linear;
  } else if (kind == "llama3") {
    c.kind = RopeConfig::Kind::Llama3;
  } else if (kind != "default") {
    throw Error(ErrorCode::Unsupported,
                rope.path("rope_type") + " is \"" + kind + "\", expected default, linear or llama3", rope.where());
  }
  if (rope.number("partial_rotary_factor", reader.number("partial_rotary_factor", 1, 0, 1), 0, 1) != 1)
    throw Error(ErrorCode::Unsupported, rope.path("partial_rotary_factor") + " is not 1, the only one supported",
                rope.where());
  if (c.kind == RopeConfig::Kind::Default) return c;
  if (!rope.has("factor")) rope.fail("factor", "a number");
  c.factor = rope.number("factor", c.factor, 1e-6, 1e6);
  if (c.kind == RopeConfig::Kind::Linear) return c;
  c.lowFrequency = rope.number("low_freq_factor", c.lowFrequency, 1e-6, 1e6);
  c.highFrequency = rope.number("high_freq_factor", c.highFrequency, 1e-6, 1e6);
  if (c.highFrequency <= c.lowFrequency) rope.fail("high_freq_factor", "more than low_freq_factor");
  c.originalPositions = rope.integer("original_max_position_embeddings", maxPositions, 1, limits::kPositions);
  return c;
}

at::Tensor Rotation::apply(const at::Tensor& x) const {
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  return x * cosine + at::cat({-halves[1], halves[0]}, -1) * sine;
}

at::Tensor Rotation::applyToOwn(const at::Tensor& projected, int64_t heads) const {
  const int64_t n = projected.size(0), t = projected.size(1), width = cosine.size(-1);
  const at::Tensor split = projected.view({n, t, heads, width}).transpose(1, 2);
  if (!projected.is_cpu() || projected.scalar_type() != at::kFloat || at::GradMode::is_enabled() || !projected.is_contiguous()) return apply(split);
  const at::Tensor cosines = cosine.contiguous(), sines = sine.contiguous();
  const float *c = cosines.const_data_ptr<float>(), *s = sines.const_data_ptr<float>();
  auto* x = projected.mutable_data_ptr<float>();
  const bool perRow = cosines.size(0) == n;
  parallelFor(0, n * t, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t angle = (perRow ? i : i % t) * width;
      rotateHeads(x + i * heads * width, heads, width, c + angle, s + angle);
    }
  });
  return split;
}

Rope::Rope(const RopeConfig& config, int64_t headDim) {
  m_frequencies = 1.0 / at::pow(config.theta, at::arange(0, headDim, 2, at::kFloat) / double(headDim));
  if (config.kind == RopeConfig::Kind::Linear) m_frequencies = m_frequencies / config.factor;
  if (config.kind == RopeConfig::Kind::Llama3) {
    // How often each turns within the original context: below low it is stretched, above high it is left alone.
    const at::Tensor turns = m_frequencies * (double(config.originalPositions) / (2 * std::numbers::pi));
    const at::Tensor blend = ((turns - config.lowFrequency) / (config.highFrequency - config.lowFrequency)).clamp(0, 1);
    m_frequencies = (1 - blend) * m_frequencies / config.factor + blend * m_frequencies;
  }
}

Rotation Rope::at(const at::Tensor& positions, at::ScalarType dtype) const {
  const at::Tensor angles = positions.to(at::kFloat).unsqueeze(-1) * m_frequencies.to(positions.device());
  const at::Tensor both = at::cat({angles, angles}, -1).unsqueeze(1);
  return {both.cos().to(dtype), both.sin().to(dtype)};
}

}  // namespace sememe
