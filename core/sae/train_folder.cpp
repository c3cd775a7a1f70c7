// Files of a training's folder.
#include "core/sae/train_folder.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/param_text.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// What a training was made of: its parameters and its rows.
std::vector<std::pair<std::string, std::string>> identity(const TrainParams& params, const RowSource& rows) {
  auto texts = trainParamTexts(params);
  texts.emplace_back("rows", rows.fingerprint());
  return texts;
}

Json configJson(const TrainParams& p, const RowSource& rows, at::Device device, double normFactor) {
  const SaeTypeInfo& info = saeTypeInfo(p.type);
  Json trainer;
  trainer["trainer_class"] = info.trainerClass;
  trainer["dict_class"] = info.classes.front();
  trainer["lr"] = p.learningRate();
  trainer["steps"] = p.steps;
  trainer["warmup_steps"] = p.warmup;
  trainer["decay_start"] = p.decayStart < 0 ? Json() : Json(p.decayStart);
  trainer["seed"] = p.seed;
  trainer["activation_dim"] = p.activationDim;
  trainer["dict_size"] = p.dictSize;
  if (info.hasK) {
    trainer["k"] = p.k;
    trainer["auxk_alpha"] = p.auxkAlpha;
    trainer["threshold_beta"] = p.thresholdBeta;
    trainer["threshold_start_step"] = p.thresholdStart;
    trainer["top_k_aux"] = p.activationDim / 2;
  } else {
    trainer["sparsity_warmup_steps"] = p.sparsityWarmup;
  }
  if (info.hasGroups) {
    const std::vector<int64_t> sizes = p.groupSizes();
    trainer["group_fractions"] = p.groupFractions;
    trainer["group_weights"] =
        p.groupWeights.empty() ? std::vector<double>(sizes.size(), 1.0 / static_cast<double>(sizes.size())) : p.groupWeights;
    trainer["group_sizes"] = sizes;
  }
  if (p.type == SaeType::JumpRelu) {
    trainer["sparsity_penalty"] = p.sparsityPenalty;
    trainer["target_l0"] = p.targetL0;
    trainer["bandwidth"] = p.bandwidth;
  } else if (!info.hasK) {
    trainer["l1_penalty"] = p.l1Penalty;
  }
  trainer["device"] = device.str();
  trainer["layer"] = "";
  trainer["lm_name"] = "";
  trainer["wandb_name"] = info.trainerClass;
  trainer["submodule_name"] = "";

  Json ours;
  for (const auto& [name, text] : identity(p, rows)) ours["params"][name] = text;
  ours["norm_factor"] = normFactor;
  return Json{{"trainer", trainer}, {"sememe", ours}};
}

Json readJson(const fs::path& path) {
  Json json = Json::parse(readTextFile(path, 16 << 20), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw Error(ErrorCode::Corrupt, "expected a JSON object", path.string());
  return json;
}

void removeFile(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) throwErrno(error.value(), "cannot remove", path.string());
}

}  // namespace

void TrainFolder::writeConfig(const TrainParams& params, const RowSource& rows, at::Device device, double normFactor) const {
  writeTextFile(config(), configJson(params, rows, device, normFactor).dump(4) + "\n");
}

void TrainFolder::checkSame(const TrainParams& params, const RowSource& rows) const {
  const Json json = readJson(config());
  std::vector<std::pair<std::string, std::string>> there;
  if (const auto ours = json.find("sememe"); ours != json.end() && ours->is_object() && ours->contains("params")) {
    for (const auto& [name, value] : ours->at("params").items()) {
      if (value.is_string()) there.emplace_back(name, value.get<std::string>());
    }
  }
  if (const std::string different = differences(there, identity(params, rows)); !different.empty()) {
    throw Error(ErrorCode::Mismatch, "the folder holds another training: " + different, config().string());
  }
}

void TrainFolder::writeStats(const TrainingPoint& last, double normFactor) const {
  const Json json{{"norm_factor", normFactor}, {"last", Json::parse(trainingPointJson(last))}};
  writeTextFile(stats(), json.dump(4) + "\n");
}

TrainingPoint TrainFolder::readStats(double& normFactor) const {
  const Json json = readJson(stats());
  if (!json.contains("last") || !json.contains("norm_factor") || !json.at("norm_factor").is_number()) {
    throw Error(ErrorCode::Corrupt, "expected the figures of a training", stats().string());
  }
  normFactor = json.at("norm_factor").get<double>();
  try {
    return parseTrainingPoint(json.at("last").dump());
  } catch (const Error& error) {
    throw Error(error.code(), error.message(), stats().string());
  }
}

std::optional<fs::path> TrainFolder::newestCheckpoint() const {
  std::optional<fs::path> newest;
  int64_t best = -1;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(checkpoints(), error)) {
    const std::string name = entry.path().stem().string();
    int64_t step = 0;
    if (entry.path().extension() != ".pt" || !name.starts_with("ae_")) continue;
    const auto [end, bad] = std::from_chars(name.data() + 3, name.data() + name.size(), step);
    if (bad == std::errc() && end == name.data() + name.size() && step > best) {
      best = step;
      newest = entry.path();
    }
  }
  return newest;
}

void TrainFolder::removeState() const { removeFile(state()); }

void TrainFolder::clear() const {
  for (const fs::path& file : {dictionary(), stats(), config(), log()}) removeFile(file);
  if (!fs::is_directory(checkpoints())) return;
  for (const auto& entry : fs::directory_iterator(checkpoints())) {
    const std::string name = entry.path().filename().string();
    if (name == "state.pt" || (name.starts_with("ae_") && name.ends_with(".pt"))) removeFile(entry.path());
  }
}

}  // namespace sememe
