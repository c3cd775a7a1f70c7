// SigLIP (and SigLIP 2 of fixed resolution): the vision tower with its attention-pooling head and the text tower; keys
// and maths as in transformers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "core/models/layers.h"
#include "core/models/text_model.h"
#include "core/models/vision_model.h"

namespace sememe {

class ConfigReader;

// Defaults are transformers' own for keys that config.json lacks.
struct SiglipVisionConfig {
  int64_t hiddenSize = 768, intermediateSize = 3072, layers = 12, heads = 12;
  int64_t channels = 3, imageSize = 224, patchSize = 16;
  std::string activation = "gelu_pytorch_tanh";
  double layerNormEps = 1e-6;
  bool useHead = true;

  // What the last row and column of patches leaves over is not seen: 27 x 27 patches of 14 pixels in 384.
  int64_t tokens() const { return (imageSize / patchSize) * (imageSize / patchSize); }
};

struct SiglipTextConfig {
  int64_t vocabSize = 32000, hiddenSize = 768, intermediateSize = 3072, layers = 12, heads = 12;
  int64_t maxPositions = 64;
  int64_t projectionSize = 768;
  std::string activation = "gelu_pytorch_tanh";
  double layerNormEps = 1e-6;
};

struct SiglipConfig {
  SiglipVisionConfig vision;
  SiglipTextConfig text;
};

// `text`: a config.json of model_type "siglip" (both towers), "siglip_vision_model" or "siglip_text_model" (the other
// tower keeps its defaults). `where` names the file. Throws Error (Corrupt, Unsupported, Invalid).
SiglipConfig parseSiglipConfig(const std::string& text, const std::string& where);
// One tower's object of such a file.
SiglipVisionConfig readSiglipVisionConfig(const ConfigReader& reader);

// "head": a learnt probe attends to all tokens; x += mlp(layernorm(x)) follows.
class SiglipHeadImpl : public torch::nn::Module {
 public:
  explicit SiglipHeadImpl(const SiglipVisionConfig& config);
  at::Tensor forward(const at::Tensor& x) const;  // [N, T, hidden] → [N, hidden]

  at::Tensor probe;                   // [1, 1, hidden]
  at::Tensor inputWeight, inputBias;  // "attention.in_proj_weight" [3 hidden, hidden]: query, key, value
  Linear output = nullptr;            // "attention.out_proj"
  LayerNorm norm = nullptr;           // "layernorm"
  Mlp mlp = nullptr;

 private:
  int64_t m_heads;
};
TORCH_MODULE(SiglipHead);

// "vision_model": patches (with bias) and positions, no CLS; encoder, post_layernorm, head (absent where config.json
// says vision_use_head false). Weights are unset until they are loaded.
class SiglipVisionModelImpl : public VisionModel {
 public:
  explicit SiglipVisionModelImpl(const SiglipVisionConfig& config);

  at::Tensor inputTokens(const at::Tensor& pixels) const override;
  at::Tensor project(const at::Tensor& lastHidden) const override;
  std::string configJson(at::ScalarType dtype) const override;
  const SiglipVisionConfig& config() const { return m_config; }

  PatchConv patchEmbedding = nullptr;
  Embedding positionEmbedding = nullptr;
  Encoder encoder = nullptr;
  LayerNorm postNorm = nullptr;
  SiglipHead head = nullptr;  // null without one

 protected:
  LayerStack stack() const override { return encoder->stack(); }

 private:
  SiglipVisionConfig m_config;
};
TORCH_MODULE(SiglipVisionModel);

// "text_model": token and position embeddings, encoder (not causal), final_layer_norm, head over the last position.
// Weights are unset until they are loaded.
class SiglipTextModelImpl : public TextModel {
 public:
  explicit SiglipTextModelImpl(const SiglipTextConfig& config);

  Embedding tokenEmbedding = nullptr, positionEmbedding = nullptr;
  Encoder encoder = nullptr;
  LayerNorm finalNorm = nullptr;
  Linear head = nullptr;  // [projectionSize, hidden] with bias

 protected:
  at::Tensor inputTokens(const at::Tensor& ids) const override;
  LayerStack stack() const override { return encoder->stack(); }
  at::Tensor project(const at::Tensor& lastHidden, const at::Tensor& ids) const override;
};
TORCH_MODULE(SiglipTextModel);

}  // namespace sememe
