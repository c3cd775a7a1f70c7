// The demo's LLaVA asked about drawn scenes through the steering engine.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/demo/training_data.h"
#include "core/steering/steering_session.h"
#include "core/text/prompt_format.h"
#include "core/text/tokenizer.h"

namespace sememe::test {

class DemoAnswers {
 public:
  DemoAnswers(const std::filesystem::path& llava, std::shared_ptr<const Dictionary> sae)
      : m_llava(loadLlava(llava)),
        m_tokenizer(Tokenizer::load(llava)),
        m_format(PromptFormat::fromFolder(llava)),
        m_tap(defaultSteeringTap(m_llava->config())),
        m_session(m_llava, std::move(sae), m_tap) {}

  void setScene(const TrainingScenes& scenes, int64_t index) {
    m_session.setImage(normalisePixels(scenes.pixels.narrow(0, index, 1), kClipMean, kClipDeviation));
  }
  void setQuestion(const std::string& question) { m_session.setPrompt(m_tokenizer->encode(m_format.prompt(question))); }

  // The likeliest answer, without the blank before it.
  std::string answer(const std::optional<Steering>& steering, int maxTokens = 24) {
    SamplingOptions options;
    options.maxTokens = maxTokens;
    const std::string text = m_tokenizer->decode(m_session.answer(steering, options).tokens);
    return text.starts_with(' ') ? text.substr(1) : text;
  }
  // An answer of one word that has more words is not one.
  std::string word(const std::optional<Steering>& steering) { return answer(steering, 2); }

  // What the SAE reads of scenes 0 … n−1: patch tokens [n, 64, d].
  at::Tensor patches(const TrainingScenes& scenes, int64_t n) const {
    const at::NoGradGuard guard;
    std::vector<at::Tensor> parts;
    for (const at::Tensor& pixels : scenes.pixels.narrow(0, 0, n).split(100)) {
      const at::Tensor x = m_llava->vision->forwardTo(normalisePixels(pixels, kClipMean, kClipDeviation), m_tap);
      parts.push_back(x.narrow(1, 1, x.size(1) - 1));
    }
    return at::cat(parts);
  }

 private:
  Llava m_llava;
  std::shared_ptr<const Tokenizer> m_tokenizer;
  PromptFormat m_format;
  Tap m_tap;
  SteeringSession m_session;
};

// All patches; the tokens of the tower that are none (CLS) are edited too, as nothing reads them.
inline Steering clamped(int64_t neuron, double value) {
  Steering steering;
  steering.interventions = {{neuron, Intervention::Op::Set, value}};
  return steering;
}

}  // namespace sememe::test
