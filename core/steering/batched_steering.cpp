// Many questions in one pass.
#include "core/steering/batched_steering.h"

#include <algorithm>
#include <chrono>

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/steering/prompt_parts.h"
#include "core/steering/sampling.h"
#include "core/steering/steering_session.h"

namespace sememe {
namespace {

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What each of I images has of a pass over all of them.
LlavaImagePass passOf(const LlavaImagePass& all, int64_t image) {
  const auto own = [image](const at::Tensor& x) { return x.defined() ? x.narrow(0, image, 1).contiguous() : x; };
  LlavaImagePass one{{all.pass.tap, own(all.pass.activation), own(all.pass.residual)}, {}};
  for (const auto& [state, x] : all.states) one.states.emplace(state, own(x));
  return one;
}

// The next token of every row, [B] on the CPU.
std::vector<int64_t> nextTokens(const at::Tensor& logits, std::vector<Sampler>& samplers, const std::vector<Answer>& answers, const SamplingOptions& options) {
  std::vector<int64_t> tokens(answers.size());
  if (options.temperature == 0 && options.noRepeatNgram == 0) {
    const at::Tensor likeliest = logits.argmax(-1).to(at::kCPU);
    std::copy_n(likeliest.const_data_ptr<int64_t>(), tokens.size(), tokens.begin());
  } else {
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = samplers[i].next(logits[int64_t(i)], answers[i].tokens);
  }
  return tokens;
}

}  // namespace

BatchedSteering::BatchedSteering(Llava llava, std::shared_ptr<const Dictionary> sae, const Tap& tap)
    : m_llava(std::move(llava)), m_sae(std::move(sae)), m_tap(tap) {
  checkSteering(m_llava->config(), tap, m_sae ? m_sae->activationDim() : steeringWidth(m_llava->config(), tap));
}

void BatchedSteering::setPrompt(const std::vector<int64_t>& ids) {
  const torch::NoGradGuard guard;
  PromptParts parts = splitPrompt(*m_llava, ids);
  m_before = std::move(parts.before);
  m_after = std::move(parts.after);
  m_prefix.reset();
  if (m_before.size(1) == 0) return;
  m_prefix.emplace(m_llava->language->makeCache(1, m_before.size(1)));
  m_llava->language->forward(m_before, &*m_prefix);
}

std::vector<std::shared_ptr<const SteeredImage>> BatchedSteering::images(const at::Tensor& pixels) const {
  const torch::NoGradGuard guard;
  const LlavaImagePass all = m_llava->beginImage(pixels, m_tap);
  std::vector<std::shared_ptr<const SteeredImage>> images;
  for (int64_t i = 0; i < all.pass.activation.size(0); ++i) {
    SteeredImage image{passOf(all, i), {}};
    if (m_sae) image.code = encodeImage(*m_sae, image.halted.pass.activation);
    images.push_back(std::make_shared<const SteeredImage>(std::move(image)));
  }
  return images;
}

at::Tensor BatchedSteering::imageFeatures(std::span<const SteeredQuestion> questions) const {
  std::vector<at::Tensor> activations, residuals;
  std::map<int, std::vector<at::Tensor>> states;
  for (const SteeredQuestion& q : questions) {
    const LlavaImagePass& halted = q.image->halted;
    activations.push_back(!q.steering ? halted.pass.activation
                          : m_sae     ? steer(*m_sae, *q.image->code, *q.steering)
                                      : steer(halted.pass.activation, *q.steering));
    if (halted.pass.residual.defined()) residuals.push_back(halted.pass.residual);
    for (const auto& [state, x] : halted.states) states[state].push_back(x);
  }
  LlavaImagePass pass{{m_tap, at::cat(activations), residuals.empty() ? at::Tensor() : at::cat(residuals)}, {}};
  for (const auto& [state, x] : states) pass.states.emplace(state, at::cat(x));
  return m_llava->resumeImage(std::move(pass));
}

// The cache of so many rows, with the tokens before the image in each of them.
void BatchedSteering::makeRoom(int64_t batch, int64_t tokens) {
  if (!m_cache || m_cache->batch() != batch || m_cache->capacity() < tokens) {
    m_cache.reset();  // before the next one takes its memory
    m_cache.emplace(m_llava->language->makeCache(batch, tokens));
  }
  m_cache->truncate(0);
  if (m_prefix) m_cache->copyFrom(*m_prefix, m_before.size(1));
}

std::vector<Answer> BatchedSteering::answer(std::span<const SteeredQuestion> questions, const SamplingOptions& options, const std::stop_token& stop) {
  const torch::NoGradGuard guard;
  checkSampling(options);
  if (!m_after.defined()) throw Error(ErrorCode::Invalid, "there is no prompt yet");
  std::vector<Answer> answers(questions.size());
  if (questions.empty()) return answers;
  const auto batch = int64_t(questions.size());
  auto start = std::chrono::steady_clock::now();
  const at::Tensor features = imageFeatures(questions);
  const double vision = secondsSince(start);
  throwIfStopped(stop);

  start = std::chrono::steady_clock::now();
  const LlamaImpl& language = *m_llava->language;
  makeRoom(batch, m_before.size(1) + features.size(1) + m_after.size(1) + options.maxTokens);
  const at::Tensor states = language.forward(at::cat({features.to(m_after.options()), m_after.expand({batch, -1, -1})}, 1), &*m_cache);
  at::Tensor logits = language.logits(states.narrow(1, states.size(1) - 1, 1)).squeeze(1);  // [B, V]
  const double prefill = secondsSince(start);

  start = std::chrono::steady_clock::now();
  std::vector<int64_t> ends = language.config().endTokens;
  ends.insert(ends.end(), options.stopTokens.begin(), options.stopTokens.end());
  std::vector<Sampler> samplers(questions.size(), Sampler(options));
  for (int step = 0; step < options.maxTokens; ++step) {
    throwIfStopped(stop);
    // Rows that have ended go on beside the others; what they say counts no more.
    const std::vector<int64_t> tokens = nextTokens(logits, samplers, answers, options);
    bool any = false;
    for (size_t i = 0; i < answers.size(); ++i) {
      Answer& answer = answers[i];
      if (answer.ended) continue;
      answer.ended = std::find(ends.begin(), ends.end(), tokens[i]) != ends.end();
      if (answer.ended) continue;
      answer.tokens.push_back(tokens[i]);
      any = true;
    }
    if (!any || step + 1 == options.maxTokens) break;
    logits = language.logits(language.forward(language.embed(at::tensor(tokens, at::kLong).unsqueeze(1)), &*m_cache)).squeeze(1);
  }
  const double decode = secondsSince(start);
  for (Answer& answer : answers) {
    answer.seconds.vision = vision;
    answer.seconds.prefill = prefill;
    answer.seconds.decode = decode;
  }
  return answers;
}

}  // namespace sememe
