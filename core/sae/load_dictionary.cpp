// Tells a state dict's type from its keys and makes the dictionary.
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/sae/batch_topk.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

// The tensors of one file by name, with errors that name file and key.
class State {
 public:
  explicit State(const fs::path& path) : m_path(path) {
    for (auto& [name, tensor] : readStateDict(path)) m_tensors.insert_or_assign(name, tensor);
  }

  const fs::path& path() const { return m_path; }
  std::string where(const std::string& key) const { return m_path.string() + ", " + key; }
  bool hasAll(const std::vector<std::string>& keys) const {
    return std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return m_tensors.contains(key); });
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const auto& [name, tensor] : m_tensors) keys.push_back(name);
    return keys;
  }

  // A copy as float32 (the file's own memory may be read-only, and the file may change under us).
  at::Tensor real(const std::string& key, int64_t dims) const {
    const at::Tensor& t = m_tensors.at(key);
    if (!at::isFloatingType(t.scalar_type())) throw Error(ErrorCode::Mismatch, "expected real numbers", where(key));
    if (t.dim() != dims) {
      throw Error(ErrorCode::Mismatch, "expected " + std::to_string(dims) + " axes, not " + std::to_string(t.dim()),
                  where(key));
    }
    return t.to(at::TensorOptions().dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true).contiguous();
  }
  double number(const std::string& key) const {
    const at::Tensor& t = m_tensors.at(key);
    if (t.numel() != 1 || at::isComplexType(t.scalar_type())) {
      throw Error(ErrorCode::Mismatch, "expected one number", where(key));
    }
    return t.to(at::kDouble).item<double>();
  }
  std::vector<int64_t> integers(const std::string& key) const {
    const at::Tensor& t = m_tensors.at(key);
    if (t.dim() != 1 || !at::isIntegralType(t.scalar_type(), false)) {
      throw Error(ErrorCode::Mismatch, "expected a list of whole numbers", where(key));
    }
    const at::Tensor values = t.to(at::kLong).contiguous();
    const int64_t* data = values.const_data_ptr<int64_t>();
    return {data, data + values.numel()};
  }

 private:
  fs::path m_path;
  std::map<std::string, at::Tensor> m_tensors;
};

int64_t wholeNumber(const State& state, const std::string& key) {
  const double value = state.number(key);
  if (!(value >= 1 && value <= 1e9) || value != std::floor(value)) {
    throw Error(ErrorCode::Invalid, "expected a positive whole number", state.where(key));
  }
  return static_cast<int64_t>(value);
}

std::unique_ptr<Dictionary> makeBatchTopK(const State& state) {
  BatchTopKWeights weights;
  weights.wEnc = state.real("encoder.weight", 2).t().contiguous();
  weights.bEnc = state.real("encoder.bias", 1);
  weights.wDec = state.real("decoder.weight", 2).t().contiguous();
  weights.bDec = state.real("b_dec", 1);
  weights.threshold = static_cast<float>(state.number("threshold"));
  weights.k = wholeNumber(state, "k");
  return std::make_unique<BatchTopKDictionary>(std::move(weights), state.path().string());
}

std::unique_ptr<Dictionary> makeMatryoshka(const State& state) {
  BatchTopKWeights weights;
  weights.wEnc = state.real("W_enc", 2);
  weights.bEnc = state.real("b_enc", 1);
  weights.wDec = state.real("W_dec", 2);
  weights.bDec = state.real("b_dec", 1);
  weights.threshold = static_cast<float>(state.number("threshold"));
  weights.k = wholeNumber(state, "k");
  weights.groupSizes = state.integers("group_sizes");
  if (weights.groupSizes.empty()) {
    throw Error(ErrorCode::Mismatch, "expected at least one group", state.where("group_sizes"));
  }
  return std::make_unique<BatchTopKDictionary>(std::move(weights), state.path().string());
}

// The type with the most keys among those whose keys are all there.
std::optional<SaeType> typeOfKeys(const State& state) {
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

SaeType decideTopK(const State& state, SaeType byKeys) {
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

// A folder may be the run's (which holds trainer_0) or the trainer's.
fs::path weightsFile(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : {"ae.pt", "trainer_0/ae.pt"})
    if (fs::exists(path / name, ignored)) return path / name;
  throw Error(ErrorCode::NotFound, "the folder holds no SAE: neither ae.pt nor trainer_0/ae.pt", path.string());
}

}  // namespace

std::unique_ptr<Dictionary> loadDictionary(const fs::path& path) {
  at::NoGradGuard noGrad;
  const State state(weightsFile(path));
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
    throw Error(ErrorCode::Unsupported, "the keys are those of no known dictionary; there are " + supportedSaeTypes(),
                state.path().string() + ": " + keys);
  }
  if (*type == SaeType::TopK || *type == SaeType::BatchTopK) type = decideTopK(state, *type);

  const SaeTypeInfo& info = saeTypeInfo(*type);
  for (const std::string& key : state.keys()) {
    if (std::find(info.keys.begin(), info.keys.end(), key) == info.keys.end()) {
      log(LogLevel::Warning, "unused key of a dictionary: " + state.where(key));
    }
  }
  if (*type == SaeType::BatchTopK) return makeBatchTopK(state);
  if (*type == SaeType::MatryoshkaBatchTopK) return makeMatryoshka(state);
  throw Error(ErrorCode::Unsupported,
              std::string(info.title) + " dictionaries are not read; there are " + supportedSaeTypes(),
              state.path().string());
}

}  // namespace sememe
