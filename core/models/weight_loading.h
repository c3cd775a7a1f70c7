// From a model folder into a module's parameters, with a ledger of what was missing and left over. Internal to
// core/models.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/models/config_json.h"
#include "core/models/layers.h"
#include "core/models/model_folder.h"
#include "core/weights/checkpoint.h"

namespace sememe {

// The largest values that a config.json may ask for: well above any published model, and small enough that sizes
// computed from them do not overflow.
namespace limits {
inline constexpr int64_t kHidden = 16384, kIntermediate = 131072, kLayers = 512, kChannels = 64;
inline constexpr int64_t kImageSize = 8192, kVocabulary = 4'000'000, kPositions = 1 << 24, kRegisters = 4096;
}  // namespace limits

// A folder's config.json, read; its weights are opened apart.
struct ModelFolder {
  std::filesystem::path path;
  std::string configPath, configText, type;  // type: model_type, or empty
  ConfigReader config;
};
// Throws Error (NotFound, Corrupt, Invalid).
ModelFolder readModelFolder(const std::filesystem::path& path);

// Throws Error (Unsupported): the folder's model_type is not what `wanted` ("a vision model") says; lists the types
// that are.
[[noreturn]] void throwUnsupportedType(const ModelFolder& folder, const std::string& wanted, const std::string& types);

// Builds a module, which allocates what config.json asks for: sizes that do not fit are the file's fault (Error
// Invalid).
void buildModule(const ModelFolder& folder, const std::function<void()>& build);

// How a module's parameters find their keys, and what the keys left over are.
struct KeyRules {
  // The keys under which checkpoints hold a parameter of this name, the usual one first.
  std::function<std::vector<std::string>(const std::string& parameter)> keys;
  // How the keys of the folder's model begin that are not loaded here.
  std::vector<std::string> otherParts;
  // Whether the model works without this parameter; it is filled with zeros when it is missing.
  std::function<bool(const std::string& parameter)> optional = [](const std::string&) { return false; };
  // The module whose weight this parameter is, where LoadOptions::eightBits is about it; else null.
  std::function<LinearImpl*(const std::string& parameter)> eightBits = [](const std::string&) { return nullptr; };
};

// A tower whose keys carry `prefix` ("vision_model."), which checkpoints of it alone (`bare`) may lack.
KeyRules towerRules(const std::string& prefix, bool bare, std::vector<std::string> otherParts);

// Fills every parameter of `module` and reports; `options` null: compares keys and shapes only. Throws as
// model_folder.h says.
LoadReport loadParameters(torch::nn::Module& module, const ModelFolder& folder, Checkpoint& checkpoint,
                          const KeyRules& rules, const LoadOptions* options);

}  // namespace sememe
