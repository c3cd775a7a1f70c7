// Llamas of drawn configurations: every quirk that config.json can ask for, a few numbers wide.
#pragma once

#include <array>
#include <cmath>
#include <random>

#include "core/models/llama.h"

namespace sememe::test {

inline Llama drawLlama(std::mt19937& draw, int seed) {
  const auto of = [&](std::initializer_list<int64_t> values) { return values.begin()[draw() % values.size()]; };
  LlamaConfig c;
  c.kvHeads = of({1, 2, 3});
  c.heads = c.kvHeads * of({1, 2, 3});
  c.headDim = of({2, 6, 8});
  c.hiddenSize = of({12, 20});
  c.intermediateSize = of({10, 24});
  c.layers = of({1, 2, 3});
  c.vocabSize = of({11, 40});
  c.attentionBias = draw() % 2, c.mlpBias = draw() % 2, c.tied = draw() % 2;
  c.rope.kind = std::array{RopeConfig::Kind::Default, RopeConfig::Kind::Linear, RopeConfig::Kind::Llama3}[draw() % 3];
  c.rope.theta = double(of({50, 10000})), c.rope.factor = 3, c.rope.originalPositions = 12;
  Llama llama(c);
  torch::manual_seed(seed);
  for (at::Tensor& p : llama->parameters()) p.normal_(0, p.dim() > 1 ? 1 / std::sqrt(double(p.size(1))) : 0.5);
  return llama;
}

}  // namespace sememe::test
