// What a LLaVA folder and an SAE need to be steered, everything but the weights: what shows in seconds whether they fit.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/image/preprocess.h"
#include "core/models/llava.h"
#include "core/pipeline/steer.h"
#include "core/sae/dictionary.h"
#include "core/text/prompt_format.h"
#include "core/text/tokenizer.h"

namespace sememe {

struct SteeringSetup {
  std::shared_ptr<const Dictionary> sae;  // on the device; null where none was given
  std::shared_ptr<const Tokenizer> tokenizer;
  PromptFormat format;
  PreprocessConfig preprocessing;
  LlavaConfig config;
  Tap tap;
  std::string fingerprint;  // of the model, its tokenizer and template, the SAE and the tap

  // The prompt's ids with the image token once. Throws Error (Invalid: the question holds an image's place; Mismatch: the
  // tokenizer's image token is not the model's).
  std::vector<int64_t> promptIds(const std::string& question) const;
};

// Throws Error as loadSteeringModel() does, but for checkRoom(); without an SAE there is none to fit.
SteeringSetup openSteeringSetup(const SteeringModelParams& params);

// The weights, which take minutes. Throws Error as checkRoom() and loadLlava() do; Cancelled.
Llava loadSteeringWeights(const SteeringModelParams& params, const std::stop_token& stop, const ProgressFn& progress);

}  // namespace sememe
