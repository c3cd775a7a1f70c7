// Folders of text towers: which model a config.json means and where its keys are.
#include "core/models/clip.h"
#include "core/models/siglip.h"
#include "core/models/text_model.h"
#include "core/models/weight_loading.h"

namespace sememe {
namespace {

std::shared_ptr<TextModel> load(const std::filesystem::path& path, const LoadOptions* options, LoadReport* report) {
  const ModelFolder folder = readModelFolder(path);
  const bool clip = folder.type == "clip" || folder.type == "clip_text_model";
  if (!clip && folder.type != "siglip" && folder.type != "siglip_text_model")
    throwUnsupportedType(folder, "a text tower", "clip, clip_text_model, siglip or siglip_text_model");
  const bool bare = folder.type.ends_with("_text_model");
  Checkpoint checkpoint = Checkpoint::open(path);
  std::shared_ptr<TextModel> model;
  buildModule(folder, [&] {
    if (clip) {
      ClipConfig config = parseClipConfig(folder.configText, folder.configPath);
      config.text.projectionDim = config.projectionDim;
      model = std::make_shared<ClipTextModelImpl>(config.text, Init::None);
    } else {
      model = std::make_shared<SiglipTextModelImpl>(parseSiglipConfig(folder.configText, folder.configPath).text);
    }
  });
  const KeyRules rules =
      towerRules("text_model.", bare, {"vision_model.", "visual_projection.", "logit_scale", "logit_bias"});
  LoadReport found = loadParameters(*model, folder, checkpoint, rules, options);
  model->eval();
  if (report) *report = std::move(found);
  return model;
}

}  // namespace

std::shared_ptr<TextModel> loadTextModel(const std::filesystem::path& folder, const LoadOptions& options,
                                         LoadReport* report) {
  return load(folder, &options, report);
}

LoadReport checkTextModel(const std::filesystem::path& folder, TextInfo* info) {
  LoadReport report;
  const auto model = load(folder, nullptr, &report);
  if (info) *info = model->info();
  return report;
}

}  // namespace sememe
