// Adds activations up by the attributes of the patches they lie on.
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
  m_mass = at::zeros({width}, at::kDouble);
  m_largest = at::zeros({width});
  for (const WorldAttribute attribute : kWorldAttributes) {
    m_share[number(attribute)] = at::zeros({width, attributeValues(attribute)}, at::kDouble);
    m_usual[number(attribute)] = at::zeros({attributeValues(attribute)}, at::kDouble);
  }
  constexpr int64_t kScenes = 100;  // at a time: 26 MB of latents
  for (int64_t first = 0; first < n; first += kScenes) {
    const int64_t count = std::min(kScenes, n - first);
    const at::Tensor z = sae.encode(patches.narrow(0, first, count).to(at::kFloat).flatten(0, 1));
    m_mass += z.sum(0).to(at::kDouble);
    m_largest = at::maximum(m_largest, std::get<0>(z.max(0)));
    for (const WorldAttribute attribute : kWorldAttributes) {
      const at::Tensor values = patchValues(scenes, first, count, attribute).flatten();
      const at::Tensor labelled = values.ge(0).nonzero().squeeze(1), value = values.index_select(0, labelled);
      const at::Tensor onValue = at::zeros({attributeValues(attribute), width}).index_add_(0, value, z.index_select(0, labelled));
      m_share[number(attribute)] += onValue.t().to(at::kDouble);
      m_usual[number(attribute)] += at::bincount(value, {}, attributeValues(attribute)).to(at::kDouble);
    }
  }
  for (at::Tensor& share : m_share) share = share / m_mass.clamp_min(1e-12).unsqueeze(1);
  for (at::Tensor& usual : m_usual) usual = usual / usual.sum().clamp_min(1);
}

double NeuronConcepts::share(int64_t neuron, WorldAttribute attribute, int value) const {
  return m_share[number(attribute)][neuron][value].item<double>();
}
double NeuronConcepts::mass(int64_t neuron) const { return m_mass[neuron].item<double>(); }
double NeuronConcepts::largest(int64_t neuron) const { return m_largest[neuron].item<double>(); }

bool NeuronConcepts::speaksOf(int64_t neuron, WorldAttribute attribute) const {
  const at::Tensor share = m_share[number(attribute)][neuron];
  return (share.ge(.2) & share.ge(2 * m_usual[number(attribute)])).any().item<bool>();
}

std::vector<int64_t> NeuronConcepts::of(WorldAttribute attribute, int value, double share) const {
  const at::Tensor pure = m_share[number(attribute)].select(1, value).gt(share).nonzero().squeeze(1);
  std::vector<int64_t> found(pure.const_data_ptr<int64_t>(), pure.const_data_ptr<int64_t>() + pure.numel());
  std::stable_sort(found.begin(), found.end(), [this](int64_t a, int64_t b) { return mass(a) > mass(b); });
  return found;
}

}  // namespace sememe
