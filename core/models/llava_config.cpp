// LLaVA's config.json.
#include "core/base/error.h"
#include "core/models/config_json.h"
#include "core/models/llava.h"
#include "core/models/weight_loading.h"

namespace sememe {
namespace {

// transformers' own where a file has no vision_config at all.
ClipVisionConfig usualTower() {
  ClipVisionConfig c;
  c.hiddenSize = 1024, c.intermediateSize = 4096, c.layers = 24, c.heads = 16;
  c.imageSize = 336, c.patchSize = 14, c.projectionDim = 768;
  return c;
}

void readVision(const ConfigReader& top, LlavaConfig& config) {
  const ConfigReader vision = top.object("vision_config");
  const std::string type = vision.string("model_type", "clip_vision_model");
  if (type == "clip_vision_model") {
    config.vision = readClipVisionConfig(vision, top.has("vision_config") ? ClipVisionConfig() : usualTower());
  } else if (type == "siglip_vision_model") {
    SiglipVisionConfig tower = readSiglipVisionConfig(vision);
    tower.useHead = false;  // nothing reads it here
    config.vision = tower;
  } else {
    throw Error(ErrorCode::Unsupported,
                vision.path("model_type") + " is \"" + type + "\", expected clip_vision_model or siglip_vision_model",
                top.where());
  }
}

}  // namespace

LlavaConfig parseLlavaConfig(const std::string& text, const std::string& where) {
  const ConfigReader top(parseJsonObject(text, where), where);
  if (const std::string type = top.string("model_type", ""); type != "llava")
    throw Error(ErrorCode::Unsupported, "model_type \"" + type + "\" is not LLaVA, expected llava", where);
  LlavaConfig config;
  readVision(top, config);
  const ConfigReader language = top.object("text_config");
  if (const std::string type = language.string("model_type", "llama"); type != "llama")
    throw Error(ErrorCode::Unsupported, language.path("model_type") + " is \"" + type + "\", expected llama", where);
  config.text = readLlamaConfig(language);
  config.text.tied = config.text.tied || top.boolean("tie_word_embeddings", false);
  // Two spellings of one thing.
  config.imageToken = top.integer(top.has("image_token_id") ? "image_token_id" : "image_token_index", config.imageToken,
                                  0, limits::kVocabulary);
  const int64_t layers = config.visionLayers();
  config.featureStates.clear();
  for (const int64_t state : top.integers("vision_feature_layer", {-2}, -(layers + 1), layers))
    config.featureStates.push_back(static_cast<int>(state < 0 ? state + layers + 1 : state));
  if (config.featureStates.empty()) top.fail("vision_feature_layer", "at least one layer");
  const std::string strategy = top.string("vision_feature_select_strategy", "default");
  if (strategy != "default" && strategy != "full") top.fail("vision_feature_select_strategy", "default or full");
  config.dropFirst = strategy == "default";
  if (config.dropFirst && std::visit([](const auto& tower) { return tower.tokens(); }, config.vision) < 2)
    top.fail("vision_feature_select_strategy", "full for a tower of one token");
  config.projectorActivation = parseActivation(top.string("projector_hidden_act", "gelu"));
  config.projectorBias = top.boolean("multimodal_projector_bias", true);
  return config;
}

}  // namespace sememe
