// The pass that all text towers share: tokens, layers, embedding, with taps on the way.
#include "core/models/text_model.h"

#include <string>

#include "core/base/error.h"

namespace sememe {

at::Tensor TextModel::embed(const at::Tensor& ids, const TapHooks& hooks) const {
  return forwardTo(ids, {TapPoint::PostProjection, -1}, hooks);
}

at::Tensor TextModel::forwardTo(const at::Tensor& ids, const Tap& tap, const TapHooks& hooks) const {
  const LayerStack layers = stack();
  checkTap(tap, layers.count);  // before the work
  const bool whole = tap.point == TapPoint::PostProjection;
  const Tap until = whole ? Tap{TapPoint::PostMlpResidual, layers.count - 1} : tap;
  TappedPass pass = runStack(layers, passFrom(inputTokens(ids)), until, hooks);
  if (!whole) return pass.activation;
  pass = {tap, project(pass.activation, ids), {}};
  visitTap(pass, hooks);
  return pass.activation;
}

std::vector<at::Tensor> TextModel::hiddenStates(const at::Tensor& ids) const {
  return stackStates(stack(), inputTokens(ids));
}

at::Tensor embedTokens(const at::Tensor& ids, const at::Tensor& tokens, const at::Tensor& positions) {
  if (ids.dim() != 2 || !at::isIntegralType(ids.scalar_type(), false) || ids.size(1) < 1 ||
      ids.size(1) > positions.size(0))
    throw Error(ErrorCode::Mismatch,
                "token ids are a " + std::to_string(ids.dim()) + "-D " + std::string(c10::toString(ids.scalar_type())) +
                    " tensor, expected integers [N, T] with T from 1 to " + std::to_string(positions.size(0)));
  if (ids.numel() > 0 && (ids.min().item<int64_t>() < 0 || ids.max().item<int64_t>() >= tokens.size(0)))
    throw Error(ErrorCode::Invalid,
                "a token id is outside the vocabulary of " + std::to_string(tokens.size(0)) + " tokens");
  return at::embedding(tokens, ids.to(tokens.device(), at::kLong)) + positions.narrow(0, 0, ids.size(1));
}

}  // namespace sememe
