// One image, one prompt, many edits.
#include "core/steering/steering_session.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/steering/prompt_parts.h"
#include "core/steering/sampling.h"

namespace sememe {
namespace {

constexpr int64_t kRoomStep = 256;  // tokens: the cache grows by so many

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

at::Tensor row(const std::vector<int64_t>& ids) { return at::tensor(ids, at::kLong).unsqueeze(0); }

at::Tensor lastOf(const at::Tensor& states) { return states.narrow(1, states.size(1) - 1, 1); }

}  // namespace

Tap defaultSteeringTap(const LlavaConfig& config) {
  const int last = *std::max_element(config.featureStates.begin(), config.featureStates.end());
  if (last < 1) throw Error(ErrorCode::Invalid, "this LLaVA reads no layer of its vision tower, so nothing in it can be steered");
  return {TapPoint::PostMlpResidual, last - 1};
}

int64_t steeringWidth(const LlavaConfig& config, const Tap& tap) {
  return std::visit([&](const auto& tower) { return tap.point == TapPoint::InMlp ? tower.intermediateSize : tower.hiddenSize; }, config.vision);
}

void checkSteering(const LlavaConfig& config, const Tap& tap, int64_t saeWidth) {
  checkTap(tap, config.visionLayers());
  const int last = defaultSteeringTap(config).layer;
  if (tap.point == TapPoint::PostProjection || tap.layer > last)
    throw Error(ErrorCode::Invalid, "steering at " + tapName(tap) + " would change nothing: LLaVA reads its vision tower up to layer " + std::to_string(last));
  const int64_t width = steeringWidth(config, tap);
  if (saeWidth != width)
    throw Error(ErrorCode::Mismatch, "the SAE is for activations of width " + std::to_string(saeWidth) + ", LLaVA's vision tower has " +
                                         std::to_string(width) + " at " + tapName(tap));
}

SteeringSession::SteeringSession(Llava llava, std::shared_ptr<const Dictionary> sae, const Tap& tap)
    : m_llava(std::move(llava)), m_sae(std::move(sae)), m_tap(tap) {
  checkSteering(m_llava->config(), tap, m_sae->activationDim());
}

void SteeringSession::setImage(const at::Tensor& pixels) {
  const torch::NoGradGuard guard;
  LlavaImagePass halted = m_llava->beginImage(pixels.dim() == 3 ? pixels.unsqueeze(0) : pixels, m_tap);
  if (halted.pass.activation.size(0) != 1) throw Error(ErrorCode::Mismatch, "one image at a time is steered");
  m_code = encodeImage(*m_sae, halted.pass.activation);
  m_halted = std::move(halted);
}

void SteeringSession::setPrompt(const std::vector<int64_t>& ids) {
  PromptParts parts = splitPrompt(*m_llava, ids);
  m_before = std::move(parts.before);
  m_after = std::move(parts.after);
  m_decoder.reset();
  m_cache.reset();
}

const ImageCode& SteeringSession::code() const {
  if (!m_code) throw Error(ErrorCode::Invalid, "there is no image to steer yet");
  return *m_code;
}

at::Tensor SteeringSession::imageFeatures(const std::optional<Steering>& steering) const {
  const torch::NoGradGuard guard;
  const ImageCode& known = code();
  LlavaImagePass pass = m_halted;
  if (steering) pass.pass.activation = steer(*m_sae, known, *steering);
  return m_llava->resumeImage(std::move(pass));
}

// The cache with the tokens before the image in it, and with room for so many in all.
void SteeringSession::makeRoom(int64_t tokens) {
  if (!m_cache || m_cache->capacity() < tokens) {
    KvCache cache = m_llava->language->makeCache(1, (tokens + kRoomStep - 1) / kRoomStep * kRoomStep);
    if (m_before.size(1) > 0) m_llava->language->forward(m_before, &cache);
    m_decoder.reset();
    m_cache = std::make_unique<KvCache>(std::move(cache));
    if (m_after.is_cuda()) m_decoder = std::make_unique<TokenDecoder>(m_llava->language, *m_cache);
  }
  m_cache->truncate(m_before.size(1));
}

Answer SteeringSession::answer(const std::optional<Steering>& steering, const SamplingOptions& options, const AnswerCallbacks& callbacks,
                               const std::stop_token& stop) {
  const torch::NoGradGuard guard;
  Sampler sampler(options);
  if (!m_after.defined()) throw Error(ErrorCode::Invalid, "there is no prompt yet");
  Answer answer;
  auto start = std::chrono::steady_clock::now();
  const at::Tensor features = imageFeatures(steering);
  answer.seconds.vision = secondsSince(start);
  throwIfStopped(stop);

  start = std::chrono::steady_clock::now();
  const LlamaImpl& language = *m_llava->language;
  makeRoom(m_before.size(1) + features.size(1) + m_after.size(1) + options.maxTokens);
  const at::Tensor states = language.forward(at::cat({features.to(m_after.options()), m_after}, 1), m_cache.get());
  at::Tensor logits = language.logits(lastOf(states)).view({-1});
  if (callbacks.onFirst) callbacks.onFirst(logits.to(at::kCPU, at::kFloat));
  answer.seconds.prefill = secondsSince(start);

  start = std::chrono::steady_clock::now();
  std::vector<int64_t> ends = language.config().endTokens;
  ends.insert(ends.end(), options.stopTokens.begin(), options.stopTokens.end());
  while (int(answer.tokens.size()) < options.maxTokens) {
    throwIfStopped(stop);
    const int64_t token = sampler.next(logits, answer.tokens);
    if (std::find(ends.begin(), ends.end(), token) != ends.end()) {
      answer.ended = true;
      break;
    }
    answer.tokens.push_back(token);
    if (callbacks.onToken) callbacks.onToken(token);
    if (int(answer.tokens.size()) == options.maxTokens) break;
    logits = m_decoder ? m_decoder->next({token})[0] : language.logits(language.forward(language.embed(row({token})), m_cache.get())).view({-1});
  }
  answer.seconds.decode = secondsSince(start);
  return answer;
}

}  // namespace sememe
