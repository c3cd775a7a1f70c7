// Presets to JSON and back.
#include "core/pipeline/steering_preset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "core/base/files.h"
#include "core/pipeline/json_fields.h"

namespace sememe {
namespace {

using Json = nlohmann::ordered_json;
using Op = Intervention::Op;

constexpr const char* kFormat = "sememe-steering";
constexpr int kVersion = 1;
constexpr int64_t kMostBytes = 1 << 20;
constexpr std::array<std::pair<Op, std::string_view>, 4> kOps{{{Op::Set, "set"}, {Op::Add, "add"}, {Op::Scale, "scale"}, {Op::Zero, "zero"}}};

PresetNeuron readNeuron(JsonFields fields) {
  PresetNeuron neuron;
  fields.require("neuron", neuron.edit.neuron, "a neuron's number");
  if (neuron.edit.neuron < 0) fields.fail("neuron", "a number from 0 on was expected");
  std::string op;
  fields.require("op", op, "set, add, scale or zero");
  const auto found = std::find_if(kOps.begin(), kOps.end(), [&](const auto& known) { return known.second == op; });
  if (found == kOps.end()) fields.fail("op", "set, add, scale or zero was expected, not " + op);
  neuron.edit.op = found->first;
  if (neuron.edit.op == Op::Zero) fields.read("value", neuron.edit.value, "a number");
  else fields.require("value", neuron.edit.value, "a number");
  fields.read("enabled", neuron.enabled, "true or false");
  fields.finish();
  return neuron;
}

SamplingOptions readSampling(JsonFields fields) {
  SamplingOptions o;
  fields.read("max_tokens", o.maxTokens, "a whole number");
  fields.read("temperature", o.temperature, "a number");
  fields.read("top_p", o.topP, "a number");
  fields.read("no_repeat_ngram", o.noRepeatNgram, "a whole number");
  fields.read("seed", o.seed, "a whole number from 0 on");
  fields.finish();
  try {
    checkSampling(o);
  } catch (const Error& error) {
    fields.fail("", error.message());
  }
  return o;
}

std::vector<int> readPainted(JsonFields& fields) {
  std::vector<int> painted;
  const Json* mask = fields.find("mask");
  if (!mask) return painted;
  if (!mask->is_array()) fields.fail("mask", "a list of patches was expected");
  for (size_t i = 0; i < mask->size(); ++i) {
    const Json& patch = (*mask)[i];
    if (!patch.is_number_unsigned() || patch.get<uint64_t>() > INT32_MAX)
      fields.fail("mask[" + std::to_string(i) + "]", "a patch's number from 0 on was expected");
    painted.push_back(patch.get<int>());
  }
  std::sort(painted.begin(), painted.end());
  painted.erase(std::unique(painted.begin(), painted.end()), painted.end());
  return painted;
}

double finite(double value, const char* key) {
  if (!std::isfinite(value)) throw Error(ErrorCode::Invalid, "a finite number was expected", key);
  return value;
}

}  // namespace

std::string_view operationName(Op op) {
  return std::find_if(kOps.begin(), kOps.end(), [&](const auto& known) { return known.first == op; })->second;
}

std::string_view steeringModeName(Steering::Mode mode) { return mode == Steering::Mode::Replace ? "replace" : "keep-error"; }

Steering::Mode parseSteeringMode(std::string_view name) {
  for (const Steering::Mode mode : {Steering::Mode::Replace, Steering::Mode::KeepError})
    if (name == steeringModeName(mode)) return mode;
  throw Error(ErrorCode::Invalid, "replace or keep-error was expected, not " + std::string(name));
}

Steering SteeringPreset::steering() const {
  Steering steering;
  for (const PresetNeuron& neuron : neurons)
    if (neuron.enabled) steering.interventions.push_back(neuron.edit);
  steering.mode = mode;
  steering.preZero = preZero;
  return steering;
}

std::vector<bool> SteeringPreset::paintedMask(int patches) const {
  if (painted.empty()) return {};
  std::vector<bool> mask(size_t(std::max(0, patches)), false);
  for (const int patch : painted) {
    if (patch < 0 || patch >= patches)
      throw Error(ErrorCode::Mismatch, "patch " + std::to_string(patch) + " is painted, but this model sees an image as " + std::to_string(patches), "preset " + name);
    mask[size_t(patch)] = true;
  }
  return mask;
}

void SteeringPreset::setPainted(const std::vector<bool>& mask) {
  painted.clear();
  for (size_t i = 0; i < mask.size(); ++i)
    if (mask[i]) painted.push_back(int(i));
}

std::string presetJson(const SteeringPreset& preset) {
  Json json = {{"format", kFormat},
               {"version", kVersion},
               {"name", preset.name},
               {"image", preset.image},
               {"question", preset.question},
               {"mode", steeringModeName(preset.mode)},
               {"pre_zero", preset.preZero},
               {"neurons", Json::array()},
               {"mask", preset.painted}};
  for (const PresetNeuron& n : preset.neurons)
    json["neurons"].push_back({{"neuron", n.edit.neuron}, {"op", operationName(n.edit.op)}, {"value", finite(n.edit.value, "value")}, {"enabled", n.enabled}});
  const SamplingOptions& o = preset.sampling;
  json["sampling"] = {{"max_tokens", o.maxTokens}, {"temperature", finite(o.temperature, "temperature")}, {"top_p", finite(o.topP, "top_p")},
                      {"no_repeat_ngram", o.noRepeatNgram}, {"seed", o.seed}};
  // A file's name need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

SteeringPreset parsePreset(const std::string& text, const std::string& where) {
  const Json json = parseJson(text, where);
  JsonFields fields(json, "", where);
  std::string format;
  int version = 0;
  if (!fields.read("format", format, "a text") || format != kFormat)
    throw Error(ErrorCode::Unsupported, std::string("this is no preset for steering: \"format\": \"") + kFormat + "\" was expected", where);
  fields.require("version", version, "a whole number");
  if (version > kVersion)
    throw Error(ErrorCode::Unsupported, "made by a newer version of Sememe (preset version " + std::to_string(version) + "; this version reads up to " +
                                            std::to_string(kVersion) + ")", where);
  if (version < 1) fields.fail("version", "a number from 1 on was expected");

  SteeringPreset preset;
  fields.require("name", preset.name, "a text");
  if (preset.name.empty() || preset.name.size() > kLongestPresetName)
    fields.fail("name", "1 to " + std::to_string(kLongestPresetName) + " bytes were expected");
  fields.read("image", preset.image, "an image's path");
  fields.read("question", preset.question, "a text");
  std::string mode(steeringModeName(preset.mode));
  fields.read("mode", mode, "replace or keep-error");
  try {
    preset.mode = parseSteeringMode(mode);
  } catch (const Error& error) {
    fields.fail("mode", error.message());
  }
  fields.read("pre_zero", preset.preZero, "true or false");
  const Json* neurons = fields.find("neurons");
  if (!neurons || !neurons->is_array()) fields.fail("neurons", "a list of edits was expected");
  for (size_t i = 0; i < neurons->size(); ++i)
    preset.neurons.push_back(readNeuron(JsonFields((*neurons)[i], "neurons[" + std::to_string(i) + "]", where)));
  preset.painted = readPainted(fields);
  if (const Json* sampling = fields.find("sampling")) preset.sampling = readSampling(JsonFields(*sampling, "sampling", where));
  fields.finish();
  return preset;
}

SteeringPreset readPresetFile(const std::filesystem::path& path) { return parsePreset(readTextFile(path, kMostBytes), path.string()); }

SteeringPreset readStoredPreset(const StoredPreset& stored) {
  SteeringPreset preset = parsePreset(stored.json, "preset " + stored.name);
  preset.name = stored.name;
  return preset;
}

}  // namespace sememe
