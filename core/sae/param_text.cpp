// Training parameters as named texts.
#include "core/sae/param_text.h"

#include <algorithm>
#include <charconv>

namespace sememe {
namespace {

std::string text(int64_t value) { return std::to_string(value); }

std::string text(double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string text(const std::vector<double>& values) {
  std::string all;
  for (const double value : values) {
    if (!all.empty()) all += ' ';
    all += text(value);
  }
  return all;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> trainParamTexts(const TrainParams& p) {
  const SaeTypeInfo& info = saeTypeInfo(p.type);
  std::vector<std::pair<std::string, std::string>> texts = {{"type", info.name},
                                                            {"activation_dim", text(p.activationDim)},
                                                            {"dict_size", text(p.dictSize)},
                                                            {"lr", text(p.learningRate())},
                                                            {"batch", text(p.batch)},
                                                            {"steps", text(p.steps)},
                                                            {"warmup", text(p.warmup)},
                                                            {"decay_start", text(p.decayStart)},
                                                            {"dead_after_rows", text(p.deadAfterRows)},
                                                            {"seed", std::to_string(p.seed)},
                                                            {"normalize", p.normalize ? "true" : "false"}};
  const auto add = [&](const char* name, const std::string& value) { texts.emplace_back(name, value); };
  if (info.hasK) {
    add("k", text(p.k));
    add("auxk_alpha", text(p.auxkAlpha));
    add("threshold_beta", text(p.thresholdBeta));
    add("threshold_start_step", text(p.thresholdStart));
  } else {
    add("sparsity_warmup_steps", text(p.sparsityWarmup));
  }
  if (info.hasGroups) {
    add("group_fractions", text(p.groupFractions));
    add("group_weights", text(p.groupWeights));
  }
  if (p.type == SaeType::JumpRelu) {
    add("sparsity_penalty", text(p.sparsityPenalty));
    add("target_l0", text(p.targetL0));
    add("bandwidth", text(p.bandwidth));
  } else if (!info.hasK) {
    add("l1_penalty", text(p.l1Penalty));
  }
  return texts;
}

std::string differences(const std::vector<std::pair<std::string, std::string>>& there,
                        const std::vector<std::pair<std::string, std::string>>& asked) {
  std::string all;
  for (const auto& [name, wanted] : asked) {
    const auto found = std::find_if(there.begin(), there.end(), [&](const auto& pair) { return pair.first == name; });
    const std::string have = found == there.end() ? "nothing" : found->second;
    if (have != wanted) all += (all.empty() ? "" : "; ") + name + ": " + have + " there, " + wanted + " asked for";
  }
  return all;
}

}  // namespace sememe
