// Tells a state dict's type from its keys and makes the dictionary.
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/sae/dictionary.h"
#include "core/sae/dictionary_state.h"
#include "core/sae/saelens.h"
#include "core/sae/saev.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

// The type with the most keys among those whose keys are all there.
std::optional<SaeType> typeOfKeys(const DictionaryState& state) {
  const SaeTypeInfo* best = nullptr;
  for (const SaeTypeInfo& info : saeTypes()) {
    if (state.hasAll(info.keys) && (!best || info.keys.size() > best->keys.size())) best = &info;
  }
  if (!best) return std::nullopt;
  return best->type;
}

// `dict_class` of the config.json that belongs to a checkpoint; empty where there is none or it says nothing.
std::string dictClass(const fs::path& file) {
  const fs::path folder = file.parent_path();
  for (const fs::path& config : {folder / "config.json", folder.parent_path() / "config.json"}) {
    if (config.parent_path() != folder && folder.filename() != "checkpoints") continue;
    if (!fs::exists(config)) continue;
    const auto json = nlohmann::json::parse(readTextFile(config, 16 << 20), nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) throw Error(ErrorCode::Corrupt, "expected JSON", config.string());
    if (!json.is_object()) return {};
    const auto trainer = json.find("trainer");
    if (trainer == json.end() || !trainer->is_object()) return {};
    const auto name = trainer->find("dict_class");
    return name != trainer->end() && name->is_string() ? name->get<std::string>() : std::string();
  }
  return {};
}

SaeType decideTopK(const DictionaryState& state, SaeType byKeys) {
  const std::string name = dictClass(state.path());
  const auto isClassOf = [&](SaeType type) {
    const auto& classes = saeTypeInfo(type).classes;
    return std::find(classes.begin(), classes.end(), name) != classes.end();
  };
  if (isClassOf(SaeType::TopK)) return SaeType::TopK;
  if (byKeys == SaeType::BatchTopK && !isClassOf(SaeType::BatchTopK)) {
    log(LogLevel::Warning, "no config.json says whether this is TopK or BatchTopK; taking BatchTopK: " +
                               state.path().string());
  }
  return byKeys;
}

// A folder may be the run's (which holds trainer_0, or checkpoint in saev) or the one that holds the file.
fs::path weightsFile(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : {"ae.pt", "trainer_0/ae.pt", "sae.pt", "checkpoint/sae.pt"})
    if (fs::exists(path / name, ignored)) return path / name;
  throw Error(ErrorCode::NotFound,
              "the folder holds no SAE: neither ae.pt, trainer_0/ae.pt, sae.pt nor cfg.json with sae_weights.safetensors", path.string());
}

}  // namespace

std::unique_ptr<Dictionary> loadDictionary(const fs::path& path) {
  at::NoGradGuard noGrad;
  if (isSaeLensFolder(path)) return loadSaeLens(path);
  if (path.extension() == ".safetensors" && isSaeLensFolder(path.parent_path())) return loadSaeLens(path.parent_path());
  const fs::path file = weightsFile(path);
  if (isSaevFile(file)) return loadSaev(file);
  const DictionaryState state(file);
  std::optional<SaeType> type = typeOfKeys(state);
  if (!type) {
    std::string keys;
    for (const std::string& key : state.keys()) {
      if (keys.size() > 300) {
        keys += " …";
        break;
      }
      keys += (keys.empty() ? "" : ", ") + key;
    }
    throw Error(ErrorCode::Unsupported, "the keys are those of no known dictionary; there are " + saeTypeNames(),
                state.path().string() + ": " + keys);
  }
  if (*type == SaeType::TopK || *type == SaeType::BatchTopK) type = decideTopK(state, *type);

  const SaeTypeInfo& info = saeTypeInfo(*type);
  for (const std::string& key : state.keys()) {
    // Newer TopK files hold a threshold, older ones do not; inference has no use for it.
    if (*type == SaeType::TopK && key == "threshold") continue;
    if (std::find(info.keys.begin(), info.keys.end(), key) == info.keys.end()) {
      log(LogLevel::Warning, "unused key of a dictionary: " + state.where(key));
    }
  }
  return info.read(state);
}

}  // namespace sememe
