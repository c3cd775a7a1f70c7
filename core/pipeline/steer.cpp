// Loading what steering needs, and answers as text.
#include "core/pipeline/steer.h"

#include <torch/torch.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/pipeline/steering_setup.h"
#include "core/steering/sampling.h"
#include "core/steering/steering_session.h"
#include "core/text/stream_decoder.h"

namespace sememe {

class SteeringModel : public SteeringSetup {
 public:
  Llava llava = nullptr;
};

namespace {

constexpr int64_t kLikeliest = 12;

std::string trimmed(const std::string& text) {
  const char* blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

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
  if (params.sae.empty()) throw Error(ErrorCode::Invalid, "an SAE of the vision tower has to be given");
  // What does not fit together shows before gigabytes are read.
  SteeringSetup setup = openSteeringSetup(params);
  throwIfStopped(stop);
  return std::make_shared<SteeringModel>(SteeringModel{std::move(setup), loadSteeringWeights(params, stop, progress)});
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
  m_parts->session.setPrompt(m_parts->model->promptIds(question));
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
