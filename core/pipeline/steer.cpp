// Loading what steering needs, and answers as text.
#include "core/pipeline/steer.h"

#include <torch/torch.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/image/preprocess.h"
#include "core/pipeline/device.h"
#include "core/steering/sampling.h"
#include "core/steering/steering_session.h"
#include "core/text/prompt_format.h"
#include "core/text/stream_decoder.h"
#include "core/text/tokenizer.h"

namespace sememe {

class SteeringModel {
 public:
  Llava llava = nullptr;
  std::shared_ptr<const Dictionary> sae;
  std::shared_ptr<const Tokenizer> tokenizer;
  PromptFormat format;
  PreprocessConfig preprocessing;
  Tap tap;
};

namespace {

constexpr int64_t kLikeliest = 12;

std::vector<TokenChance> likeliest(const at::Tensor& logits, const Tokenizer& tokenizer) {
  const auto [values, tokens] = at::softmax(logits, 0).topk(std::min(kLikeliest, logits.numel()));
  std::vector<TokenChance> found;
  for (int64_t i = 0; i < values.numel(); ++i) {
    const int64_t id = tokens[i].item<int64_t>();
    found.push_back({id, tokenizer.decode(std::vector{id}, false), values[i].item<double>()});
  }
  return found;
}

}  // namespace

std::shared_ptr<const SteeringModel> loadSteeringModel(const SteeringModelParams& params, const std::stop_token& stop, const ProgressFn& progress) {
  LoadOptions options;
  options.device = resolveDevice(params.device);
  options.dtype = resolvePrecision(params.precision);
  options.stop = stop;
  options.progress = progress;
  // What does not fit together shows before gigabytes are read.
  auto tokenizer = Tokenizer::load(params.model);
  PromptFormat format = PromptFormat::fromFolder(params.model);
  const PreprocessConfig preprocessing = readPreprocessConfig(params.model);
  std::shared_ptr<Dictionary> sae = loadDictionary(params.sae);
  sae->to(options.device);
  LlavaConfig config;
  checkLlava(params.model, &config);
  Tap tap = defaultSteeringTap(config);
  if (params.layer >= 0) tap.layer = params.layer;
  checkSteering(config, tap, sae->activationDim());
  throwIfStopped(stop);
  return std::make_shared<SteeringModel>(
      SteeringModel{loadLlava(params.model, options), std::move(sae), std::move(tokenizer), std::move(format), preprocessing, tap});
}

std::string steeringTap(const SteeringModel& model) { return tapName(model.tap); }

struct Steerer::Parts {
  std::shared_ptr<const SteeringModel> model;
  SteeringSession session;
};

Steerer::Steerer(std::shared_ptr<const SteeringModel> model)
    : m_parts(new Parts{model, SteeringSession(model->llava, model->sae, model->tap)}) {}
Steerer::~Steerer() = default;

void Steerer::setImage(const Image& image) { m_parts->session.setImage(preprocess(image, m_parts->model->preprocessing)); }

void Steerer::setQuestion(const std::string& question) {
  const SteeringModel& model = *m_parts->model;
  const std::vector<int64_t> ids = model.tokenizer->encode(model.format.prompt(question));
  const int64_t image = model.llava->config().imageToken;
  if (std::count(ids.begin(), ids.end(), image) != 1)
    throw Error(ErrorCode::Mismatch, "the tokenizer does not spell " + std::string(PromptFormat::kImage) + " as the model's image token " + std::to_string(image));
  m_parts->session.setPrompt(ids);
}

SpokenAnswer Steerer::ask(const std::optional<Steering>& steering, const SamplingOptions& options, const SpeechCallbacks& callbacks,
                          const std::stop_token& stop) {
  SpokenAnswer spoken;
  const auto& tokenizer = m_parts->model->tokenizer;
  StreamDecoder decoder(tokenizer);
  std::string text;
  const auto say = [&](const std::string& piece) {
    text += piece;
    if (callbacks.onText && !piece.empty()) callbacks.onText(piece);
  };
  AnswerCallbacks heard;
  heard.onFirst = [&](const at::Tensor& logits) {
    spoken.first = likeliest(logits, *tokenizer);
    if (callbacks.onFirst) callbacks.onFirst(spoken.first);
  };
  heard.onToken = [&](int64_t token) { say(decoder.push(token)); };
  spoken.answer = m_parts->session.answer(steering, options, heard, stop);
  say(decoder.finish());
  spoken.text = trimmed(text);
  return spoken;
}

}  // namespace sememe
