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
  const bool groups = p.type == SaeType::MatryoshkaBatchTopK;
  return {{"type", saeTypeInfo(p.type).name},
          {"activation_dim", text(p.activationDim)},
          {"dict_size", text(p.dictSize)},
          {"k", text(p.k)},
          {"lr", text(p.learningRate())},
          {"batch", text(p.batch)},
          {"steps", text(p.steps)},
          {"warmup", text(p.warmup)},
          {"decay_start", text(p.decayStart)},
          {"auxk_alpha", text(p.auxkAlpha)},
          {"group_fractions", groups ? text(p.groupFractions) : std::string()},
          {"group_weights", groups ? text(p.groupWeights) : std::string()},
          {"threshold_beta", text(p.thresholdBeta)},
          {"threshold_start_step", text(p.thresholdStart)},
          {"dead_after_rows", text(p.deadAfterRows)},
          {"seed", std::to_string(p.seed)},
          {"normalize", p.normalize ? "true" : "false"}};
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
