// LLaVA answering one question about many images under many edits, many of them in one pass.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/models/llava.h"
#include "core/steering/interventions.h"
#include "core/steering/request.h"

namespace sememe {

// One image halfway through the tower, with what edits need. Read-only: any thread.
struct SteeredImage {
  LlavaImagePass halted;          // of this image alone
  std::optional<ImageCode> code;  // none without an SAE
};

// What is asked about one image. nullopt: LLaVA as it is.
struct SteeredQuestion {
  std::shared_ptr<const SteeredImage> image;
  std::optional<Steering> steering;
};

// The tower runs up to the tap once per image, the prompt's tokens before the image once in all; the rest of the tower, the
// projector, the prompt from the image on and the decoding run for a whole batch at a time. Each answer is the one that a
// SteeringSession of its own would give (up to the rounding of products of other sizes). One thread at a time; several may
// share a model and a dictionary.
class BatchedSteering {
 public:
  // Without an SAE the tower's own neurons at the tap are edited. Throws Error as checkSteering().
  BatchedSteering(Llava llava, std::shared_ptr<const Dictionary> sae, const Tap& tap);

  // As SteeringSession's, throwing the same.
  void setPrompt(const std::vector<int64_t>& ids);

  // Preprocessed pixels [I, 3, H, W] → I images. Throws Error as VisionModel does.
  std::vector<std::shared_ptr<const SteeredImage>> images(const at::Tensor& pixels) const;

  // The answers to all questions in one batch, in their order. Memory grows with their number: keys and values of the whole
  // prompt and answer for each (LLaVA-1.5-7B: 0.3 GB in half precision). Answer::seconds are those of the whole batch.
  // Throws Error (Invalid: no prompt, options; as steer()); Cancelled, within a token's time of the stop.
  std::vector<Answer> answer(std::span<const SteeredQuestion> questions, const SamplingOptions& options, const std::stop_token& stop = {});

 private:
  at::Tensor imageFeatures(std::span<const SteeredQuestion> questions) const;
  void makeRoom(int64_t batch, int64_t tokens);

  Llava m_llava;
  std::shared_ptr<const Dictionary> m_sae;
  Tap m_tap;
  at::Tensor m_before, m_after;     // embeddings of the prompt's tokens around the image, [1, T, hidden]
  std::optional<KvCache> m_prefix;  // of m_before; none when it is empty
  std::optional<KvCache> m_cache;   // of the last batch's size
};

}  // namespace sememe
