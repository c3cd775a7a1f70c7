// job.json: a call of train() as a file.
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/trainings.h"

namespace sememe {
namespace {

using Json = nlohmann::ordered_json;

// Visits each field with its name in the file.
template <typename Params, typename Visit>
void fields(Params& p, Visit&& visit) {
  visit("activations", p.activations);
  visit("validation", p.validation);
  visit("hold_out", p.holdOut);
  visit("embeddings", p.embeddings);
  visit("validate_every", p.validateEvery);
  visit("log_every", p.logEvery);
  visit("type", p.type);
  visit("dict_size", p.dictSize);
  visit("expansion", p.expansion);
  visit("k", p.k);
  visit("lr", p.lr);
  visit("batch", p.batch);
  visit("steps", p.steps);
  visit("warmup", p.warmup);
  visit("decay_start", p.decayStart);
  visit("auxk_alpha", p.auxkAlpha);
  visit("group_fractions", p.groupFractions);
  visit("l1_penalty", p.l1Penalty);
  visit("sparsity_penalty", p.sparsityPenalty);
  visit("target_l0", p.targetL0);
  visit("bandwidth", p.bandwidth);
  visit("sparsity_warmup", p.sparsityWarmup);
  visit("save_every", p.saveEvery);
  visit("seed", p.seed);
}

std::filesystem::path jobFile(const std::filesystem::path& folder) { return folder / "job.json"; }

}  // namespace

void writeTrainJob(const TrainJobParams& params) {
  Json json;
  fields(params, [&](const char* name, const auto& value) { json[name] = value; });
  writeTextFile(jobFile(params.out), json.dump(2) + "\n");
}

TrainJobParams readTrainJob(const std::filesystem::path& folder) {
  TrainJobParams params;
  params.out = folder;
  const std::string text = readTextFile(jobFile(folder), 1 << 20);
  try {
    const Json json = Json::parse(text);
    fields(params, [&](const char* name, auto& value) { json.at(name).get_to(value); });
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::Corrupt, "expected the parameters of a training as JSON", jobFile(folder).string());
  }
  return params;
}

void setTrainFields(TrainJobParams& params, const std::string& text) {
  const Json json = Json::parse(text);
  for (const auto& [given, value] : json.items()) {
    std::string names;
    bool found = false;
    fields(params, [&, &given = given, &value = value](const char* name, auto& field) {
      names += (names.empty() ? "" : ", ") + std::string(name);
      if (given != name) return;
      found = true;
      try {
        value.get_to(field);
      } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::Invalid, "a value of another kind was expected", given + ": " + value.dump());
      }
    });
    if (!found) throw Error(ErrorCode::Invalid, "no such setting of a training; there are " + names, given);
  }
}

}  // namespace sememe
