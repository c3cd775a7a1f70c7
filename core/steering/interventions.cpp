// Latents edited, and the decoder's change for the edited neurons alone.
#include "core/steering/interventions.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"

namespace sememe {
namespace {

void check(int64_t neurons, int64_t tokens, const Steering& steering) {
  for (const Intervention& i : steering.interventions) {
    if (i.neuron < 0 || i.neuron >= neurons)
      throw Error(ErrorCode::Invalid, "there is no neuron " + std::to_string(i.neuron) + ", expected 0 to " + std::to_string(neurons - 1));
    if (!std::isfinite(i.value)) throw Error(ErrorCode::Invalid, "the value for neuron " + std::to_string(i.neuron) + " is not a finite number");
  }
  if (!steering.mask.empty() && int64_t(steering.mask.size()) != tokens)
    throw Error(ErrorCode::Mismatch, "the mask has " + std::to_string(steering.mask.size()) + " tokens, the image " + std::to_string(tokens));
}

// `edited` [T, d] where the mask, if there is one, is set, and `base` elsewhere.
at::Tensor masked(const at::Tensor& edited, const at::Tensor& base, const std::vector<bool>& tokens) {
  if (tokens.empty()) return edited;
  at::Tensor mask = at::zeros({int64_t(tokens.size()), 1}, at::kBool);
  for (size_t i = 0; i < tokens.size(); ++i) mask.mutable_data_ptr<bool>()[i] = tokens[i];
  return at::where(mask.to(base.device()), edited, base);
}

void apply(const Intervention& intervention, at::Tensor& z) {
  switch (intervention.op) {
    case Intervention::Op::Set: z.fill_(intervention.value); return;
    case Intervention::Op::Add: z.add_(intervention.value); return;
    case Intervention::Op::Scale: z.mul_(intervention.value); return;
    case Intervention::Op::Zero: z.zero_(); return;
  }
}

// The decoded change [T, d] of the edited neurons against `before`: their latents in z, or 0. Undefined for none.
at::Tensor change(const Dictionary& sae, const ImageCode& code, const Steering& steering) {
  std::vector<int64_t> neurons;
  std::vector<at::Tensor> before, after;
  for (const Intervention& i : steering.interventions) {
    const size_t place = size_t(std::find(neurons.begin(), neurons.end(), i.neuron) - neurons.begin());
    if (place == neurons.size()) {
      neurons.push_back(i.neuron);
      before.push_back(steering.preZero ? at::zeros({code.tokens()}) : code.column(i.neuron));
      after.push_back(before.back().clone());
    }
    apply(i, after[place]);
  }
  if (neurons.empty()) return {};
  const at::Tensor latents = at::stack(after, 1) - at::stack(before, 1);
  return at::mm(latents.to(sae.device()), sae.decoderRows().index_select(0, at::tensor(neurons, at::kLong).to(sae.device())));
}

}  // namespace

at::Tensor ImageCode::column(int64_t neuron) const {
  at::Tensor z = at::zeros({tokens()});
  auto* to = z.mutable_data_ptr<float>();
  const auto* offsets = latents.offsets.const_data_ptr<int64_t>();
  const auto* columns = latents.columns.const_data_ptr<int32_t>();
  const auto* values = latents.values.const_data_ptr<float>();
  for (int64_t row = 0; row < tokens(); ++row) {
    const int32_t* end = columns + offsets[row + 1];
    const int32_t* found = std::lower_bound(columns + offsets[row], end, int32_t(neuron));
    if (found != end && *found == neuron) to[row] = values[found - columns];
  }
  return z;
}

ImageCode encodeImage(const Dictionary& sae, const at::Tensor& activation) {
  const at::NoGradGuard guard;
  const SparseCodes latents = sae.encodeSparse(activation);
  return {activation, latents, sae.decodeSparse(latents)};
}

at::Tensor steer(const Dictionary& sae, const ImageCode& code, const Steering& steering) {
  const at::NoGradGuard guard;
  check(sae.dictSize(), code.tokens(), steering);
  const bool keepError = steering.mode == Steering::Mode::KeepError;
  if (keepError && steering.interventions.empty() && !steering.preZero) return code.activation;
  const at::Tensor base = keepError ? code.activation[0].to(sae.device(), at::kFloat) : code.decoded;
  at::Tensor delta = change(sae, code, steering);
  if (steering.preZero) {
    const at::Tensor emptied = sae.decoderBias() - code.decoded;
    delta = delta.defined() ? delta + emptied : emptied;
  }
  const at::Tensor edited = delta.defined() ? masked(base + delta, base, steering.mask) : base;
  return edited.unsqueeze(0).to(code.activation.options());
}

at::Tensor steer(const at::Tensor& activation, const Steering& steering) {
  const at::NoGradGuard guard;
  check(activation.size(2), activation.size(1), steering);
  at::Tensor edited = steering.preZero ? at::zeros_like(activation[0]) : activation[0].clone();
  for (const Intervention& i : steering.interventions) {
    at::Tensor column = edited.select(1, i.neuron);
    apply(i, column);
  }
  return masked(edited, activation[0], steering.mask).unsqueeze(0);
}

}  // namespace sememe
