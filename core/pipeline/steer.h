// A LLaVA folder and an SAE, ready to be asked about images while neurons are edited. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/image/image.h"
#include "core/steering/request.h"

namespace sememe {

struct SteeringModelParams {
  std::filesystem::path model;    // a Hugging Face folder of model_type "llava", with its tokenizer and chat template
  std::filesystem::path sae;
  int layer = -1;                 // of the vision tower; −1: the one whose output the projector reads
  std::string device = "auto";
  std::string precision = "f32";  // of the model's weights: "f32", "bf16", "f16"; the SAE's are float32
  bool eightBits = false;         // the matrices of the language model's layers in 8 bits, whatever the precision
};

// Read-only: any number of Steerers, each of its own thread, share one.
class SteeringModel;

// Throws Error as loadLlava(), checkRoom(), loadDictionary(), Tokenizer::load(), PromptFormat::fromFolder() and checkSteering() do; Cancelled.
std::shared_ptr<const SteeringModel> loadSteeringModel(const SteeringModelParams& params, const std::stop_token& stop = {},
                                                       const ProgressFn& progress = {});

// "22_post_mlp_residual": where it steers.
std::string steeringTap(const SteeringModel& model);

struct TokenChance {
  int64_t token = 0;
  std::string text;
  double probability = 0;  // of softmax(logits), whatever the sampling
};

struct SpokenAnswer {
  std::string text;  // without blanks at its ends
  Answer answer;
  std::vector<TokenChance> first;  // the likeliest first tokens, 12 at most, the likeliest first
};

struct SpeechCallbacks {
  std::function<void(const std::vector<TokenChance>&)> onFirst;  // before anything is said; may be empty
  std::function<void(const std::string&)> onText;                // pieces that join to the whole answer; may be empty
};

// One image and one question at a time, as SteeringSession keeps them. One thread at a time.
class Steerer {
 public:
  explicit Steerer(std::shared_ptr<const SteeringModel> model);
  ~Steerer();

  void setImage(const Image& image);                // throws Error as preprocess()
  void setQuestion(const std::string& question);    // throws Error (Invalid: it holds an image's place; Mismatch: the
                                                    // tokenizer's image token is not the model's)
  // nullopt: LLaVA without an SAE. Throws as SteeringSession::answer().
  SpokenAnswer ask(const std::optional<Steering>& steering, const SamplingOptions& options, const SpeechCallbacks& callbacks = {},
                   const std::stop_token& stop = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> m_parts;
};

}  // namespace sememe
