// LLaVA answering about one image while SAE neurons inside its vision tower are edited.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/models/llava.h"
#include "core/models/token_decoder.h"
#include "core/steering/interventions.h"
#include "core/steering/request.h"

namespace sememe {

// The layer's output that the projector reads: where the paper steers. LLaVA-1.5: 22_post_mlp_residual. Throws Error
// (Invalid) for a model whose projector reads the tower's input alone.
Tap defaultSteeringTap(const LlavaConfig& config);

// The width of the tower's activations at a tap of one of its layers.
int64_t steeringWidth(const LlavaConfig& config, const Tap& tap);

// Whether an SAE for activations of this width can steer there. Throws Error: Mismatch (another width), Invalid (no such tap,
// or one behind what the projector reads).
void checkSteering(const LlavaConfig& config, const Tap& tap, int64_t saeWidth);

struct AnswerCallbacks {
  std::function<void(const at::Tensor& logits)> onFirst;  // float32 [V], CPU: of the first token; may be empty
  std::function<void(int64_t token)> onToken;             // as soon as it is chosen; may be empty
};

// Keeps what edits have in common: the tower's activation and its code for the image, the keys and values of the prompt's
// tokens before the image. A move of a slider costs the edit, the rest of the tower, the projector, a prefill from the
// image on, and the answer. An answer depends on the image, the prompt, the steering and the options alone, never on what
// was asked before. One thread at a time; several sessions may share a model and a dictionary.
class SteeringSession {
 public:
  // Throws Error as checkSteering().
  SteeringSession(Llava llava, std::shared_ptr<const Dictionary> sae, const Tap& tap);

  // Preprocessed pixels [3, H, W] or [1, 3, H, W]. Throws Error as VisionModel does.
  void setImage(const at::Tensor& pixels);
  // Ids with the image token once, or once for each of the image's tokens. Throws Error (Mismatch; Invalid: an id outside
  // the vocabulary, nothing after the image).
  void setPrompt(const std::vector<int64_t>& ids);

  const ImageCode& code() const;  // throws Error (Invalid) before setImage()

  // nullopt: LLaVA as it is. Throws Error (Invalid: no image, no prompt, options; as steer()); Cancelled, within a token's time of the stop.
  Answer answer(const std::optional<Steering>& steering, const SamplingOptions& options, const AnswerCallbacks& callbacks = {},
                const std::stop_token& stop = {});

 private:
  at::Tensor imageFeatures(const std::optional<Steering>& steering) const;
  void makeRoom(int64_t tokens);

  Llava m_llava;
  std::shared_ptr<const Dictionary> m_sae;
  Tap m_tap;
  LlavaImagePass m_halted;
  std::optional<ImageCode> m_code;
  at::Tensor m_before, m_after;    // embeddings of the prompt's tokens around the image, [1, T, hidden]
  std::unique_ptr<KvCache> m_cache;
  std::unique_ptr<TokenDecoder> m_decoder;  // over m_cache, on a GPU
};

}  // namespace sememe
