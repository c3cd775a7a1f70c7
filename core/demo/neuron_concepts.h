// What an SAE's neurons stand for by the demo world's ground truth: on whose patches they are more active than elsewhere.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/demo/attributes.h"
#include "core/demo/training_data.h"
#include "core/sae/dictionary.h"

namespace sememe {

// A patch that an object covers has its shape, colour and texture, any other one the scene's background.
class NeuronConcepts {
 public:
  // patches [N, 64, d]: what `sae` reads of the first N scenes, any real dtype.
  NeuronConcepts(const Dictionary& sae, const at::Tensor& patches, const TrainingScenes& scenes);

  int64_t neurons() const { return m_largest.size(0); }
  double largest(int64_t neuron) const;  // its largest activation
  // How much more active a neuron is on patches with this value than on all patches with the attribute, in the mean: its part
  // in the difference of these patches' means in the model's own space, where a decoder's rows have length 1. The share of a
  // neuron's activation that lies on a value says less: one that stands for a shape is about as active around the object.
  double contrast(int64_t neuron, WorldAttribute attribute, int value) const;
  // The n neurons of the largest contrast for this value, the largest first; fewer where fewer are above 0.
  std::vector<int64_t> strongest(WorldAttribute attribute, int value, int64_t n) const;
  // The value of largest contrast, if that is at least a quarter of the neuron's largest for any value of any attribute:
  // else it says nothing of this attribute.
  std::optional<int> value(int64_t neuron, WorldAttribute attribute) const;

 private:
  std::array<at::Tensor, 4> m_contrast;  // double [F, values]
  at::Tensor m_largest;                  // float [F]
};

}  // namespace sememe
