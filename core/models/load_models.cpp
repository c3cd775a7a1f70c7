// Hugging Face folders in and out: which model a config.json means, where its keys are, and writing one.
#include <map>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/clip.h"
#include "core/models/config_json.h"
#include "core/models/dinov2.h"
#include "core/models/vision_model.h"
#include "core/models/weight_loading.h"
#include "core/weights/safetensors.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  std::string configPath, configText, type;
  bool projected = false;  // config.json names a class with projection
};

Folder readFolder(const fs::path& path) {
  Folder folder{.path = path, .configPath = (path / "config.json").string()};
  folder.configText = readTextFile(path / "config.json", 16 << 20);
  const ConfigReader config(parseJsonObject(folder.configText, folder.configPath), folder.configPath);
  folder.type = config.string("model_type", "");
  folder.projected = config.listContains("architectures", "CLIPVisionModelWithProjection");
  return folder;
}

std::string withoutPrefix(const std::string& text, const std::string& prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// `tower`: the prefix that a checkpoint of one bare tower may lack ("vision_model."). `others`: how the keys of the
// parts that are not loaded begin; a stray key inside a loaded part stays unused.
KeyRules clipRules(const std::string& tower, bool bare, const std::vector<std::string>& others) {
  KeyRules rules;
  rules.keys = [tower, bare](const std::string& name) {
    std::vector<std::string> keys = {name};
    if (bare) keys.push_back(withoutPrefix(name, tower));
    return keys;
  };
  rules.otherPart = [others](const std::string& key) {
    for (const std::string& prefix : others)
      if (key.starts_with(prefix)) return true;
    return false;
  };
  return rules;
}

const std::vector<std::string> kTextSide = {"text_model.", "text_projection.", "logit_scale"};
const std::vector<std::string> kVisionSide = {"vision_model.", "visual_projection.", "logit_scale"};

KeyRules dinov2Rules() {
  KeyRules rules;
  rules.keys = [](const std::string& name) {
    return std::vector<std::string>{name, "dinov2." + name, "dinov2_with_registers." + name};
  };
  // Only training with masked patches reads it.
  rules.optional = [](const std::string& name) { return name == "embeddings.mask_token"; };
  return rules;
}

// Building a module allocates what config.json asks for; sizes that do not fit are the file's fault.
template <typename Make>
auto allocate(const Folder& folder, const Make& make) {
  try {
    return make();
  } catch (const c10::Error&) {
    throw Error(ErrorCode::Invalid, "a model of the configured size does not fit in memory", folder.configPath);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::Invalid, "a model of the configured size does not fit in memory", folder.configPath);
  }
}

std::shared_ptr<VisionModel> loadVision(const fs::path& path, const std::optional<Placement>& placement,
                                        LoadReport* report) {
  const Folder folder = readFolder(path);
  const bool clip = folder.type == "clip" || folder.type == "clip_vision_model";
  if (!clip && folder.type != "dinov2" && folder.type != "dinov2_with_registers")
    throw Error(ErrorCode::Unsupported,
                (folder.type.empty() ? std::string("there is no model_type") : "model_type \"" + folder.type + "\"") +
                    ": not a supported vision model, expected clip, clip_vision_model, dinov2 or "
                    "dinov2_with_registers",
                folder.configPath);

  std::shared_ptr<VisionModel> model;
  KeyRules rules;
  Checkpoint checkpoint = Checkpoint::open(path);
  if (clip) {
    ClipConfig config = parseClipConfig(folder.configText, folder.configPath);
    config.vision.projectionDim = config.projectionDim;
    const bool bare = folder.type == "clip_vision_model";
    const bool projected = !bare || folder.projected || checkpoint.contains("visual_projection.weight");
    model = allocate(folder, [&] {
      return std::make_shared<ClipVisionModelImpl>(config.vision, Init::None, projected);
    });
    rules = clipRules("vision_model.", bare, kTextSide);
  } else {
    const Dinov2Config config = parseDinov2Config(folder.configText, folder.configPath);
    model = allocate(folder, [&] { return std::make_shared<Dinov2ModelImpl>(config, Init::None); });
    rules = dinov2Rules();
  }
  LoadReport found = loadParameters(*model, checkpoint, path, folder.configText, rules, placement);
  model->eval();
  if (report) *report = std::move(found);
  return model;
}

}  // namespace

std::shared_ptr<VisionModel> loadVisionModel(const fs::path& folder, at::Device device, at::ScalarType dtype,
                                             LoadReport* report) {
  return loadVision(folder, Placement{device, dtype}, report);
}

LoadReport checkVisionModel(const fs::path& folder, VisionInfo* info) {
  LoadReport report;
  const auto model = loadVision(folder, std::nullopt, &report);
  if (info) *info = model->info();
  return report;
}

ClipModel loadClipModel(const fs::path& path, at::Device device, at::ScalarType dtype, LoadReport* report) {
  const Folder folder = readFolder(path);
  if (folder.type != "clip")
    throw Error(ErrorCode::Unsupported, "model_type \"" + folder.type + "\" has not both towers, expected clip",
                folder.configPath);
  const ClipConfig config = parseClipConfig(folder.configText, folder.configPath);
  Checkpoint checkpoint = Checkpoint::open(path);
  ClipModel model = allocate(folder, [&] { return ClipModel(config, Init::None); });
  LoadReport found = loadParameters(*model, checkpoint, path, folder.configText, clipRules("", false, {}),
                                    Placement{device, dtype});
  model->eval();
  if (report) *report = std::move(found);
  return model;
}

ClipTextModel loadClipTextModel(const fs::path& path, at::Device device, at::ScalarType dtype, LoadReport* report) {
  const Folder folder = readFolder(path);
  if (folder.type != "clip" && folder.type != "clip_text_model")
    throw Error(ErrorCode::Unsupported,
                "model_type \"" + folder.type + "\" has no CLIP text tower, expected clip or clip_text_model",
                folder.configPath);
  ClipConfig config = parseClipConfig(folder.configText, folder.configPath);
  config.text.projectionDim = config.projectionDim;
  Checkpoint checkpoint = Checkpoint::open(path);
  ClipTextModel model = allocate(folder, [&] { return ClipTextModel(config.text, Init::None); });
  LoadReport found = loadParameters(*model, checkpoint, path, folder.configText,
                                    clipRules("text_model.", folder.type == "clip_text_model", kVisionSide),
                                    Placement{device, dtype});
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
