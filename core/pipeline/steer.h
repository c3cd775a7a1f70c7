// A LLaVA folder and an SAE, ready to be asked about images while neurons are edited. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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

struct SteeringSae {
  std::string type;         // for people: "Matryoshka BatchTopK"
  std::string fingerprint;  // as a run's of a workspace
  int64_t neurons = 0;
};
SteeringSae steeringSae(const SteeringModel& model);

// How the model cuts an image into patches. Patches are numbered in rows from the top left.
struct PatchGrid {
  int rows = 0, columns = 0;
  int extraTokens = 0;  // tokens before the patches: CLIP's CLS

  int patches() const { return rows * columns; }
};
PatchGrid patchGrid(const SteeringModel& model);

struct TokenChance {
  int64_t token = 0;
  std::string text;
  double probability = 0;        // of softmax(logits), whatever the sampling
  std::optional<double> before;  // the same of LLaVA without an SAE; nullopt until that was asked of this image and question
};

// A neuron's latents over some of an image's tokens.
struct FiringNeuron {
  int64_t neuron = 0;
  float max = 0, mean = 0;  // mean: over all of those tokens
  int tokens = 0;           // on which it fires
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
  // nullopt: LLaVA without an SAE. Throws as SteeringSession::answer(). What it said first, without an SAE, stays until the
  // next image or question, as the `before` of later answers' chances.
  SpokenAnswer ask(const std::optional<Steering>& steering, const SamplingOptions& options, const SpeechCallbacks& callbacks = {},
                   const std::stop_token& stop = {});

  // Of the image; these throw Error (Invalid) before setImage().
  const Image& modelView() const;  // as the model sees it: resized and cropped, before it is normalised
  // The `count` strongest neurons, by their maximum, then by number. patches: where to look; empty: the whole image, with CLS
  // where LLaVA reads it (vision_feature_select_strategy "full"). Throws Error (Invalid: no such patch).
  std::vector<FiringNeuron> firing(std::span<const int> patches, int count) const;
  std::vector<float> patchActivations(int64_t neuron) const;  // [patches]; throws Error (Invalid: no such neuron)
  // Mean L2 norm of the patches' activations at the tap: a strength that steers has this order.
  double tokenNorm() const;

  // Fills in the `before` of chances that came while it was not known; leaves them where it still is not.
  void fillBefore(std::vector<TokenChance>& chances) const;

  // A Steering::mask that edits the painted patches [patches] alone, and not CLS. Empty, which is the whole image with CLS,
  // for no entries and where every patch is painted. Throws Error (Mismatch: another number of patches).
  std::vector<bool> tokenMask(const std::vector<bool>& painted) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> m_parts;
};

}  // namespace sememe
