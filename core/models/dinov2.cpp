// DINOv2: embeddings with interpolated positions, encoder with LayerScale, final norm, as transformers computes them.
#include "core/models/dinov2.h"

#include <cmath>

#include "core/base/error.h"
#include "core/models/initialise.h"

namespace sememe {

int64_t Dinov2Config::intermediateSize() const {
  const auto full = static_cast<int64_t>(static_cast<double>(hiddenSize) * mlpRatio);
  if (!swiGlu) return full;
  return (static_cast<int64_t>(static_cast<double>(full) * 2 / 3) + 7) / 8 * 8;
}

Dinov2ModelImpl::Dinov2ModelImpl(const Dinov2Config& config, Init init)
    : patchProjection(config.channels, config.hiddenSize, config.patchSize, true),
      encoder(LayerConfig{.keys = KeyScheme::Dinov2,
                          .hidden = config.hiddenSize,
                          .heads = config.heads,
                          .intermediate = config.intermediateSize(),
                          .activation = parseActivation(config.activation),
                          .eps = config.layerNormEps,
                          .qkvBias = config.qkvBias,
                          .swiGlu = config.swiGlu,
                          .layerScale = true},
              config.layers),
      finalNorm(config.hiddenSize, config.layerNormEps),
      m_config(config) {
  const int64_t d = config.hiddenSize;
  const auto embeddings = register_module("embeddings", std::make_shared<torch::nn::Module>());
  clsToken = embeddings->register_parameter("cls_token", torch::empty({1, 1, d}));
  if (config.useMaskToken) maskToken = embeddings->register_parameter("mask_token", torch::empty({1, d}));
  if (config.registerTokens > 0)
    registerTokens = embeddings->register_parameter("register_tokens", torch::empty({1, config.registerTokens, d}));
  positionEmbeddings = embeddings->register_parameter(
      "position_embeddings", torch::empty({1, config.tokens() - config.registerTokens, d}));
  embeddings->register_module("patch_embeddings", std::make_shared<torch::nn::Module>())
      ->register_module("projection", patchProjection);
  register_module("encoder", encoder);
  register_module("layernorm", finalNorm);
  if (init == Init::HuggingFace) initialise();
  m_info = {.family = config.registers ? "dinov2_with_registers" : "dinov2",
            .hiddenSize = d,
            .mlpSize = config.intermediateSize(),
            .layers = config.layers,
            .imageSize = config.imageSize,
            .patchSize = config.patchSize,
            .tokens = config.tokens(),
            .specialTokens = 1 + config.registerTokens,
            .embeddingDim = d};
}

void Dinov2ModelImpl::initialise() {
  const double range = m_config.initializerRange;
  fillTruncatedNormal(positionEmbeddings, range);
  fillTruncatedNormal(clsToken, range);
  if (maskToken.defined()) fillConstant(maskToken, 0.0);
  if (registerTokens.defined()) fillConstant(registerTokens, 0.0);
  const auto fill = [&](at::Tensor& weight, at::Tensor& bias) {
    fillTruncatedNormal(weight, range);
    if (bias.defined()) fillConstant(bias, 0.0);
  };
  fill(patchProjection->weight, patchProjection->bias);
  for (EncoderLayer& layer : encoder->layers) {
    Attention& attention = layer->attention;
    for (Linear* linear : {&attention->query, &attention->key, &attention->value, &attention->output,
                           &layer->mlp->first, &layer->mlp->second})
      fill((*linear)->weight, (*linear)->bias);
    fillNorm(layer->norm1);
    fillNorm(layer->norm2);
    fillConstant(layer->scale1, m_config.layerScaleValue);
    fillConstant(layer->scale2, m_config.layerScaleValue);
  }
  fillNorm(finalNorm);
}

at::Tensor Dinov2ModelImpl::positions(int64_t height, int64_t width) const {
  const int64_t p = m_config.patchSize, rows = height / p, columns = width / p;
  const int64_t known = positionEmbeddings.size(1) - 1;
  if (rows * columns == known && height == width) return positionEmbeddings;

  const int64_t side = m_config.imageSize / p, d = m_config.hiddenSize;
  const at::Tensor grid =
      positionEmbeddings.narrow(1, 1, known).reshape({1, side, side, d}).permute({0, 3, 1, 2}).to(at::kFloat);
  // The two published families differ here: the one with registers was interpolated with antialiasing.
  const at::Tensor resized = m_config.registers
                                 ? at::_upsample_bicubic2d_aa(grid, {rows, columns}, false, std::nullopt, std::nullopt)
                                 : at::upsample_bicubic2d(grid, {rows, columns}, false, std::nullopt, std::nullopt);
  const at::Tensor patches =
      resized.to(positionEmbeddings.scalar_type()).permute({0, 2, 3, 1}).reshape({1, rows * columns, d});
  return at::cat({positionEmbeddings.narrow(1, 0, 1), patches}, 1);
}

at::Tensor Dinov2ModelImpl::embedPatches(const at::Tensor& pixels, const at::Tensor& mask) const {
  at::Tensor patches = patchProjection->forward(pixels);
  const int64_t n = patches.size(0);
  if (mask.defined()) {
    if (!maskToken.defined()) throw Error(ErrorCode::Unsupported, "this DINOv2 model has no mask_token");
    if (mask.scalar_type() != at::kBool || mask.dim() != 2 || mask.size(0) != n || mask.size(1) != patches.size(1))
      throw Error(ErrorCode::Mismatch, "the mask must be bool [" + std::to_string(n) + ", " +
                                           std::to_string(patches.size(1)) + "]");
    patches = at::where(mask.unsqueeze(-1), maskToken.unsqueeze(0), patches);
  }
  const at::Tensor tokens =
      at::cat({clsToken.expand({n, -1, -1}), patches}, 1) + positions(pixels.size(2), pixels.size(3));
  if (!registerTokens.defined()) return tokens;
  return at::cat({tokens.narrow(1, 0, 1), registerTokens.expand({n, -1, -1}), tokens.narrow(1, 1, patches.size(1))},
                 1);
}

at::Tensor Dinov2ModelImpl::forward(const at::Tensor& pixels, const at::Tensor& mask) const {
  return finalNorm->forward(encoder->forward(embedPatches(pixels, mask)));
}

}  // namespace sememe
