// A forward pass through a stack of layers that can be read, edited, halted and gone on with at every tap.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "core/models/tap.h"

namespace sememe {

// Sees the activation at its tap: [N, T, width], at PostProjection [N, width]. A defined result takes the activation's
// place (same shape; dtype and device are cast); an undefined one leaves it. It may keep the tensor, but not write to
// it.
using TapVisitor = std::function<at::Tensor(const at::Tensor& activation)>;

struct TapHook {
  Tap tap;
  TapVisitor visit;
};

// Called in the order of the forward pass; those at the same tap in the order of the list.
using TapHooks = std::vector<TapHook>;

// A pass that halted at a tap: all that the rest of it needs. Going on from it leaves it as it is, so one halted pass
// serves many continuations: set `activation` to an edited one and resume. Holds no memory beyond its two tensors.
struct TappedPass {
  Tap tap;                // {PostMlpResidual, -1}: before layer 0, `activation` being its input
  at::Tensor activation;  // what stands at the tap
  at::Tensor residual;    // [N, T, hidden], what the layer will still add to; undefined at PostMlpResidual
};

// The layers of one tower with everything bound that they need besides their input (masks, positions, caches).
struct LayerStack {
  int count = 0;
  int64_t hidden = 0, inner = 0;  // width of the residual stream and of the MLP's hidden layer
  std::function<at::Tensor(int layer, const at::Tensor& x)> whole;  // a layer in one go, the fastest way
  std::function<TappedPass(const TappedPass& pass)> step;           // from a tap to the next one, within one layer
};

// The layer that comes next in a pass: the tap's own until its output is reached.
inline int nextLayer(const Tap& tap) { return tap.point == TapPoint::PostMlpResidual ? tap.layer + 1 : tap.layer; }

// A pass that stands before layer 0.
inline TappedPass passFrom(const at::Tensor& input) { return {{TapPoint::PostMlpResidual, -1}, input, {}}; }

// Throws Error (Invalid) unless every hook is at a tap that a tower of so many layers has.
void checkHooks(const TapHooks& hooks, int64_t layers);

// Shows the pass to the hooks at its tap. Throws Error (Mismatch: an edit of another shape).
void visitTap(TappedPass& pass, const TapHooks& hooks);

// Takes the pass on to `until`, a layer's tap, and no further. Layers without a tap inside run in one go. Hooks at the
// pass's own tap are not called again. Throws Error (Invalid: no such tap, or one that the pass has left behind;
// Mismatch: an edit or a halted activation of another shape than the layer's).
TappedPass runStack(const LayerStack& stack, TappedPass pass, const Tap& until, const TapHooks& hooks = {});

// The pass's input and the output of layers 0 … last (-1: of all): Hugging Face's hidden_states[0 … last + 1].
// Throws Error (Invalid: no such layer).
std::vector<at::Tensor> stackStates(const LayerStack& stack, const at::Tensor& input, int last = -1);

}  // namespace sememe
