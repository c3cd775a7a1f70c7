// DINOv2's config.json, both ways.
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/models/config_json.h"
#include "core/models/dinov2.h"
#include "core/models/weight_loading.h"
#include "core/weights/safetensors.h"

namespace sememe {

Dinov2Config parseDinov2Config(const std::string& text, const std::string& where) {
  const ConfigReader reader(parseJsonObject(text, where), where);
  const std::string type = reader.string("model_type", "");
  Dinov2Config c;
  if (type == "dinov2_with_registers") {
    c.registers = true;
    c.registerTokens = 4;
    c.patchSize = 16;  // transformers' default for this type
  } else if (type != "dinov2") {
    throw Error(ErrorCode::Unsupported,
                "model_type \"" + type + "\" is not DINOv2, expected dinov2 or dinov2_with_registers", where);
  }
  c.hiddenSize = reader.integer("hidden_size", c.hiddenSize, 1, limits::kHidden);
  c.layers = reader.integer("num_hidden_layers", c.layers, 1, limits::kLayers);
  c.heads = reader.integer("num_attention_heads", c.heads, 1, limits::kHidden);
  if (c.hiddenSize % c.heads != 0)
    reader.fail("num_attention_heads", "a divisor of hidden_size " + std::to_string(c.hiddenSize));
  c.mlpRatio = reader.number("mlp_ratio", c.mlpRatio, 0, 64);
  c.swiGlu = reader.boolean("use_swiglu_ffn", c.swiGlu);
  if (c.intermediateSize() < 1) reader.fail("mlp_ratio", "a ratio that leaves the MLP at least one unit");
  c.activation = reader.string("hidden_act", c.activation);
  parseActivation(c.activation);
  c.layerNormEps = reader.number("layer_norm_eps", c.layerNormEps, 0, 1);
  c.initializerRange = reader.number("initializer_range", c.initializerRange, 0, 1e6);
  c.channels = reader.integer("num_channels", c.channels, 1, limits::kChannels);
  c.imageSize = reader.side("image_size", c.imageSize, limits::kImageSize);
  c.patchSize = reader.side("patch_size", c.patchSize, c.imageSize);
  c.qkvBias = reader.boolean("qkv_bias", c.qkvBias);
  c.layerScaleValue = reader.number("layerscale_value", c.layerScaleValue, -1e6, 1e6);
  if (c.registers)
    c.registerTokens = reader.integer("num_register_tokens", c.registerTokens, 0, limits::kRegisters);
  else
    c.useMaskToken = reader.boolean("use_mask_token", c.useMaskToken);
  return c;
}

std::string Dinov2ModelImpl::configJson(at::ScalarType dtype) const {
  const Dinov2Config& c = m_config;
  nlohmann::json config = {{"model_type", m_info.family},
                           {"architectures",
                            nlohmann::json::array({c.registers ? "Dinov2WithRegistersModel" : "Dinov2Model"})},
                           {"hidden_size", c.hiddenSize},
                           {"num_hidden_layers", c.layers},
                           {"num_attention_heads", c.heads},
                           {"hidden_act", c.activation},
                           {"hidden_dropout_prob", 0.0},
                           {"attention_probs_dropout_prob", 0.0},
                           {"drop_path_rate", 0.0},
                           {"layer_norm_eps", c.layerNormEps},
                           {"initializer_range", c.initializerRange},
                           {"num_channels", c.channels},
                           {"image_size", c.imageSize},
                           {"patch_size", c.patchSize},
                           {"qkv_bias", c.qkvBias},
                           {"layerscale_value", c.layerScaleValue},
                           {"use_swiglu_ffn", c.swiGlu},
                           {"torch_dtype", dtypeName(dtype)}};
  // transformers wants a whole number here.
  if (c.mlpRatio == static_cast<double>(static_cast<int64_t>(c.mlpRatio)))
    config["mlp_ratio"] = static_cast<int64_t>(c.mlpRatio);
  else
    config["mlp_ratio"] = c.mlpRatio;
  if (c.registers)
    config["num_register_tokens"] = c.registerTokens;
  else
    config["use_mask_token"] = c.useMaskToken;
  return config.dump(2) + "\n";
}

}  // namespace sememe
