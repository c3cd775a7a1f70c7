// The one loop over layers: where it stops, whom it shows what.
#include "core/models/tapped_pass.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "core/base/error.h"

namespace sememe {
namespace {

// Taps in the order of a forward pass.
int64_t place(const Tap& tap) {
  switch (tap.point) {
    case TapPoint::AttentionOutput: return int64_t{4} * tap.layer;
    case TapPoint::InMlp: return int64_t{4} * tap.layer + 1;
    case TapPoint::PostMlp: return int64_t{4} * tap.layer + 2;
    case TapPoint::PostMlpResidual: return int64_t{4} * tap.layer + 3;
    case TapPoint::PostProjection: break;
  }
  return std::numeric_limits<int64_t>::max();
}

// Whether somebody looks into the layer, so that it cannot run in one go.
bool opensLayer(const Tap& tap, int layer) {
  return tap.layer == layer && tap.point != TapPoint::PostMlpResidual && tap.point != TapPoint::PostProjection;
}

// A pass that somebody gave a new activation may not fit any more.
void checkPass(const LayerStack& stack, const TappedPass& pass) {
  const at::Tensor& x = pass.activation;
  const int64_t width = pass.tap.point == TapPoint::InMlp ? stack.inner : stack.hidden;
  const bool fits =
      x.defined() && x.dim() == 3 && x.size(2) == width &&
      (!pass.residual.defined() || (x.size(0) == pass.residual.size(0) && x.size(1) == pass.residual.size(1)));
  if (!fits)
    throw Error(ErrorCode::Mismatch, "the activation at " + tapName(pass.tap) + " must be [N, T, " +
                                         std::to_string(width) + "] with the N and T of the pass that halted");
}

}  // namespace

void checkHooks(const TapHooks& hooks, int64_t layers) {
  for (const TapHook& hook : hooks) checkTap(hook.tap, layers);
}

void visitTap(TappedPass& pass, const TapHooks& hooks) {
  for (const TapHook& hook : hooks) {
    if (hook.tap != pass.tap) continue;
    const at::Tensor edited = hook.visit(pass.activation);
    if (!edited.defined()) continue;
    if (edited.sizes() != pass.activation.sizes()) {
      std::ostringstream text;
      text << "an edit at " << tapName(pass.tap) << " has shape " << edited.sizes() << ", expected "
           << pass.activation.sizes();
      throw Error(ErrorCode::Mismatch, text.str());
    }
    pass.activation = edited.to(pass.activation.options());
  }
}

TappedPass runStack(const LayerStack& stack, TappedPass pass, const Tap& until, const TapHooks& hooks) {
  checkTap(until, stack.count);
  checkHooks(hooks, stack.count);
  if (until.point == TapPoint::PostProjection || place(until) < place(pass.tap))
    throw Error(ErrorCode::Invalid,
                "a pass that stands at " + tapName(pass.tap) + " does not come to " + tapName(until));
  checkPass(stack, pass);
  while (pass.tap != until) {
    const int layer = nextLayer(pass.tap);
    const bool opened =
        pass.tap.point != TapPoint::PostMlpResidual || opensLayer(until, layer) ||
        std::any_of(hooks.begin(), hooks.end(), [&](const TapHook& hook) { return opensLayer(hook.tap, layer); });
    pass = opened ? stack.step(pass)
                  : TappedPass{{TapPoint::PostMlpResidual, layer}, stack.whole(layer, pass.activation), {}};
    visitTap(pass, hooks);
  }
  return pass;
}

std::vector<at::Tensor> stackStates(const LayerStack& stack, const at::Tensor& input, int last) {
  const int count = last < 0 ? stack.count : last + 1;
  if (count > stack.count)
    throw Error(ErrorCode::Invalid,
                "there is no layer " + std::to_string(last) + ", expected -1 to " + std::to_string(stack.count - 1));
  std::vector<at::Tensor> states = {input};
  for (int i = 0; i < count; ++i) states.push_back(stack.whole(i, states.back()));
  return states;
}

}  // namespace sememe
