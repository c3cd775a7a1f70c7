// What a model folder of any family holds.
#include "core/models/model_summary.h"

#include <algorithm>

#include "core/models/llava.h"
#include "core/models/text_model.h"
#include "core/models/vision_model.h"
#include "core/models/weight_loading.h"

namespace sememe {
namespace {

void add(ModelSummary& summary, const std::string& name, int64_t value) {
  summary.facts.emplace_back(name, std::to_string(value));
}

void addVision(ModelSummary& summary, const VisionInfo& info) {
  add(summary, "layers", info.layers);
  add(summary, "hidden size", info.hiddenSize);
  add(summary, "MLP size", info.mlpSize);
  add(summary, "image size", info.imageSize);
  add(summary, "patch size", info.patchSize);
  add(summary, "tokens", info.tokens);
  add(summary, "embedding size", info.embeddingDim);
  summary.readsImages = true;
}

void addText(ModelSummary& summary, const TextInfo& info, const std::string& prefix) {
  add(summary, prefix + "layers", info.layers);
  add(summary, prefix + "hidden size", info.hiddenSize);
  add(summary, prefix + "vocabulary", info.vocabulary);
  add(summary, prefix + "positions", info.positions);
  add(summary, prefix + "embedding size", info.embeddingDim);
}

void addLlama(ModelSummary& summary, const LlamaConfig& config, const std::string& prefix) {
  add(summary, prefix + "layers", config.layers);
  add(summary, prefix + "hidden size", config.hiddenSize);
  add(summary, prefix + "heads", config.heads);
  add(summary, prefix + "key-value heads", config.kvHeads);
  add(summary, prefix + "vocabulary", config.vocabSize);
  add(summary, prefix + "positions", config.maxPositions);
}

// Two towers of one folder: what either misses, and what neither knows.
void join(LoadReport& report, const LoadReport& other) {
  report.missing.insert(report.missing.end(), other.missing.begin(), other.missing.end());
  for (const std::string& key : other.unused)
    if (std::find(report.unused.begin(), report.unused.end(), key) == report.unused.end()) report.unused.push_back(key);
  report.otherParts.clear();
  report.parameters += other.parameters;
  if (report.dtype != other.dtype) report.dtype = "mixed";
}

}  // namespace

ModelSummary summariseModel(const std::filesystem::path& path) {
  const std::string type = readModelFolder(path).type;
  ModelSummary summary;
  if (type == "llama") {
    LlamaConfig config;
    summary.report = checkLlama(path, &config);
    addLlama(summary, config, "");
  } else if (type == "llava") {
    LlavaConfig config;
    summary.report = checkLlava(path, &config);
    std::visit(
        [&](const auto& tower) {
          add(summary, "layers", tower.layers);
          add(summary, "hidden size", tower.hiddenSize);
          add(summary, "image size", tower.imageSize);
          add(summary, "patch size", tower.patchSize);
        },
        config.vision);
    for (const int state : config.featureStates) add(summary, "projector reads layer", state - 1);
    addLlama(summary, config.text, "text ");
    summary.readsImages = true;
  } else if (type == "clip_text_model" || type == "siglip_text_model") {
    TextInfo info;
    summary.report = checkTextModel(path, &info);
    addText(summary, info, "");
  } else if (type == "clip" || type == "siglip" || type == "clip_vision_model" || type == "siglip_vision_model" ||
             type == "dinov2" || type == "dinov2_with_registers") {
    VisionInfo info;
    summary.report = checkVisionModel(path, &info);
    addVision(summary, info);
    if (type == "clip" || type == "siglip") {
      TextInfo text;
      join(summary.report, checkTextModel(path, &text));
      addText(summary, text, "text ");
    }
  } else {
    throwUnsupportedType(readModelFolder(path), "a model", kModelTypes);
  }
  const LoadReport& report = summary.report;
  summary.facts.insert(
      summary.facts.begin(),
      {{"family", type}, {"parameters", std::to_string(report.parameters)}, {"stored as", report.dtype}});
  summary.facts.emplace_back("fingerprint", report.fingerprint);
  return summary;
}

}  // namespace sememe
