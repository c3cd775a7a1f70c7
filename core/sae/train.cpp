// The whole training of one dictionary, with checkpoints, resumption and figures at the end.
#include "core/sae/train.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/sae/param_text.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// What a training was made of: its parameters and its rows.
std::vector<std::pair<std::string, std::string>> identity(const TrainSaeParams& params, const RowSource& rows) {
  auto texts = trainParamTexts(params.trainer);
  texts.emplace_back("rows", rows.fingerprint());
  return texts;
}

Json configJson(const TrainSaeParams& params, const RowSource& rows, double normFactor) {
  const TrainParams& p = params.trainer;
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
  trainer["device"] = params.device.str();
  trainer["layer"] = "";
  trainer["lm_name"] = "";
  trainer["wandb_name"] = info.trainerClass;
  trainer["submodule_name"] = "";

  Json ours;
  for (const auto& [name, text] : identity(params, rows)) ours["params"][name] = text;
  ours["norm_factor"] = normFactor;
  return Json{{"trainer", trainer}, {"sememe", ours}};
}

Json readJson(const fs::path& path) {
  Json json = Json::parse(readTextFile(path, 16 << 20), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw Error(ErrorCode::Corrupt, "expected a JSON object", path.string());
  return json;
}

// Throws when the folder's config.json is of another training than the one asked for.
void checkSameTraining(const fs::path& config, const TrainSaeParams& params, const RowSource& rows) {
  const Json json = readJson(config);
  std::vector<std::pair<std::string, std::string>> there;
  if (const auto ours = json.find("sememe"); ours != json.end() && ours->is_object() && ours->contains("params")) {
    for (const auto& [name, value] : ours->at("params").items()) {
      if (value.is_string()) there.emplace_back(name, value.get<std::string>());
    }
  }
  if (const std::string different = differences(there, identity(params, rows)); !different.empty()) {
    throw Error(ErrorCode::Mismatch, "the folder holds another training: " + different, config.string());
  }
}

Json statsJson(const TrainSaeResult& result) {
  const StepStats& s = result.last;
  Json json{{"norm_factor", result.normFactor},
            {"last",
             {{"step", s.step}, {"loss", s.loss}, {"l2", s.l2}, {"auxk", s.auxk}, {"sparsity", s.sparsity}, {"l0", s.l0}, {"fve", s.fve}, {"dead", s.dead}}}};
  if (result.validation) {
    const ValidationStats& v = *result.validation;
    json["validation"] = {{"rows", v.rows}, {"l0", v.l0}, {"fve", v.fve}, {"dead", v.dead}};
  }
  return json;
}

void readStats(const fs::path& path, TrainSaeResult& result) {
  const Json json = readJson(path);
  try {
    // JSON has no NaN: it is written as null.
    const auto real = [](const Json& value) { return value.is_null() ? kNaN : value.get<double>(); };
    const Json& last = json.at("last");
    result.normFactor = real(json.at("norm_factor"));
    result.last = {last.at("step").get<int64_t>(), real(last.at("loss")), real(last.at("l2")), real(last.at("auxk")),
                   real(last.at("sparsity")), real(last.at("l0")), real(last.at("fve")), last.at("dead").get<int64_t>()};
    if (json.contains("validation")) {
      const Json& v = json.at("validation");
      result.validation = ValidationStats{v.at("rows").get<int64_t>(), real(v.at("l0")), real(v.at("fve")),
                                          v.at("dead").get<int64_t>()};
    }
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::Corrupt, "expected the figures of a training", path.string());
  }
}

void removeFile(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) throwErrno(error.value(), "cannot remove", path.string());
}

// What an earlier training may have left.
void clearFolder(const fs::path& folder) {
  for (const char* name : {"ae.pt", "stats.json", "config.json"}) removeFile(folder / name);
  const fs::path checkpoints = folder / "checkpoints";
  if (!fs::is_directory(checkpoints)) return;
  for (const auto& entry : fs::directory_iterator(checkpoints)) {
    const std::string name = entry.path().filename().string();
    if (name == "state.pt" || (name.starts_with("ae_") && name.ends_with(".pt"))) removeFile(entry.path());
  }
}

}  // namespace

double activationNormFactor(RowSource& rows, int64_t batch, const std::stop_token& stop) {
  if (batch < 1) throw Error(ErrorCode::Invalid, "expected batches of at least one row", std::to_string(batch));
  const int64_t batches = std::min<int64_t>(101, (rows.rows() + batch - 1) / batch);
  double sum = 0;
  for (int64_t i = 0; i < batches; ++i) {
    throwIfStopped(stop);
    sum += rows.batch(i, batch).square().sum(1).mean().item<double>();
  }
  const double factor = std::sqrt(sum / static_cast<double>(batches));
  if (!std::isfinite(factor)) {
    throw Error(ErrorCode::Invalid, "the activations hold values that are NaN or infinite");
  }
  return factor > 0 ? factor : 1;
}

ValidationStats validateDictionary(const Dictionary& dictionary, TensorSource& rows, const std::stop_token& stop,
                                   const ProgressFn& progress) {
  at::NoGradGuard noGrad;
  if (rows.dim() != dictionary.activationDim()) {
    throw Error(ErrorCode::Mismatch, "expected rows of width " + std::to_string(dictionary.activationDim()), rows.describe());
  }
  // Blocks of about 32 MB of codes.
  const int64_t block = std::clamp<int64_t>((int64_t{8} << 20) / dictionary.dictSize(), 16, 4096);
  const auto options = at::TensorOptions().dtype(at::kDouble).device(dictionary.device());
  at::Tensor fired = at::zeros({dictionary.dictSize()}, options.dtype(at::kBool));
  at::Tensor shift;  // the first block's mean: variances are taken around it, so that a large mean costs no digits
  at::Tensor sum = at::zeros({rows.dim()}, options), squares = sum.clone(), errorSum = sum.clone(), errorSquares = sum.clone();
  int64_t nonZeros = 0;
  ProgressMeter meter(progress, "Validating the dictionary", rows.rows());
  for (int64_t begin = 0; begin < rows.rows(); begin += block) {
    throwIfStopped(stop);
    const int64_t count = std::min(block, rows.rows() - begin);
    const at::Tensor x = rows.read(begin, count).to(dictionary.device());
    const at::Tensor z = dictionary.encode(x);
    const at::Tensor error = (x - dictionary.decode(z)).to(at::kDouble);
    if (!shift.defined()) shift = x.to(at::kDouble).mean(0);
    const at::Tensor centred = x.to(at::kDouble) - shift;
    sum += centred.sum(0);
    squares += centred.square().sum(0);
    errorSum += error.sum(0);
    errorSquares += error.square().sum(0);
    const at::Tensor active = z > 0;
    nonZeros += active.sum().item<int64_t>();
    fired.logical_or_(active.any(0));
    meter.advance(count);
  }
  meter.finish();
  const auto n = static_cast<double>(rows.rows());
  const double total = (squares - sum.square() / n).sum().item<double>();
  const double residual = (errorSquares - errorSum.square() / n).sum().item<double>();
  ValidationStats stats;
  stats.rows = rows.rows();
  stats.l0 = n > 0 ? static_cast<double>(nonZeros) / n : 0;
  stats.fve = total > 0 ? 1 - residual / total : kNaN;
  stats.dead = dictionary.dictSize() - fired.sum().item<int64_t>();
  return stats;
}

TrainSaeResult trainSae(const TrainSaeParams& params, RowSource& rows, const std::stop_token& stop,
                        const ProgressFn& progress) {
  const TrainParams& p = params.trainer;
  makeTrainer(p);  // refuses what cannot be trained before anything is read or written
  if (rows.dim() != p.activationDim || (params.validation && params.validation->dim() != p.activationDim)) {
    throw Error(ErrorCode::Mismatch, "expected activations of width " + std::to_string(p.activationDim) + ", not " +
                                         std::to_string(rows.dim() != p.activationDim ? rows.dim() : params.validation->dim()));
  }
  if (params.saveEvery < 0) throw Error(ErrorCode::Invalid, "expected 0 or more steps between checkpoints", "save_every");

  const fs::path folder = params.out / "trainer_0", checkpoints = folder / "checkpoints";
  const fs::path config = folder / "config.json", statePath = checkpoints / "state.pt", statsPath = folder / "stats.json";
  TrainSaeResult result;
  result.dictionary = folder / "ae.pt";
  if (!params.resume) {
    clearFolder(folder);
  } else if (fs::exists(config)) {
    checkSameTraining(config, params, rows);
    if (fs::exists(result.dictionary) && fs::exists(statsPath)) {
      readStats(statsPath, result);
      result.fingerprint = loadDictionary(result.dictionary)->fingerprint();
      result.alreadyDone = true;
      return result;
    }
  } else if (fs::exists(result.dictionary) || fs::exists(statePath)) {
    throw Error(ErrorCode::Mismatch, "the folder holds a training without its config.json; cannot go on", folder.string());
  }

  std::unique_ptr<Trainer> trainer;
  if (params.resume && fs::exists(statePath)) {
    trainer = makeTrainer(p, 1, params.device);
    trainer->loadState(statePath);
  } else {
    trainer = makeTrainer(p, p.normalize ? activationNormFactor(rows, p.batch, stop) : 1, params.device);
  }
  result.normFactor = trainer->normFactor();
  writeTextFile(config, configJson(params, rows, result.normFactor).dump(4) + "\n");

  ProgressMeter meter(progress, "Training the dictionary", p.steps, trainer->stepsDone());
  while (trainer->stepsDone() < p.steps) {
    if (stop.stop_requested()) {
      trainer->saveState(statePath);
      throw Cancelled();
    }
    const StepStats stats = trainer->step(rows.batch(trainer->stepsDone(), p.batch));
    if (params.onStep) params.onStep(stats);
    const int64_t done = trainer->stepsDone();
    if (params.saveEvery > 0 && done % params.saveEvery == 0 && done < p.steps) {
      trainer->dictionary()->save(checkpoints / ("ae_" + std::to_string(done) + ".pt"));
      trainer->saveState(statePath);
    }
    meter.advance();
  }
  meter.finish();
  result.last = trainer->last();

  const std::unique_ptr<Dictionary> dictionary = trainer->dictionary();
  if (params.validation) {
    try {
      result.validation = validateDictionary(*dictionary, *params.validation, stop, progress);
    } catch (const Cancelled&) {
      trainer->saveState(statePath);
      throw;
    }
  }
  result.fingerprint = dictionary->fingerprint();
  writeTextFile(statsPath, statsJson(result).dump(4) + "\n");
  dictionary->save(result.dictionary);
  removeFile(statePath);
  return result;
}

}  // namespace sememe
