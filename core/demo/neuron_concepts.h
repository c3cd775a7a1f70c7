// What an SAE's neurons stand for by the demo world's ground truth: on whose patches their activation lies.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
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

  int64_t neurons() const { return m_mass.size(0); }
  // The part of a neuron's activation mass, 0 … 1, that lies on patches with this value; 0 for a dead neuron.
  double share(int64_t neuron, WorldAttribute attribute, int value) const;
  double mass(int64_t neuron) const;     // the sum of its activations
  double largest(int64_t neuron) const;  // its largest activation
  // Whether it says something of an attribute: some value has a fifth of its mass, and twice as much as of all patches with
  // that attribute.
  bool speaksOf(int64_t neuron, WorldAttribute attribute) const;
  // The neurons with more than `share` of their mass on this value, that of most mass first.
  std::vector<int64_t> of(WorldAttribute attribute, int value, double share) const;

 private:
  std::array<at::Tensor, 4> m_share;  // double [F, values]
  std::array<at::Tensor, 4> m_usual;  // double [values]: the parts of the patches with the attribute
  at::Tensor m_mass, m_largest;       // double [F], float [F]
};

}  // namespace sememe
