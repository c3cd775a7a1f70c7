// From a checkpoint into a module's parameters, with a ledger of what was missing and left over. Internal to core/models.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/models/vision_model.h"
#include "core/weights/checkpoint.h"

namespace sememe {

// The largest values that a config.json may ask for: well above any published model, and small enough that sizes
// computed from them do not overflow.
namespace limits {
inline constexpr int64_t kHidden = 16384, kIntermediate = 131072, kLayers = 512, kChannels = 64;
inline constexpr int64_t kImageSize = 8192, kVocabulary = 4'000'000, kPositions = 1 << 20, kRegisters = 4096;
}  // namespace limits

// How a module's parameters find their keys, and what the keys left over are.
struct KeyRules {
  // The keys under which checkpoints hold a parameter of this name, the usual one first.
  std::function<std::vector<std::string>(const std::string& parameter)> keys;
  // Whether a key belongs to a part of the folder's model that is not loaded here.
  std::function<bool(const std::string& key)> otherPart = [](const std::string&) { return false; };
  // Whether the model works without this parameter; it is filled with zeros when it is missing.
  std::function<bool(const std::string& parameter)> optional = [](const std::string&) { return false; };
};

// Where the weights go; none: compare keys and shapes only.
struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
};

// Fills every parameter of `module` (copies) and reports. `folder` and `configText` serve messages and the fingerprint.
// Throws Error: Mismatch (a shape or a type that is no floating one: file, key, expected and found) and, with a
// placement, NotFound (what is missing, all named).
LoadReport loadParameters(torch::nn::Module& module, Checkpoint& checkpoint, const std::filesystem::path& folder,
                          const std::string& configText, const KeyRules& rules,
                          const std::optional<Placement>& placement);

}  // namespace sememe
