// LLaVA-1.5: an image through a vision tower and a projector becomes tokens of a Llama's prompt; keys and maths as in
// transformers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/models/clip.h"
#include "core/models/llama.h"
#include "core/models/siglip.h"

namespace sememe {

struct LlavaConfig {
  std::variant<ClipVisionConfig, SiglipVisionConfig> vision;
  LlamaConfig text;
  int64_t imageToken = 32000;
  // vision_feature_layer: which of the tower's hidden states 0 … layers the projector reads, side by side. State i is
  // the output of layer i − 1. LLaVA-1.5 says −2, which is state 23 of 24 layers: the tap post_mlp_residual of
  // layer 22.
  std::vector<int> featureStates = {23};
  bool dropFirst = true;  // vision_feature_select_strategy "default": without the first token, CLIP's CLS; "full": all
  Activation projectorActivation = Activation::Gelu;
  bool projectorBias = true;

  int64_t visionLayers() const;
};

// `text`: a config.json of model_type "llava". Throws Error (Corrupt, Unsupported: other towers, Invalid).
LlavaConfig parseLlavaConfig(const std::string& text, const std::string& where);

// Images halfway through the vision tower, with what the projector reads of the layers before. Copies share the
// tensors.
struct LlavaImagePass {
  TappedPass pass;                   // its activation may be replaced by an edited one
  std::map<int, at::Tensor> states;  // by the number of the hidden state, [I, T, hidden]
};

// LlavaForConditionalGeneration: "model.vision_tower", "model.multi_modal_projector", "model.language_model",
// "lm_head". Weights are unset until they are loaded; they require no gradient. Any number of threads, each with its
// own cache.
class LlavaImpl : public torch::nn::Module {
 public:
  explicit LlavaImpl(const LlavaConfig& config);

  const LlavaConfig& config() const { return m_config; }
  int64_t tokensPerImage() const;  // of a prompt

  // pixels [I, 3, H, W] → [I, tokensPerImage, hidden of the text]; the tower runs no further than the projector reads.
  // Throws Error as VisionModel does.
  at::Tensor imageFeatures(const at::Tensor& pixels, const TapHooks& hooks = {}) const;
  // The same in two parts, halting at a tap of the tower: the first runs once per image, the second after each edit.
  // Throws Error (Invalid) at a tap behind what the projector reads, where an edit would change nothing.
  LlavaImagePass beginImage(const at::Tensor& pixels, const Tap& tap, const TapHooks& hooks = {}) const;
  at::Tensor resumeImage(LlavaImagePass halted, const TapHooks& hooks = {}) const;

  // The projector alone: what it reads of the tower [..., F, width] → [..., F, hidden of the text].
  at::Tensor project(const at::Tensor& read) const;

  // A prompt's ids with each image token repeated once for every token of its image. Ids that are expanded already
  // (images · tokensPerImage image tokens) stay as they are. Throws Error (Mismatch: another number of image tokens).
  std::vector<int64_t> expandImageTokens(const std::vector<int64_t>& ids, int64_t images) const;
  // A prompt's ids (expanded here where they are not) and the features of its images [I, F, hidden], which take the
  // places of the image tokens in order → [1, T, hidden], what `language` reads. Without images `features` is
  // undefined. Throws Error (Mismatch; Invalid: an id outside the vocabulary, no ids).
  at::Tensor embedPrompt(const std::vector<int64_t>& ids, const at::Tensor& features) const;

  // The config.json that llava-hf's folders have, for this model.
  std::string configJson(at::ScalarType dtype, int64_t pad) const;

  std::shared_ptr<VisionModel> vision;       // "model.vision_tower"
  Linear first = nullptr, second = nullptr;  // "model.multi_modal_projector": linear_1, linear_2
  Llama language = nullptr;                  // "model.language_model" and "lm_head"

 private:
  TapHooks withCapture(const TapHooks& hooks, std::map<int, at::Tensor>& states) const;

  LlavaConfig m_config;
};
TORCH_MODULE(Llava);

// A folder of model_type "llava", its keys in either published scheme. Throws as core/models/model_folder.h says.
Llava loadLlava(const std::filesystem::path& folder, const LoadOptions& options = {}, LoadReport* report = nullptr);

// Writes config.json and model.safetensors, weights cast to `dtype`, under the keys and names of llava-hf's folders, so that
// loadLlava and transformers read them without a missing or unexpected key. `pad`: the token that fills up rows.
// Throws Error (Io, DiskFull).
void saveLlava(const LlavaImpl& llava, const std::filesystem::path& folder, at::ScalarType dtype, int64_t pad);

// As checkVisionModel().
LoadReport checkLlava(const std::filesystem::path& folder, LlavaConfig* config = nullptr);

}  // namespace sememe
