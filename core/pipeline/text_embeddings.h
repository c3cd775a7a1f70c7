// Texts as a text tower embeds them.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

// One row for each text, float32 [texts, D], CPU, not normalised: CLIP's text_embeds, SigLIP's pooler_output of a padded text.
// Texts longer than the tower's positions are cut, their end token kept. `folder`: a Hugging Face folder with a text tower and
// its tokenizer; `what`: for the progress, "names". Throws Error as loadTextModel() and Tokenizer::load() do, and Invalid for a
// text without a token; Cancelled.
at::Tensor embedTexts(const std::filesystem::path& folder, const std::vector<std::string>& texts, const std::string& what, at::Device device,
                      const std::stop_token& stop, const ProgressFn& progress);

}  // namespace sememe
