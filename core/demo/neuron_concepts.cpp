// Compares mean activations by the attributes of the patches they lie on.
#include "core/demo/neuron_concepts.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/base/error.h"

namespace sememe {

namespace {

// Values of an attribute per patch, [n, 64]; -1 where it has none.
at::Tensor patchValues(const TrainingScenes& scenes, int64_t first, int64_t n, WorldAttribute attribute) {
  const at::Tensor owner = scenes.owner.narrow(0, first, n).contiguous();
  at::Tensor values = at::full_like(owner, -1);
  const int64_t* own = owner.const_data_ptr<int64_t>();
  auto* to = values.mutable_data_ptr<int64_t>();
  const int64_t patches = owner.size(1);
  for (int64_t i = 0; i < n * patches; ++i) {
    const bool background = attribute == WorldAttribute::Background;
    if (background != (own[i] < 0)) continue;
    to[i] = attributeOf(scenes.labels[static_cast<size_t>(first + i / patches)], attribute, background ? 0 : static_cast<size_t>(own[i]));
  }
  return values;
}

size_t number(WorldAttribute attribute) { return static_cast<size_t>(attribute); }

}  // namespace

NeuronConcepts::NeuronConcepts(const Dictionary& sae, const at::Tensor& patches, const TrainingScenes& scenes) {
  const at::NoGradGuard guard;
  const int64_t n = patches.size(0), width = sae.dictSize();
  if (patches.dim() != 3 || n > scenes.size() || patches.size(1) != scenes.owner.size(1))
    throw Error(ErrorCode::Mismatch, "expected the patches of scenes, [N, " + std::to_string(scenes.owner.size(1)) + ", d]");
  m_largest = at::zeros({width});
  std::array<at::Tensor, 4> seen;  // double [values]: patches
  for (const WorldAttribute attribute : kWorldAttributes) {
    m_contrast[number(attribute)] = at::zeros({width, attributeValues(attribute)}, at::kDouble);
    seen[number(attribute)] = at::zeros({attributeValues(attribute)}, at::kDouble);
  }
  constexpr int64_t kScenes = 100;  // at a time: 26 MB of latents
  for (int64_t first = 0; first < n; first += kScenes) {
    const int64_t count = std::min(kScenes, n - first);
    const at::Tensor z = sae.encode(patches.narrow(0, first, count).to(at::kFloat).flatten(0, 1));
    m_largest = at::maximum(m_largest, std::get<0>(z.max(0)));
    for (const WorldAttribute attribute : kWorldAttributes) {
      const at::Tensor values = patchValues(scenes, first, count, attribute).flatten();
      const at::Tensor labelled = values.ge(0).nonzero().squeeze(1), value = values.index_select(0, labelled);
      const at::Tensor onValue = at::zeros({attributeValues(attribute), width}).index_add_(0, value, z.index_select(0, labelled));
      m_contrast[number(attribute)] += onValue.t().to(at::kDouble);
      seen[number(attribute)] += at::bincount(value, {}, attributeValues(attribute)).to(at::kDouble);
    }
  }
  for (size_t a = 0; a < seen.size(); ++a) {
    at::Tensor& sums = m_contrast[a];
    sums = sums / seen[a].clamp_min(1) - sums.sum(1, true) / seen[a].sum().clamp_min(1);
  }
}

double NeuronConcepts::largest(int64_t neuron) const { return m_largest[neuron].item<double>(); }
double NeuronConcepts::contrast(int64_t neuron, WorldAttribute attribute, int value) const {
  return m_contrast[number(attribute)][neuron][value].item<double>();
}

std::vector<int64_t> NeuronConcepts::strongest(WorldAttribute attribute, int value, int64_t n) const {
  const auto [contrast, neuron] = m_contrast[number(attribute)].select(1, value).topk(std::min(n, neurons()));
  std::vector<int64_t> found;
  for (int64_t i = 0; i < neuron.numel() && contrast[i].item<double>() > 0; ++i) found.push_back(neuron[i].item<int64_t>());
  return found;
}

std::optional<int> NeuronConcepts::value(int64_t neuron, WorldAttribute attribute) const {
  double most = 0;
  for (const at::Tensor& contrast : m_contrast) most = std::max(most, contrast[neuron].max().item<double>());
  const auto [contrast, value] = m_contrast[number(attribute)][neuron].max(0);
  if (most == 0 || contrast.item<double>() < most / 4) return {};
  return static_cast<int>(value.item<int64_t>());
}

}  // namespace sememe
