// A vision model as the rest of the program sees it: images in, activations at a tap or embeddings out; load and save.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/models/model_folder.h"
#include "core/models/tapped_pass.h"

namespace sememe {

struct VisionInfo {
  std::string family;  // "clip", "siglip", "dinov2", "dinov2_with_registers"
  int64_t hiddenSize = 0;
  int64_t mlpSize = 0;  // width of the MLP's hidden layer, of activations at InMlp
  int64_t layers = 0;
  int64_t imageSize = 0;      // side in pixels that it was made for
  int64_t patchSize = 0;      // side in pixels
  int64_t tokens = 0;         // per image of imageSize: CLS, registers (DINOv2), patches in rows from the top
  int64_t specialTokens = 1;  // those before the patches: CLS and registers; SigLIP has none
  int64_t embeddingDim = 0;   // width of embed(); 0 for a folder without CLIP's visual_projection or SigLIP's head
};

// Every vision tower. Weights have requires_grad set: use torch::NoGradGuard (or InferenceMode) when not training.
// One thread at a time while training, any number without autograd.
//
// pixels are [N, 3, H, W], preprocessed, of any float dtype (cast to the weights'). All throw Error: Invalid (no such
// layer), Mismatch (shape of pixels, of an edit), Unsupported (PostProjection of a model without an embedding).
class VisionModel : public torch::nn::Module {
 public:
  const VisionInfo& info() const { return m_info; }

  // Runs up to `until` and halts there; nothing behind it is computed. `hooks` see and edit what stands before it.
  TappedPass begin(const at::Tensor& pixels, const Tap& until, const TapHooks& hooks = {}) const;
  // Goes on from a halted pass, whose activation may have been replaced by one of the same shape, to `until`.
  TappedPass resume(TappedPass pass, const Tap& until, const TapHooks& hooks = {}) const;

  // begin()'s activation: [N, T, hiddenSize] (InMlp: mlpSize) at a layer's tap, [N, embeddingDim] at PostProjection.
  at::Tensor forwardTo(const at::Tensor& pixels, const Tap& tap, const TapHooks& hooks = {}) const {
    return begin(pixels, tap, hooks).activation;
  }
  // The image embedding [N, embeddingDim], not normalised. CLIP: visual_projection(post_layernorm(CLS))
  // ("image_embeds"). SigLIP: the attention-pooling head ("pooler_output"). DINOv2: CLS after the final layer norm
  // ("pooler_output").
  at::Tensor embed(const at::Tensor& pixels, const TapHooks& hooks = {}) const {
    return forwardTo(pixels, {TapPoint::PostProjection, -1}, hooks);
  }
  // [input of layer 0, output of layer 0, …, output of `last`] (-1: of all), each [N, T, hiddenSize]: Hugging Face's
  // hidden_states. For training and tests; it keeps every one alive.
  std::vector<at::Tensor> hiddenStates(const at::Tensor& pixels, int last = -1) const;

  // [N, T, hiddenSize], the input of layer 0 (hidden_states[0]): where passFrom() begins.
  virtual at::Tensor inputTokens(const at::Tensor& pixels) const = 0;
  // [N, T, hiddenSize] of the last layer → the embedding [N, embeddingDim]: the end of embed().
  virtual at::Tensor project(const at::Tensor& lastHidden) const = 0;
  // The config.json that transformers would write for this model.
  virtual std::string configJson(at::ScalarType dtype) const = 0;

 protected:
  virtual LayerStack stack() const = 0;

  VisionInfo m_info;
};

// Loads a Hugging Face folder: CLIPModel, CLIPVisionModel(WithProjection), SiglipModel, SiglipVisionModel, Dinov2Model,
// Dinov2WithRegistersModel (by config.json's model_type). The weights are copied, so the files may go afterwards.
// Throws as core/models/model_folder.h says.
std::shared_ptr<VisionModel> loadVisionModel(const std::filesystem::path& folder, const LoadOptions& options = {},
                                             LoadReport* report = nullptr);

// Compares a folder's keys and shapes with what its model needs, without reading the weights' content: `missing` is
// reported, not thrown. Throws as loadVisionModel does otherwise. `info` may be null.
LoadReport checkVisionModel(const std::filesystem::path& folder, VisionInfo* info = nullptr);

// Writes config.json and model.safetensors, weights cast to `dtype`, so that loadVisionModel and transformers read them
// without a missing or unexpected key. Throws Error (Io, DiskFull).
void saveModel(const VisionModel& model, const std::filesystem::path& folder, at::ScalarType dtype = at::kFloat);

}  // namespace sememe
