// Folders of vision models and of CLIP: which model a config.json means and where its keys are; and writing one.
#include <map>

#include "core/base/files.h"
#include "core/models/clip.h"
#include "core/models/dinov2.h"
#include "core/models/siglip.h"
#include "core/models/vision_model.h"
#include "core/models/weight_loading.h"
#include "core/weights/safetensors.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVisionTypes =
    "clip, clip_vision_model, siglip, siglip_vision_model, dinov2 or dinov2_with_registers";

struct Plan {
  std::shared_ptr<VisionModel> model;
  KeyRules rules;
};

Plan planClip(const ModelFolder& folder, const Checkpoint& checkpoint) {
  ClipConfig config = parseClipConfig(folder.configText, folder.configPath);
  config.vision.projectionDim = config.projectionDim;
  const bool bare = folder.type == "clip_vision_model";
  const bool projected = !bare || folder.config.listContains("architectures", "CLIPVisionModelWithProjection") ||
                         checkpoint.contains("visual_projection.weight");
  return {std::make_shared<ClipVisionModelImpl>(config.vision, Init::None, projected),
          towerRules("vision_model.", bare, {"text_model.", "text_projection.", "logit_scale"})};
}

Plan planSiglip(const ModelFolder& folder) {
  const bool bare = folder.type == "siglip_vision_model";
  return {std::make_shared<SiglipVisionModelImpl>(parseSiglipConfig(folder.configText, folder.configPath).vision),
          towerRules("vision_model.", bare, {"text_model.", "logit_scale", "logit_bias"})};
}

Plan planDinov2(const ModelFolder& folder) {
  Plan plan;
  plan.model = std::make_shared<Dinov2ModelImpl>(parseDinov2Config(folder.configText, folder.configPath), Init::None);
  plan.rules.keys = [](const std::string& name) {
    return std::vector<std::string>{name, "dinov2." + name, "dinov2_with_registers." + name};
  };
  // Only training with masked patches reads it.
  plan.rules.optional = [](const std::string& name) { return name == "embeddings.mask_token"; };
  return plan;
}

std::shared_ptr<VisionModel> load(const fs::path& path, const LoadOptions* options, LoadReport* report) {
  const ModelFolder folder = readModelFolder(path);
  const bool clip = folder.type == "clip" || folder.type == "clip_vision_model";
  const bool siglip = folder.type == "siglip" || folder.type == "siglip_vision_model";
  if (!clip && !siglip && folder.type != "dinov2" && folder.type != "dinov2_with_registers")
    throwUnsupportedType(folder, "a vision model", kVisionTypes);
  Checkpoint checkpoint = Checkpoint::open(path);
  Plan plan;
  buildModule(folder, [&] {
    plan = clip ? planClip(folder, checkpoint) : siglip ? planSiglip(folder) : planDinov2(folder);
  });
  LoadReport found = loadParameters(*plan.model, folder, checkpoint, plan.rules, options);
  plan.model->eval();
  if (report) *report = std::move(found);
  return plan.model;
}

}  // namespace

std::shared_ptr<VisionModel> loadVisionModel(const fs::path& folder, const LoadOptions& options, LoadReport* report) {
  return load(folder, &options, report);
}

LoadReport checkVisionModel(const fs::path& folder, VisionInfo* info) {
  LoadReport report;
  const auto model = load(folder, nullptr, &report);
  if (info) *info = model->info();
  return report;
}

ClipModel loadClipModel(const fs::path& path, const LoadOptions& options, LoadReport* report) {
  const ModelFolder folder = readModelFolder(path);
  if (folder.type != "clip") throwUnsupportedType(folder, "a model with both of CLIP's towers", "clip");
  const ClipConfig config = parseClipConfig(folder.configText, folder.configPath);
  Checkpoint checkpoint = Checkpoint::open(path);
  ClipModel model = nullptr;
  buildModule(folder, [&] { model = ClipModel(config, Init::None); });
  LoadReport found = loadParameters(*model, folder, checkpoint, towerRules("", false, {}), &options);
  model->eval();
  if (report) *report = std::move(found);
  return model;
}

void saveModel(const VisionModel& model, const fs::path& folder, at::ScalarType dtype) {
  const torch::NoGradGuard guard;
  std::map<std::string, at::Tensor> weights;
  for (const auto& item : model.named_parameters())
    weights.emplace(item.key(), item.value().detach().to(at::kCPU, dtype).contiguous());
  writeSafetensors(folder / "model.safetensors", weights, {{"format", "pt"}});
  writeTextFile(folder / "config.json", model.configJson(dtype));
}

}  // namespace sememe
