// LLaVA: what the projector reads of the vision tower, and where it goes in the prompt.
#include "core/models/llava.h"

#include <algorithm>

#include "core/base/error.h"

namespace sememe {
namespace {

std::shared_ptr<VisionModel> makeTower(const LlavaConfig& config) {
  if (const auto* clip = std::get_if<ClipVisionConfig>(&config.vision))
    return std::make_shared<ClipVisionModelImpl>(*clip, Init::None, false);
  return std::make_shared<SiglipVisionModelImpl>(std::get<SiglipVisionConfig>(config.vision));
}

}  // namespace

int64_t LlavaConfig::visionLayers() const {
  return std::visit([](const auto& tower) { return tower.layers; }, vision);
}

LlavaImpl::LlavaImpl(const LlavaConfig& config)
    : vision(makeTower(config)),
      first(vision->info().hiddenSize * int64_t(config.featureStates.size()), config.text.hiddenSize,
            config.projectorBias),
      second(config.text.hiddenSize, config.text.hiddenSize, config.projectorBias),
      language(config.text),
      m_config(config) {
  const auto model = register_module("model", std::make_shared<torch::nn::Module>());
  model->register_module("vision_tower", vision);
  const auto projector = model->register_module("multi_modal_projector", std::make_shared<torch::nn::Module>());
  projector->register_module("linear_1", first);
  projector->register_module("linear_2", second);
  model->register_module("language_model", language->decoder());
  if (!language->head.is_empty()) register_module("lm_head", language->head);
  for (at::Tensor& parameter : parameters()) parameter.set_requires_grad(false);
}

int64_t LlavaImpl::tokensPerImage() const { return vision->info().tokens - (m_config.dropFirst ? 1 : 0); }

TapHooks LlavaImpl::withCapture(const TapHooks& hooks, std::map<int, at::Tensor>& states) const {
  TapHooks all = hooks;  // first, so that what is read is what they made of it
  for (const int state : m_config.featureStates)
    if (state > 0)
      all.push_back({{TapPoint::PostMlpResidual, state - 1},
                     [&states, state](const at::Tensor& x) { return states[state] = x, at::Tensor(); }});
  return all;
}

at::Tensor LlavaImpl::imageFeatures(const at::Tensor& pixels, const TapHooks& hooks) const {
  const at::Tensor input = vision->inputTokens(pixels);
  return resumeImage({passFrom(input), {}}, hooks);
}

LlavaImagePass LlavaImpl::beginImage(const at::Tensor& pixels, const Tap& tap, const TapHooks& hooks) const {
  const int last = *std::max_element(m_config.featureStates.begin(), m_config.featureStates.end());
  checkTap(tap, vision->info().layers);
  if (tap.point == TapPoint::PostProjection || tap.layer >= last)
    throw Error(ErrorCode::Invalid, "an edit at " + tapName(tap) +
                                        " would change nothing: LLaVA reads its vision tower up to layer " +
                                        std::to_string(last - 1));
  LlavaImagePass halted;
  const at::Tensor input = vision->inputTokens(pixels);
  halted.states[0] = input;
  halted.pass = vision->resume(passFrom(input), tap, withCapture(hooks, halted.states));
  return halted;
}

at::Tensor LlavaImpl::resumeImage(LlavaImagePass halted, const TapHooks& hooks) const {
  const int last = *std::max_element(m_config.featureStates.begin(), m_config.featureStates.end());
  std::map<int, at::Tensor>& states = halted.states;
  // The activation may have been edited since it was read.
  if (halted.pass.tap.point == TapPoint::PostMlpResidual) states[halted.pass.tap.layer + 1] = halted.pass.activation;
  if (last > 0) vision->resume(halted.pass, {TapPoint::PostMlpResidual, last - 1}, withCapture(hooks, states));
  std::vector<at::Tensor> read;
  for (const int state : m_config.featureStates) {
    const at::Tensor& x = states.at(state);
    read.push_back(m_config.dropFirst ? x.narrow(1, 1, x.size(1) - 1) : x);
  }
  const at::Tensor joined = read.size() == 1 ? read.front() : at::cat(read, -1);
  return project(joined);
}

at::Tensor LlavaImpl::project(const at::Tensor& read) const {
  return second->forward(activate(first->forward(read), m_config.projectorActivation));
}

std::vector<int64_t> LlavaImpl::expandImageTokens(const std::vector<int64_t>& ids, int64_t images) const {
  const int64_t each = tokensPerImage(), found = std::count(ids.begin(), ids.end(), m_config.imageToken);
  if (found == images * each) return ids;
  if (found != images)
    throw Error(ErrorCode::Mismatch, "the prompt has " + std::to_string(found) + " image tokens for " +
                                         std::to_string(images) + " images, expected one or " + std::to_string(each) +
                                         " for each");
  std::vector<int64_t> expanded;
  expanded.reserve(ids.size() + size_t(images * (each - 1)));
  for (const int64_t id : ids) expanded.insert(expanded.end(), id == m_config.imageToken ? size_t(each) : 1, id);
  return expanded;
}

at::Tensor LlavaImpl::embedPrompt(const std::vector<int64_t>& ids, const at::Tensor& features) const {
  if (ids.empty()) throw Error(ErrorCode::Invalid, "the prompt has no tokens");
  const int64_t images = features.defined() ? features.size(0) : 0;
  if (features.defined() &&
      (features.dim() != 3 || features.size(1) != tokensPerImage() || features.size(2) != m_config.text.hiddenSize))
    throw Error(ErrorCode::Mismatch, "image features must be [I, " + std::to_string(tokensPerImage()) + ", " +
                                         std::to_string(m_config.text.hiddenSize) + "]");
  std::vector<int64_t> expanded = expandImageTokens(ids, images);
  // The image token itself need not be in the vocabulary.
  const at::Tensor all = at::tensor(expanded, at::kLong);
  const at::Tensor isImage = all.eq(m_config.imageToken);
  const at::Tensor embeds = language->embed(all.masked_fill(isImage, 0).unsqueeze(0));
  if (images == 0) return embeds;
  return embeds.index_copy(1, isImage.nonzero().squeeze(1).to(embeds.device()),
                           features.reshape({1, -1, features.size(2)}).to(embeds.options()));
}

}  // namespace sememe
