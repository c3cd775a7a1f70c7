// SigLIP's config.json, both ways.
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/models/config_json.h"
#include "core/models/siglip.h"
#include "core/models/weight_loading.h"

namespace sememe {
namespace {

// What both towers' objects say alike.
template <typename Config>
void readCommon(const ConfigReader& reader, Config& c) {
  c.hiddenSize = reader.integer("hidden_size", c.hiddenSize, 1, limits::kHidden);
  c.intermediateSize = reader.integer("intermediate_size", c.intermediateSize, 1, limits::kIntermediate);
  c.layers = reader.integer("num_hidden_layers", c.layers, 1, limits::kLayers);
  c.heads = reader.integer("num_attention_heads", c.heads, 1, limits::kHidden);
  if (c.hiddenSize % c.heads != 0)
    reader.fail("num_attention_heads", "a divisor of hidden_size " + std::to_string(c.hiddenSize));
  c.activation = reader.string("hidden_act", c.activation);
  parseActivation(c.activation);
  c.layerNormEps = reader.number("layer_norm_eps", c.layerNormEps, 0, 1);
}

SiglipTextConfig readText(const ConfigReader& reader) {
  SiglipTextConfig c;
  readCommon(reader, c);
  c.vocabSize = reader.integer("vocab_size", c.vocabSize, 1, limits::kVocabulary);
  c.maxPositions = reader.integer("max_position_embeddings", c.maxPositions, 1, limits::kPositions);
  c.projectionSize = reader.integer("projection_size", c.hiddenSize, 1, limits::kHidden);
  return c;
}

}  // namespace

SiglipVisionConfig readSiglipVisionConfig(const ConfigReader& reader) {
  SiglipVisionConfig c;
  readCommon(reader, c);
  c.channels = reader.integer("num_channels", c.channels, 1, limits::kChannels);
  c.imageSize = reader.side("image_size", c.imageSize, limits::kImageSize);
  c.patchSize = reader.side("patch_size", c.patchSize, c.imageSize);
  c.useHead = reader.boolean("vision_use_head", c.useHead);
  return c;
}

SiglipConfig parseSiglipConfig(const std::string& text, const std::string& where) {
  const ConfigReader top(parseJsonObject(text, where), where);
  const std::string type = top.string("model_type", "");
  SiglipConfig config;
  if (type == "siglip_vision_model") {
    config.vision = readSiglipVisionConfig(top);
  } else if (type == "siglip_text_model") {
    config.text = readText(top);
  } else if (type == "siglip") {
    config.vision = readSiglipVisionConfig(top.object("vision_config"));
    config.text = readText(top.object("text_config"));
  } else {
    throw Error(ErrorCode::Unsupported,
                "model_type \"" + type + "\" is not SigLIP, expected siglip, siglip_vision_model or siglip_text_model",
                where);
  }
  return config;
}

std::string SiglipVisionModelImpl::configJson(at::ScalarType dtype) const {
  const SiglipVisionConfig& c = m_config;
  const nlohmann::json config = {
      {"model_type", "siglip_vision_model"}, {"architectures", nlohmann::json::array({"SiglipVisionModel"})},
      {"hidden_size", c.hiddenSize},         {"intermediate_size", c.intermediateSize},
      {"num_hidden_layers", c.layers},       {"num_attention_heads", c.heads},
      {"num_channels", c.channels},          {"image_size", c.imageSize},
      {"patch_size", c.patchSize},           {"hidden_act", c.activation},
      {"layer_norm_eps", c.layerNormEps},    {"attention_dropout", 0.0},
      {"vision_use_head", c.useHead},        {"torch_dtype", dtypeName(dtype)}};
  return config.dump(2) + "\n";
}

}  // namespace sememe
