// DINOv2, with and without register tokens; keys and maths as in transformers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/models/layers.h"
#include "core/models/vision_model.h"

namespace sememe {

// Defaults are transformers' own for keys that config.json lacks. Dropout and drop path are not applied.
struct Dinov2Config {
  int64_t hiddenSize = 768, layers = 12, heads = 12;
  double mlpRatio = 4;  // MLP width over hiddenSize
  std::string activation = "gelu";
  double layerNormEps = 1e-6, initializerRange = 0.02;
  int64_t channels = 3, imageSize = 224, patchSize = 14;
  bool qkvBias = true;
  double layerScaleValue = 1.0;  // what lambda1 starts as
  bool swiGlu = false;
  bool useMaskToken = true;
  bool registers = false;  // model_type "dinov2_with_registers" (another interpolation of positions, too)
  int64_t registerTokens = 0;

  int64_t tokens() const { return (imageSize / patchSize) * (imageSize / patchSize) + 1 + registerTokens; }
  // Width inside the MLP: mlpRatio · hiddenSize, for SwiGLU two thirds of it rounded up to a multiple of 8.
  int64_t intermediateSize() const;
};

// `text`: config.json of model_type "dinov2" or "dinov2_with_registers". Throws Error (Corrupt, Unsupported, Invalid).
Dinov2Config parseDinov2Config(const std::string& text, const std::string& where);

// Dinov2Model: embeddings (CLS, mask token, registers, patches, positions), encoder with LayerScale, layernorm.
class Dinov2ModelImpl : public VisionModel {
 public:
  explicit Dinov2ModelImpl(const Dinov2Config& config, Init init = Init::HuggingFace);

  at::Tensor inputTokens(const at::Tensor& pixels) const override { return embedPatches(pixels); }
  at::Tensor project(const at::Tensor& lastHidden) const override { return finalNorm->forward(lastHidden.select(1, 0)); }
  std::string configJson(at::ScalarType dtype) const override;

  // pixels [N, channels, H, W] → [N, 1 + registers + (H/p)·(W/p), hidden], the input of layer 0. Another size than
  // imageSize interpolates the position embeddings (bicubic). `mask` (bool [N, patches], or undefined) replaces the
  // patches that are true by mask_token. Throws Error (Mismatch).
  at::Tensor embedPatches(const at::Tensor& pixels, const at::Tensor& mask = {}) const;
  // All tokens after the final layer norm, [N, T, hidden] (last_hidden_state). For training with masked patches.
  at::Tensor forward(const at::Tensor& pixels, const at::Tensor& mask = {}) const;

  const Dinov2Config& config() const { return m_config; }

  at::Tensor clsToken;            // "embeddings.cls_token" [1, 1, hidden]
  at::Tensor maskToken;           // "embeddings.mask_token" [1, hidden]; undefined without
  at::Tensor registerTokens;      // "embeddings.register_tokens" [1, R, hidden]; undefined without
  at::Tensor positionEmbeddings;  // "embeddings.position_embeddings" [1, 1 + patches, hidden]
  PatchConv patchProjection = nullptr;  // "embeddings.patch_embeddings.projection"
  Encoder encoder = nullptr;
  LayerNorm finalNorm = nullptr;  // "layernorm"

 protected:
  LayerStack stack() const override { return encoder->stack(); }

 private:
  at::Tensor positions(int64_t height, int64_t width) const;  // [1, 1 + patches, hidden] for an image of that size
  void initialise();

  Dinov2Config m_config;
};
TORCH_MODULE(Dinov2Model);

}  // namespace sememe
