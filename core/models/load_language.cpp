// Folders of language models: where a Llama's and a LLaVA's keys are.
#include <map>

#include "core/base/files.h"
#include "core/models/llama.h"
#include "core/models/llava.h"
#include "core/models/weight_loading.h"
#include "core/weights/safetensors.h"

namespace sememe {
namespace {

// The decoder's matrices by the names of their weights in `model`, of which the decoder may be a part.
std::function<LinearImpl*(const std::string&)> layerMatrices(const torch::nn::Module& model) {
  std::map<std::string, LinearImpl*> found;
  for (const auto& item : model.named_modules("", false)) {
    const auto* layer = item.value()->as<LlamaLayerImpl>();
    if (!layer) continue;
    for (const auto& inner : layer->named_modules("", false))
      if (auto* matrix = inner.value()->as<LinearImpl>()) found[item.key() + "." + inner.key() + ".weight"] = matrix;
  }
  return [found = std::move(found)](const std::string& name) {
    const auto at = found.find(name);
    return at == found.end() ? nullptr : at->second;
  };
}

Llama loadDecoder(const std::filesystem::path& path, const LoadOptions* options, LoadReport* report) {
  const ModelFolder folder = readModelFolder(path);
  if (folder.type != "llama") throwUnsupportedType(folder, "a language model", "llama");
  const LlamaConfig config = readLlamaConfig(folder.config);
  Checkpoint checkpoint = Checkpoint::open(path);
  Llama model = nullptr;
  buildModule(folder, [&] { model = Llama(config); });
  KeyRules rules;
  // The bare decoder (LlamaModel) has no prefix. A tied head may be stored beside the embedding it equals.
  rules.eightBits = layerMatrices(*model);
  rules.keys = [](const std::string& name) {
    std::vector<std::string> keys = {name};
    if (name.starts_with("model.")) keys.push_back(name.substr(6));
    return keys;
  };
  if (config.tied) rules.otherParts = {"lm_head."};
  LoadReport found = loadParameters(*model, folder, checkpoint, rules, options);
  if (options && options->device.is_cuda()) model->joinMatrices();
  model->eval();
  if (report) *report = std::move(found);
  return model;
}

// The newest spelling of a parameter → all that were published, newest first.
std::vector<std::string> llavaKeys(const std::string& name) {
  const std::string inner = "model.vision_tower.vision_model.", vision = "model.vision_tower.";
  const std::string language = "model.language_model.";
  if (name.starts_with(inner)) {
    const std::string rest = name.substr(inner.size());
    return {vision + rest, name, "vision_tower.vision_model." + rest, "vision_tower." + rest};
  }
  if (name.starts_with(language)) return {name, "language_model.model." + name.substr(language.size())};
  if (name.starts_with("lm_head.")) return {name, "language_model." + name};
  return {name, name.substr(std::string("model.").size())};  // the projector's
}

Llava loadBoth(const std::filesystem::path& path, const LoadOptions* options, LoadReport* report) {
  const ModelFolder folder = readModelFolder(path);
  if (folder.type != "llava") throwUnsupportedType(folder, "a vision-language model", "llava");
  const LlavaConfig config = parseLlavaConfig(folder.configText, folder.configPath);
  Checkpoint checkpoint = Checkpoint::open(path);
  Llava model = nullptr;
  buildModule(folder, [&] { model = Llava(config); });
  KeyRules rules;
  rules.keys = llavaKeys;
  rules.eightBits = layerMatrices(*model);
  // SigLIP's pooling, which nothing reads here.
  for (const char* vision : {"model.vision_tower.", "vision_tower."})
    for (const char* tower : {"", "vision_model."}) rules.otherParts.push_back(std::string(vision) + tower + "head.");
  if (config.text.tied) rules.otherParts.insert(rules.otherParts.end(), {"lm_head.", "language_model.lm_head."});
  LoadReport found = loadParameters(*model, folder, checkpoint, rules, options);
  if (options && options->device.is_cuda()) model->language->joinMatrices();
  model->eval();
  if (report) *report = std::move(found);
  return model;
}

}  // namespace

Llama loadLlama(const std::filesystem::path& folder, const LoadOptions& options, LoadReport* report) {
  return loadDecoder(folder, &options, report);
}

LoadReport checkLlama(const std::filesystem::path& folder, LlamaConfig* config) {
  LoadReport report;
  const Llama model = loadDecoder(folder, nullptr, &report);
  if (config) *config = model->config();
  return report;
}

Llava loadLlava(const std::filesystem::path& folder, const LoadOptions& options, LoadReport* report) {
  return loadBoth(folder, &options, report);
}

void saveLlava(const LlavaImpl& llava, const std::filesystem::path& folder, at::ScalarType dtype, int64_t pad) {
  const torch::NoGradGuard guard;
  std::map<std::string, at::Tensor> weights;
  // The spelling that llava-hf published first is the last of each parameter's.
  for (const auto& item : llava.named_parameters()) {
    const std::string inner = "model.vision_tower.vision_model.";
    const std::string& name = item.key();
    const std::string key = name.starts_with(inner) ? "vision_tower.vision_model." + name.substr(inner.size()) : llavaKeys(name).back();
    weights.emplace(key, item.value().detach().to(at::kCPU, dtype).contiguous());
  }
  writeSafetensors(folder / "model.safetensors", weights, {{"format", "pt"}});
  writeTextFile(folder / "config.json", llava.configJson(dtype, pad));
}

LoadReport checkLlava(const std::filesystem::path& folder, LlavaConfig* config) {
  LoadReport report;
  const Llava model = loadBoth(folder, nullptr, &report);
  if (config) *config = model->config();
  return report;
}

}  // namespace sememe
