// The pass that all vision towers share: tokens, layers, embedding, with taps on the way.
#include "core/models/vision_model.h"

#include "core/base/error.h"

namespace sememe {

TappedPass VisionModel::begin(const at::Tensor& pixels, const Tap& until, const TapHooks& hooks) const {
  // Before the work of the embedding.
  checkTap(until, m_info.layers);
  checkHooks(hooks, m_info.layers);
  if (until.point == TapPoint::PostProjection && m_info.embeddingDim == 0)
    throw Error(ErrorCode::Unsupported,
                "this model has no image embedding: its folder has neither CLIP's visual_projection nor SigLIP's head");
  return resume(passFrom(inputTokens(pixels)), until, hooks);
}

TappedPass VisionModel::resume(TappedPass pass, const Tap& until, const TapHooks& hooks) const {
  if (until.point != TapPoint::PostProjection) return runStack(stack(), std::move(pass), until, hooks);
  checkTap(until, m_info.layers);
  if (pass.tap == until) return pass;
  pass = runStack(stack(), std::move(pass), {TapPoint::PostMlpResidual, static_cast<int>(m_info.layers) - 1}, hooks);
  pass = {until, project(pass.activation), {}};
  visitTap(pass, hooks);
  return pass;
}

std::vector<at::Tensor> VisionModel::hiddenStates(const at::Tensor& pixels, int last) const {
  return stackStates(stack(), inputTokens(pixels), last);
}

}  // namespace sememe
