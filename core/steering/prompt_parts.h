// A prompt with an image in it, as what comes before the image and what comes behind.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "core/models/llava.h"

namespace sememe {

// Embeddings of the prompt's tokens, [1, T, hidden] each; T may be 0 before the image.
struct PromptParts {
  at::Tensor before, after;
};

// `ids` with the image token once, or once for each of the image's tokens. Throws Error (Mismatch: no image, more than one,
// its tokens apart; Invalid: an id outside the vocabulary, nothing after the image).
PromptParts splitPrompt(const LlavaImpl& llava, const std::vector<int64_t>& ids);

}  // namespace sememe
