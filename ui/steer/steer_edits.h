// What the person has set on the Steer page: the neurons with their values, and where they work. Plain values, for undo and presets.
#pragma once

#include <cstdint>
#include <vector>

#include "core/pipeline/steering_preset.h"

namespace sememe {

struct NeuronEdit {
  int64_t neuron = 0;
  Intervention::Op op = Intervention::Op::Set;
  double value = 0;
  bool on = true;

  bool operator==(const NeuronEdit&) const = default;
};

struct SteerEdits {
  std::vector<NeuronEdit> neurons;  // each once
  Steering::Mode mode = Steering::Mode::Replace;
  bool preZero = false;
  std::vector<bool> painted;  // of the patches, in rows from the top left; empty: the whole image

  bool operator==(const SteerEdits&) const = default;
};

// For the whole image.
Steering toSteering(const SteerEdits& edits);

// Neurons, mode, pre-zero and patches of a preset. Of a neuron that comes more than once the last edit counts.
void toPreset(const SteerEdits& edits, SteeringPreset& preset);
SteerEdits fromPreset(const SteeringPreset& preset, int patches);  // throws as SteeringPreset::paintedMask()

}  // namespace sememe
