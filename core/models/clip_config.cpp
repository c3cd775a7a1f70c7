// CLIP's config.json, both ways.
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/models/clip.h"
#include "core/models/config_json.h"
#include "core/models/weight_loading.h"
#include "core/weights/safetensors.h"

namespace sememe {
namespace {

using nlohmann::json;

void checkHeads(int64_t hidden, int64_t heads, const ConfigReader& reader) {
  if (hidden % heads != 0) reader.fail("num_attention_heads", "a divisor of hidden_size " + std::to_string(hidden));
}

ClipTextConfig readText(const ConfigReader& reader) {
  ClipTextConfig c;
  c.vocabSize = reader.integer("vocab_size", c.vocabSize, 1, limits::kVocabulary);
  c.hiddenSize = reader.integer("hidden_size", c.hiddenSize, 1, limits::kHidden);
  c.intermediateSize = reader.integer("intermediate_size", c.intermediateSize, 1, limits::kIntermediate);
  c.projectionDim = reader.integer("projection_dim", c.projectionDim, 1, limits::kHidden);
  c.layers = reader.integer("num_hidden_layers", c.layers, 1, limits::kLayers);
  c.heads = reader.integer("num_attention_heads", c.heads, 1, limits::kHidden);
  checkHeads(c.hiddenSize, c.heads, reader);
  c.maxPositions = reader.integer("max_position_embeddings", c.maxPositions, 1, limits::kPositions);
  c.activation = reader.string("hidden_act", c.activation);
  c.layerNormEps = reader.number("layer_norm_eps", c.layerNormEps, 0, 1);
  c.initializerFactor = reader.number("initializer_factor", c.initializerFactor, 0, 1e6);
  c.padTokenId = reader.token("pad_token_id", c.padTokenId);
  c.bosTokenId = reader.token("bos_token_id", c.bosTokenId);
  c.eosTokenId = reader.token("eos_token_id", c.eosTokenId);
  parseActivation(c.activation);
  return c;
}

json visionJson(const ClipVisionConfig& c) {
  return {{"model_type", "clip_vision_model"},
          {"hidden_size", c.hiddenSize},
          {"intermediate_size", c.intermediateSize},
          {"projection_dim", c.projectionDim},
          {"num_hidden_layers", c.layers},
          {"num_attention_heads", c.heads},
          {"num_channels", c.channels},
          {"image_size", c.imageSize},
          {"patch_size", c.patchSize},
          {"hidden_act", c.activation},
          {"layer_norm_eps", c.layerNormEps},
          {"attention_dropout", 0.0},
          {"initializer_range", c.initializerRange},
          {"initializer_factor", c.initializerFactor}};
}

json textJson(const ClipTextConfig& c) {
  return {{"model_type", "clip_text_model"},
          {"vocab_size", c.vocabSize},
          {"hidden_size", c.hiddenSize},
          {"intermediate_size", c.intermediateSize},
          {"projection_dim", c.projectionDim},
          {"num_hidden_layers", c.layers},
          {"num_attention_heads", c.heads},
          {"max_position_embeddings", c.maxPositions},
          {"hidden_act", c.activation},
          {"layer_norm_eps", c.layerNormEps},
          {"attention_dropout", 0.0},
          {"initializer_factor", c.initializerFactor},
          {"pad_token_id", c.padTokenId},
          {"bos_token_id", c.bosTokenId},
          {"eos_token_id", c.eosTokenId}};
}

}  // namespace

ClipVisionConfig readClipVisionConfig(const ConfigReader& reader, const ClipVisionConfig& defaults) {
  ClipVisionConfig c = defaults;
  c.hiddenSize = reader.integer("hidden_size", c.hiddenSize, 1, limits::kHidden);
  c.intermediateSize = reader.integer("intermediate_size", c.intermediateSize, 1, limits::kIntermediate);
  c.projectionDim = reader.integer("projection_dim", c.projectionDim, 1, limits::kHidden);
  c.layers = reader.integer("num_hidden_layers", c.layers, 1, limits::kLayers);
  c.heads = reader.integer("num_attention_heads", c.heads, 1, limits::kHidden);
  checkHeads(c.hiddenSize, c.heads, reader);
  c.channels = reader.integer("num_channels", c.channels, 1, limits::kChannels);
  c.imageSize = reader.side("image_size", c.imageSize, limits::kImageSize);
  c.patchSize = reader.side("patch_size", c.patchSize, c.imageSize);
  c.activation = reader.string("hidden_act", c.activation);
  c.layerNormEps = reader.number("layer_norm_eps", c.layerNormEps, 0, 1);
  c.initializerRange = reader.number("initializer_range", c.initializerRange, 0, 1e6);
  c.initializerFactor = reader.number("initializer_factor", c.initializerFactor, 0, 1e6);
  parseActivation(c.activation);
  return c;
}

ClipConfig parseClipConfig(const std::string& text, const std::string& where) {
  const ConfigReader top(parseJsonObject(text, where), where);
  const std::string type = top.string("model_type", "");
  ClipConfig config;
  if (type == "clip_vision_model") {
    config.vision = readClipVisionConfig(top);
    config.projectionDim = config.vision.projectionDim;
  } else if (type == "clip_text_model") {
    config.text = readText(top);
    config.projectionDim = config.text.projectionDim;
  } else if (type == "clip") {
    // Old files carry a second copy, "…_config_dict"; where it is there, it and its defaults are what counts.
    const auto tower = [&](const char* key, const char* oldKey) { return top.object(top.has(oldKey) ? oldKey : key); };
    config.vision = readClipVisionConfig(tower("vision_config", "vision_config_dict"));
    config.text = readText(tower("text_config", "text_config_dict"));
    config.projectionDim = top.integer("projection_dim", config.projectionDim, 1, limits::kHidden);
    config.logitScaleInit = top.number("logit_scale_init_value", config.logitScaleInit, -100, 100);
    config.initializerFactor = top.number("initializer_factor", config.initializerFactor, 0, 1e6);
  } else {
    throw Error(ErrorCode::Unsupported,
                "model_type \"" + type + "\" is not CLIP, expected clip, clip_vision_model or clip_text_model", where);
  }
  return config;
}

std::string ClipVisionModelImpl::configJson(at::ScalarType dtype) const {
  json config = visionJson(vision->config());
  config["architectures"] =
      json::array({visualProjection.is_empty() ? "CLIPVisionModel" : "CLIPVisionModelWithProjection"});
  config["torch_dtype"] = dtypeName(dtype);
  return config.dump(2) + "\n";
}

std::string ClipModelImpl::configJson(at::ScalarType dtype) const {
  const json config = {{"model_type", "clip"},
                       {"architectures", json::array({"CLIPModel"})},
                       {"projection_dim", m_config.projectionDim},
                       {"logit_scale_init_value", m_config.logitScaleInit},
                       {"initializer_factor", m_config.initializerFactor},
                       {"torch_dtype", dtypeName(dtype)},
                       {"vision_config", visionJson(m_config.vision)},
                       {"text_config", textJson(m_config.text)}};
  return config.dump(2) + "\n";
}

}  // namespace sememe
