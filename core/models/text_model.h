// A text tower as the rest of the program sees it: token ids in, text embeddings or activations at a tap out.
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

struct TextInfo {
  std::string family;  // "clip", "siglip"
  int64_t hiddenSize = 0, mlpSize = 0, layers = 0;
  int64_t vocabulary = 0, positions = 0;  // ids are below the one, T at most the other
  int64_t embeddingDim = 0;
};

// Every text tower with its projection. Threads and gradients as for VisionModel. ids are integers [N, T] with T from 1
// to the model's positions. All throw Error: Mismatch (their shape or type; an edit's shape), Invalid (an id outside
// the vocabulary, no such layer).
class TextModel : public torch::nn::Module {
 public:
  const TextInfo& info() const { return m_info; }

  // The text embedding [N, width], not normalised. CLIP: at the end-of-text token ("text_embeds"); SigLIP: at the last
  // position ("pooler_output"), so its ids must be padded to the length that it was trained with.
  at::Tensor embed(const at::Tensor& ids, const TapHooks& hooks = {}) const;
  // What stands at a tap; stops there. [N, T, hidden] at a layer's, the embedding at PostProjection.
  at::Tensor forwardTo(const at::Tensor& ids, const Tap& tap, const TapHooks& hooks = {}) const;
  // Embeddings, then each layer's output (before final_layer_norm): Hugging Face's hidden_states.
  std::vector<at::Tensor> hiddenStates(const at::Tensor& ids) const;

 protected:
  virtual at::Tensor inputTokens(const at::Tensor& ids) const = 0;  // [N, T, hidden]
  virtual LayerStack stack() const = 0;
  // [N, T, hidden] of the last layer → [N, width].
  virtual at::Tensor project(const at::Tensor& lastHidden, const at::Tensor& ids) const = 0;

  TextInfo m_info;
};

// The text side of a Hugging Face folder: CLIPModel, CLIPTextModelWithProjection, SiglipModel, SiglipTextModel. Throws
// as core/models/model_folder.h says.
std::shared_ptr<TextModel> loadTextModel(const std::filesystem::path& folder, const LoadOptions& options = {},
                                         LoadReport* report = nullptr);

// As checkVisionModel().
LoadReport checkTextModel(const std::filesystem::path& folder, TextInfo* info = nullptr);

// Token embedding [vocabulary, hidden] of ids plus position embedding [positions, hidden]. Throws as TextModel says.
at::Tensor embedTokens(const at::Tensor& ids, const at::Tensor& tokens, const at::Tensor& positions);

}  // namespace sememe
