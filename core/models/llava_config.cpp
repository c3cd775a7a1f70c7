// LLaVA's config.json.
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/models/config_json.h"
#include "core/models/llava.h"
#include "core/models/weight_loading.h"
#include "core/weights/dtypes.h"

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

std::string LlavaImpl::configJson(at::ScalarType dtype, int64_t pad) const {
  using Json = nlohmann::ordered_json;
  const LlamaConfig& t = m_config.text;
  if (t.rope.kind != RopeConfig::Kind::Default || m_config.projectorActivation != Activation::Gelu)
    throw Error(ErrorCode::Unsupported, "a LLaVA with a scaled rotary embedding, or a projector of another activation than gelu, is not written");
  Json vision = Json::parse(this->vision->configJson(dtype));
  vision.erase("architectures");
  vision.erase("torch_dtype");
  Json layers = Json::array();
  for (const int state : m_config.featureStates) layers.push_back(state - int(m_config.visionLayers()) - 1);
  const Json text = {{"model_type", "llama"},
                     {"vocab_size", t.vocabSize},
                     {"hidden_size", t.hiddenSize},
                     {"intermediate_size", t.intermediateSize},
                     {"num_hidden_layers", t.layers},
                     {"num_attention_heads", t.heads},
                     {"num_key_value_heads", t.kvHeads},
                     {"head_dim", t.headDim},
                     {"hidden_act", t.activation},
                     {"max_position_embeddings", t.maxPositions},
                     {"rms_norm_eps", t.rmsNormEps},
                     {"rope_theta", t.rope.theta},
                     {"attention_bias", t.attentionBias},
                     {"mlp_bias", t.mlpBias},
                     {"eos_token_id", t.endTokens.size() == 1 ? Json(t.endTokens[0]) : Json(t.endTokens)},
                     {"pad_token_id", pad},
                     {"tie_word_embeddings", t.tied},
                     {"torch_dtype", dtypeName(dtype)}};
  const Json config = {{"architectures", Json::array({"LlavaForConditionalGeneration"})},
                       {"model_type", "llava"},
                       {"ignore_index", -100},
                       {"image_seq_length", tokensPerImage()},
                       {"image_token_index", m_config.imageToken},
                       {"multimodal_projector_bias", m_config.projectorBias},
                       {"pad_token_id", pad},
                       {"projector_hidden_act", "gelu"},
                       {"text_config", text},
                       {"tie_word_embeddings", t.tied},
                       {"torch_dtype", dtypeName(dtype)},
                       {"vision_config", vision},
                       {"vision_feature_layer", layers.size() == 1 ? layers[0] : layers},
                       {"vision_feature_select_strategy", m_config.dropFirst ? "default" : "full"}};
  return config.dump(2) + "\n";
}

}  // namespace sememe
