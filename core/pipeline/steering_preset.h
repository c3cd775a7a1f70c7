// A way of steering, under a name: image, question, edits, painted patches and sampling, as JSON for files and workspaces.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/steering/request.h"
#include "core/store/presets.h"

namespace sememe {

// "set", "add", "scale", "zero".
std::string_view operationName(Intervention::Op op);
// "replace", "keep-error".
std::string_view steeringModeName(Steering::Mode mode);
Steering::Mode parseSteeringMode(std::string_view name);  // throws Error (Invalid)

struct PresetNeuron {
  Intervention edit;
  bool enabled = true;  // else it is kept, but does nothing
};

struct SteeringPreset {
  std::string name;
  std::string image;  // relative to the data set's folder (of a file: to the file's), or absolute; empty: none
  std::string question;
  Steering::Mode mode = Steering::Mode::Replace;
  bool preZero = false;
  std::vector<PresetNeuron> neurons;
  std::vector<int> painted;  // patches, ascending; empty: the whole image
  SamplingOptions sampling;  // stopTokens are not kept

  // The enabled edits, for the whole image.
  Steering steering() const;
  // The painted patches as Steerer::tokenMask() and the page want them, [patches]; empty: none painted. Throws Error (Mismatch:
  // a patch that is not there).
  std::vector<bool> paintedMask(int patches) const;
  void setPainted(const std::vector<bool>& mask);
};

// {"format": "sememe-steering", "version": 1, "name", "image", "question", "mode": "replace" | "keep-error", "pre_zero",
// "neurons": [{"neuron", "op": "set" | "add" | "scale" | "zero", "value", "enabled"}], "mask": [painted patches],
// "sampling": {"max_tokens", "temperature", "top_p", "no_repeat_ngram", "seed"}}. Throws Error (Invalid: a value that is not
// finite).
std::string presetJson(const SteeringPreset& preset);

// Needed are format, version, name and neurons, and of a neuron all but "enabled" (and the value of "zero"). Throws Error naming
// `where` and the key: Corrupt (no JSON), Unsupported (another format, a newer version), Invalid (a key that is missing or
// unknown, a value of another kind or outside its range).
SteeringPreset parsePreset(const std::string& json, const std::string& where);

SteeringPreset readPresetFile(const std::filesystem::path& path);  // throws as parsePreset() and readTextFile()
SteeringPreset readStoredPreset(const StoredPreset& stored);       // under the name it has in the workspace

}  // namespace sememe
