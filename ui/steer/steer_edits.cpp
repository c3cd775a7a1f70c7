// Edits to and from what the core knows.
#include "ui/steer/steer_edits.h"

#include <algorithm>

namespace sememe {

Steering toSteering(const SteerEdits& edits) {
  Steering steering;
  for (const NeuronEdit& e : edits.neurons) {
    if (e.on) steering.interventions.push_back({e.neuron, e.op, e.value});
  }
  steering.mode = edits.mode;
  steering.preZero = edits.preZero;
  return steering;
}

void toPreset(const SteerEdits& edits, SteeringPreset& preset) {
  preset.neurons.clear();
  for (const NeuronEdit& e : edits.neurons) preset.neurons.push_back({{e.neuron, e.op, e.value}, e.on});
  preset.mode = edits.mode;
  preset.preZero = edits.preZero;
  preset.setPainted(edits.painted);
}

SteerEdits fromPreset(const SteeringPreset& preset, int patches) {
  SteerEdits edits;
  for (const PresetNeuron& n : preset.neurons) {
    const NeuronEdit edit{n.edit.neuron, n.edit.op, n.edit.value, n.enabled};
    const auto known = std::find_if(edits.neurons.begin(), edits.neurons.end(), [&](const NeuronEdit& e) { return e.neuron == edit.neuron; });
    if (known == edits.neurons.end()) edits.neurons.push_back(edit);
    else *known = edit;
  }
  edits.mode = preset.mode;
  edits.preZero = preset.preZero;
  edits.painted = preset.paintedMask(patches);
  return edits;
}

}  // namespace sememe
