// CLIP: the vision tower, the text tower, and both with their projections; keys and maths as in transformers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/models/layers.h"
#include "core/models/text_model.h"
#include "core/models/vision_model.h"

namespace sememe {

class ConfigReader;

// Defaults are transformers' own for keys that config.json lacks. Dropout is not applied: published models have none.
struct ClipVisionConfig {
  int64_t hiddenSize = 768, intermediateSize = 3072, projectionDim = 512;
  int64_t layers = 12, heads = 12;
  int64_t channels = 3, imageSize = 224, patchSize = 32;
  std::string activation = "quick_gelu";
  double layerNormEps = 1e-5;
  double initializerRange = 0.02, initializerFactor = 1.0;

  int64_t tokens() const { return (imageSize / patchSize) * (imageSize / patchSize) + 1; }
};

struct ClipTextConfig {
  int64_t vocabSize = 49408, hiddenSize = 512, intermediateSize = 2048, projectionDim = 512;
  int64_t layers = 12, heads = 8;
  int64_t maxPositions = 77;
  std::string activation = "quick_gelu";
  double layerNormEps = 1e-5;
  double initializerFactor = 1.0;
  int64_t padTokenId = 1, bosTokenId = 49406;
  int64_t eosTokenId = 49407;  // 2: the legacy rule, pool at the highest id
};

struct ClipConfig {
  ClipVisionConfig vision;
  ClipTextConfig text;
  int64_t projectionDim = 512;
  double logitScaleInit = 2.6592;
  double initializerFactor = 1.0;  // of the two projections
};

// `text`: a config.json of model_type "clip" (both towers), "clip_vision_model" or "clip_text_model" (the other tower
// keeps its defaults, projectionDim is the tower's). `where` names the file. Throws Error (Corrupt, Unsupported, Invalid).
ClipConfig parseClipConfig(const std::string& text, const std::string& where);
// The vision tower's object of such a file; what it does not say is `defaults`'.
ClipVisionConfig readClipVisionConfig(const ConfigReader& reader, const ClipVisionConfig& defaults = {});

// "vision_model": embeddings (CLS, patches, positions), pre_layrnorm, encoder, post_layernorm.
class ClipVisionTowerImpl : public torch::nn::Module {
 public:
  explicit ClipVisionTowerImpl(const ClipVisionConfig& config, Init init = Init::HuggingFace);

  // pixels [N, channels, imageSize, imageSize] → [N, T, hidden], the input of layer 0 (hidden_states[0]).
  at::Tensor embedPatches(const at::Tensor& pixels) const;
  // [N, T, hidden] of the last layer → [N, hidden], post_layernorm(CLS) (pooler_output).
  at::Tensor pool(const at::Tensor& lastHidden) const;

  const ClipVisionConfig& config() const { return m_config; }

  at::Tensor classEmbedding;                // "embeddings.class_embedding" [hidden]
  PatchConv patchEmbedding = nullptr;       // "embeddings.patch_embedding" [hidden, channels, p, p]
  Embedding positionEmbedding = nullptr;    // "embeddings.position_embedding" [T, hidden]
  LayerNorm preNorm = nullptr, postNorm = nullptr;
  Encoder encoder = nullptr;

 private:
  void initialise();

  ClipVisionConfig m_config;
};
TORCH_MODULE(ClipVisionTower);

// "text_model": token and position embeddings, causal encoder, final_layer_norm.
class ClipTextTowerImpl : public torch::nn::Module {
 public:
  explicit ClipTextTowerImpl(const ClipTextConfig& config, Init init = Init::HuggingFace);

  // ids int64 [N, T], T at most maxPositions, each row holding its end-of-text → [N, T, hidden] after final_layer_norm.
  // Padding behind the end is not seen (causal). Throws Error (Mismatch, Invalid: an id outside the vocabulary).
  at::Tensor forward(const at::Tensor& ids) const;
  // forward()'s output → [N, hidden] at the end-of-text token: the first eosTokenId, or with the legacy
  // eosTokenId 2 the first highest id.
  at::Tensor pool(const at::Tensor& hidden, const at::Tensor& ids) const;

  const ClipTextConfig& config() const { return m_config; }

  Embedding tokenEmbedding = nullptr, positionEmbedding = nullptr;
  Encoder encoder = nullptr;
  LayerNorm finalNorm = nullptr;

 private:
  void initialise();

  ClipTextConfig m_config;
};
TORCH_MODULE(ClipTextTower);

// CLIPVisionModelWithProjection: "vision_model" and "visual_projection" (absent in a CLIPVisionModel's folder).
class ClipVisionModelImpl : public VisionModel {
 public:
  // config.projectionDim is the projection's width.
  explicit ClipVisionModelImpl(const ClipVisionConfig& config, Init init = Init::HuggingFace,
                               bool withProjection = true);

  std::string configJson(at::ScalarType dtype) const override;
  at::Tensor inputTokens(const at::Tensor& pixels) const override { return vision->embedPatches(pixels); }
  at::Tensor project(const at::Tensor& lastHidden) const override;

  ClipVisionTower vision = nullptr;   // "vision_model"
  Linear visualProjection = nullptr;  // "visual_projection" [projectionDim, hidden], no bias; null without one

 protected:
  LayerStack stack() const override { return vision->encoder->stack(); }
};
TORCH_MODULE(ClipVisionModel);

// CLIPTextModelWithProjection: "text_model" and "text_projection".
class ClipTextModelImpl : public TextModel {
 public:
  // config.projectionDim is the projection's width.
  explicit ClipTextModelImpl(const ClipTextConfig& config, Init init = Init::HuggingFace);

  ClipTextTower text = nullptr;     // "text_model"
  Linear textProjection = nullptr;  // "text_projection" [projectionDim, hidden], no bias

 protected:
  at::Tensor inputTokens(const at::Tensor& ids) const override;
  LayerStack stack() const override { return text->encoder->stack(true); }
  at::Tensor project(const at::Tensor& lastHidden, const at::Tensor& ids) const override;
};
TORCH_MODULE(ClipTextModel);

// CLIPModel: both towers, both projections, logit_scale. A VisionModel too: embed() is the image's side.
class ClipModelImpl : public ClipVisionModelImpl {
 public:
  explicit ClipModelImpl(const ClipConfig& config, Init init = Init::HuggingFace);

  // ids int64 [N, T] → text embeddings [N, projectionDim], not normalised.
  at::Tensor embedText(const at::Tensor& ids) const;
  // exp(logit_scale) · cosine: image embeddings [N, D], text embeddings [M, D] (neither normalised) → [N, M].
  at::Tensor logitsPerImage(const at::Tensor& imageEmbeds, const at::Tensor& textEmbeds) const;

  std::string configJson(at::ScalarType dtype) const override;

  ClipTextTower text = nullptr;     // "text_model"
  Linear textProjection = nullptr;  // "text_projection"
  at::Tensor logitScale;            // "logit_scale", a scalar: the logarithm of the scale

 private:
  ClipConfig m_config;
};
TORCH_MODULE(ClipModel);

// Both towers of a CLIPModel folder. Throws as core/models/model_folder.h says.
ClipModel loadClipModel(const std::filesystem::path& folder, const LoadOptions& options = {},
                        LoadReport* report = nullptr);

}  // namespace sememe
