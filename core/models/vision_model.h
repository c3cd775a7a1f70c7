// A vision model as the rest of the program sees it: images in, activations at a tap or embeddings out; load and save.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/models/tap.h"

namespace sememe {

struct VisionInfo {
  std::string family;  // "clip", "dinov2", "dinov2_with_registers"
  int64_t hiddenSize = 0;
  int64_t layers = 0;
  int64_t imageSize = 0;     // side in pixels that it was made for
  int64_t patchSize = 0;     // side in pixels
  int64_t tokens = 0;        // per image of imageSize: CLS, registers (DINOv2), patches in rows from the top
  int64_t specialTokens = 1; // those before the patches: CLS and registers
  int64_t embeddingDim = 0;  // width of embed(); 0 for a CLIP folder without visual_projection
};

// What a folder held against what the model needed. Keys are spelt as in the checkpoint where they are from it, and as
// the module spells them where they are missing.
struct LoadReport {
  std::vector<std::string> missing;     // weights that the folder lacks
  std::vector<std::string> unused;      // keys that no part of the model knows
  std::vector<std::string> otherParts;  // keys of the folder's other tower, known and not wanted here
  std::string dtype;                    // of the stored weights: "float32", "float16", "bfloat16"; "mixed"
  int64_t parameters = 0;               // numbers in the model
  std::string fingerprint;              // of config.json and the weights
};

// Every vision tower. Weights have requires_grad set: use torch::NoGradGuard (or InferenceMode) when not training.
// One thread at a time while training, any number without autograd.
class VisionModel : public torch::nn::Module {
 public:
  const VisionInfo& info() const { return m_info; }

  // pixels [N, 3, H, W], preprocessed, any float dtype (cast to the weights'). Runs up to the tap and stops there:
  // [N, T, hiddenSize] at a layer's tap; at PostProjection [N, embeddingDim], the same as embed().
  // Throws Error: Invalid (no such layer), Mismatch (shape of pixels), Unsupported (PostProjection without projection).
  virtual at::Tensor forwardTo(const at::Tensor& pixels, const Tap& tap) const = 0;

  // The image embedding [N, embeddingDim], not normalised. CLIP: visual_projection(post_layernorm(CLS)) ("image_embeds").
  // DINOv2: CLS after the final layer norm ("pooler_output"). Throws as forwardTo does.
  virtual at::Tensor embed(const at::Tensor& pixels) const = 0;

  // [input of layer 0, output of layer 0, …, output of `last`] (-1: of all), each [N, T, hiddenSize]: Hugging Face's
  // hidden_states. For training and tests; it keeps every one alive.
  virtual std::vector<at::Tensor> hiddenStates(const at::Tensor& pixels, int last = -1) const = 0;

  // The config.json that transformers would write for this model.
  virtual std::string configJson(at::ScalarType dtype) const = 0;

 protected:
  VisionInfo m_info;
};

// Loads a Hugging Face folder: CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection, Dinov2Model,
// Dinov2WithRegistersModel (by config.json's model_type). The weights are copied, so the files may go afterwards.
// Throws Error: NotFound (file; weights that are missing, all listed), Corrupt (config.json), Unsupported (model_type,
// with the supported ones listed), Mismatch (a weight's shape: file, key, expected and found).
std::shared_ptr<VisionModel> loadVisionModel(const std::filesystem::path& folder, at::Device device = at::kCPU,
                                             at::ScalarType dtype = at::kFloat, LoadReport* report = nullptr);

// Compares a folder's keys and shapes with what its model needs, without reading the weights' content: `missing` is
// reported, not thrown. Throws as loadVisionModel does otherwise. `info` may be null.
LoadReport checkVisionModel(const std::filesystem::path& folder, VisionInfo* info = nullptr);

// Writes config.json and model.safetensors, weights cast to `dtype`, so that loadVisionModel and transformers read them
// without a missing or unexpected key. Throws Error (Io, DiskFull).
void saveModel(const VisionModel& model, const std::filesystem::path& folder, at::ScalarType dtype = at::kFloat);

}  // namespace sememe
