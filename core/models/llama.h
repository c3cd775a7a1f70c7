// Llama: the decoder and its head over the vocabulary; keys and maths as in transformers.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/models/kv_cache.h"
#include "core/models/layers.h"
#include "core/models/model_folder.h"
#include "core/models/rope.h"

namespace sememe {

class ConfigReader;

// Defaults are transformers' own for keys that config.json lacks.
struct LlamaConfig {
  int64_t vocabSize = 32000, hiddenSize = 4096, intermediateSize = 11008;
  int64_t layers = 32, heads = 32, kvHeads = 32, headDim = 128;
  int64_t maxPositions = 2048;  // what it was trained with; longer texts are computed, but make little sense
  std::string activation = "silu";
  double rmsNormEps = 1e-6;
  bool attentionBias = false, mlpBias = false;
  bool tied = false;  // the head's weight is the embedding's
  RopeConfig rope;
  std::vector<int64_t> endTokens = {2};  // eos_token_id, one or several; may be empty
};

// `reader`: an object of model_type "llama" (config.json itself or LLaVA's text_config). Throws Error (Unsupported,
// Invalid).
LlamaConfig readLlamaConfig(const ConfigReader& reader);

// x / rms(x) · weight, over the last axis, computed in float32. weight [width].
class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(int64_t width, double eps);
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;

 private:
  double m_eps;
};
TORCH_MODULE(RmsNorm);

// What all layers of one pass share.
struct LlamaPass {
  Rotation rotation;               // of the pass's tokens
  std::optional<at::Tensor> mask;  // bool [N or 1, 1, T, past + T], true: seen; none when `causal` or nothing is hidden
  bool causal = false;             // a text from its beginning, without padding
  KvCache* cache = nullptr;        // may be null
};

// Grouped-query attention with rotated queries and keys: "self_attn", q_proj … o_proj.
class LlamaAttentionImpl : public torch::nn::Module {
 public:
  explicit LlamaAttentionImpl(const LlamaConfig& config);
  at::Tensor forward(const at::Tensor& x, int64_t layer, const LlamaPass& pass) const;  // [N, T, hidden], both

  Linear query = nullptr, key = nullptr, value = nullptr, output = nullptr;
  Linear joined = nullptr;  // query, key and value, once LlamaImpl::joinMatrices() was called; not a module of its own

 private:
  int64_t m_heads, m_kvHeads, m_headDim;
};
TORCH_MODULE(LlamaAttention);

// x += attention(norm1 x); x += down(act(gate norm2 x) · up norm2 x).
class LlamaLayerImpl : public torch::nn::Module {
 public:
  explicit LlamaLayerImpl(const LlamaConfig& config);
  at::Tensor forward(const at::Tensor& x, int64_t layer, const LlamaPass& pass) const;
  TappedPass step(const TappedPass& tapped, const LlamaPass& pass) const;  // from one tap to the next

  RmsNorm norm1 = nullptr, norm2 = nullptr;  // "input_layernorm", "post_attention_layernorm"
  LlamaAttention attention = nullptr;
  at::Tensor inner(const at::Tensor& x) const;  // act(gate x) · up x, what `down` reads

  Linear gate = nullptr, up = nullptr, down = nullptr;
  Linear joined = nullptr;  // gate and up, as the attention's

 private:
  Activation m_activation;
};
TORCH_MODULE(LlamaLayer);

// LlamaForCausalLM: "model" (embed_tokens, layers, norm) and "lm_head". Weights are unset until they are loaded; they
// require no gradient. Any number of threads, each with its own cache.
//
// With a cache a pass reads what is in it and adds its own tokens, which count once the pass has run through the last
// layer: a pass that halts leaves the cache's length as it is, and one that is gone on with a second time needs
// cache.truncate() to that length first. All throw Error: Mismatch (shapes; a cache of another batch), Invalid (a full
// cache, an id outside the vocabulary, no such layer, PostProjection).
class LlamaImpl : public torch::nn::Module {
 public:
  explicit LlamaImpl(const LlamaConfig& config);

  const LlamaConfig& config() const { return m_config; }
  // Makes of query, key and value, and of gate and up, one matrix each: fewer and larger products, which is what a GPU is
  // quick at. Once the weights are in their place; before other threads use the model.
  void joinMatrices();
  bool isJoined() const { return !layers.front()->joined.is_empty(); }
  // For this model's device and dtype. Throws as KvCache does.
  KvCache makeCache(int64_t batch, int64_t capacity) const;

  at::Tensor embed(const at::Tensor& ids) const;  // integers [N, T] → [N, T, hidden]
  // embeds [N, T, hidden], behind what the cache holds → the last layer's output after the final norm, [N, T, hidden].
  at::Tensor forward(const at::Tensor& embeds, KvCache* cache = nullptr, const TapHooks& hooks = {}) const;
  // Up to a layer's tap; and from a halted pass to a later one, or with finish() to what forward() gives.
  TappedPass begin(const at::Tensor& embeds, const Tap& until, KvCache* cache = nullptr,
                   const TapHooks& hooks = {}) const;
  TappedPass resume(const TappedPass& pass, const Tap& until, KvCache* cache = nullptr,
                    const TapHooks& hooks = {}) const;
  at::Tensor finish(const TappedPass& pass, KvCache* cache = nullptr, const TapHooks& hooks = {}) const;
  // forward()'s output [..., hidden] → [..., vocabulary].
  at::Tensor logits(const at::Tensor& states) const;

  // Of places in a text, integers [N or 1, T] on the model's device.
  Rotation rotation(const at::Tensor& places) const { return m_rope.at(places, tokens->weight.scalar_type()); }

  // The decoder without the head, "model"; LLaVA puts it elsewhere.
  const std::shared_ptr<torch::nn::Module>& decoder() const { return m_decoder; }

  Embedding tokens = nullptr;  // "embed_tokens"
  std::vector<LlamaLayer> layers;
  RmsNorm norm = nullptr;
  Linear head = nullptr;  // "lm_head" [vocabulary, hidden], no bias; null when tied

 private:
  LlamaPass passOf(int64_t batch, int64_t count, KvCache* cache) const;
  LayerStack stack(const LlamaPass& pass) const;

  LlamaConfig m_config;
  Rope m_rope;
  std::shared_ptr<torch::nn::Module> m_decoder;
};
TORCH_MODULE(Llama);

// A folder of model_type "llama". Throws as core/models/model_folder.h says.
Llama loadLlama(const std::filesystem::path& folder, const LoadOptions& options = {}, LoadReport* report = nullptr);

// As checkVisionModel().
LoadReport checkLlama(const std::filesystem::path& folder, LlamaConfig* config = nullptr);

}  // namespace sememe
