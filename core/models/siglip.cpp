// SigLIP's towers: embeddings, encoder, pooling, as transformers' modeling_siglip computes them.
#include "core/models/siglip.h"

#include "core/base/error.h"

namespace sememe {
namespace {

LayerConfig layerConfig(int64_t hidden, int64_t heads, int64_t intermediate, const std::string& activation,
                        double eps) {
  return {.keys = KeyScheme::Clip,
          .hidden = hidden,
          .heads = heads,
          .intermediate = intermediate,
          .activation = parseActivation(activation),
          .eps = eps};
}

LayerConfig layerConfig(const SiglipVisionConfig& c) {
  return layerConfig(c.hiddenSize, c.heads, c.intermediateSize, c.activation, c.layerNormEps);
}

LayerConfig layerConfig(const SiglipTextConfig& c) {
  return layerConfig(c.hiddenSize, c.heads, c.intermediateSize, c.activation, c.layerNormEps);
}

}  // namespace

SiglipHeadImpl::SiglipHeadImpl(const SiglipVisionConfig& config)
    : output(config.hiddenSize, config.hiddenSize),
      norm(config.hiddenSize, config.layerNormEps),
      mlp(layerConfig(config)),
      m_heads(config.heads) {
  const int64_t d = config.hiddenSize;
  probe = register_parameter("probe", torch::empty({1, 1, d}));
  const auto attention = register_module("attention", std::make_shared<torch::nn::Module>());
  inputWeight = attention->register_parameter("in_proj_weight", torch::empty({3 * d, d}));
  inputBias = attention->register_parameter("in_proj_bias", torch::empty({3 * d}));
  attention->register_module("out_proj", output);
  register_module("layernorm", norm);
  register_module("mlp", mlp);
}

at::Tensor SiglipHeadImpl::forward(const at::Tensor& x) const {
  const int64_t n = x.size(0), t = x.size(1), d = x.size(2), width = d / m_heads;
  const at::Tensor query = at::linear(probe, inputWeight.narrow(0, 0, d), inputBias.narrow(0, 0, d))
                               .view({1, 1, m_heads, width})
                               .transpose(1, 2)
                               .expand({n, -1, -1, -1});
  const std::vector<at::Tensor> kv = at::linear(x, inputWeight.narrow(0, d, 2 * d), inputBias.narrow(0, d, 2 * d))
                                         .view({n, t, 2, m_heads, width})
                                         .permute({2, 0, 3, 1, 4})
                                         .unbind(0);
  const at::Tensor pooled =
      output->forward(at::scaled_dot_product_attention(query, kv[0], kv[1]).transpose(1, 2).reshape({n, d}));
  return pooled + mlp->forward(norm->forward(pooled));
}

SiglipVisionModelImpl::SiglipVisionModelImpl(const SiglipVisionConfig& config)
    : patchEmbedding(config.channels, config.hiddenSize, config.patchSize, true),
      positionEmbedding(config.tokens(), config.hiddenSize),
      encoder(layerConfig(config), config.layers),
      postNorm(config.hiddenSize, config.layerNormEps),
      m_config(config) {
  const auto tower = register_module("vision_model", std::make_shared<torch::nn::Module>());
  const auto embeddings = tower->register_module("embeddings", std::make_shared<torch::nn::Module>());
  embeddings->register_module("patch_embedding", patchEmbedding);
  embeddings->register_module("position_embedding", positionEmbedding);
  tower->register_module("encoder", encoder);
  tower->register_module("post_layernorm", postNorm);
  if (config.useHead) head = tower->register_module("head", SiglipHead(config));
  m_info = {.family = "siglip",
            .hiddenSize = config.hiddenSize,
            .mlpSize = config.intermediateSize,
            .layers = config.layers,
            .imageSize = config.imageSize,
            .patchSize = config.patchSize,
            .tokens = config.tokens(),
            .specialTokens = 0,
            .embeddingDim = config.useHead ? config.hiddenSize : 0};
}

at::Tensor SiglipVisionModelImpl::inputTokens(const at::Tensor& pixels) const {
  const int64_t side = m_config.imageSize;
  if (pixels.dim() == 4 && (pixels.size(2) != side || pixels.size(3) != side))
    throw Error(ErrorCode::Mismatch, "images are " + std::to_string(pixels.size(3)) + "x" +
                                         std::to_string(pixels.size(2)) + ", expected " + std::to_string(side) + "x" +
                                         std::to_string(side) + " for this SigLIP model");
  return patchEmbedding->forward(pixels) + positionEmbedding->weight;
}

at::Tensor SiglipVisionModelImpl::project(const at::Tensor& lastHidden) const {
  return head->forward(postNorm->forward(lastHidden));
}

SiglipTextModelImpl::SiglipTextModelImpl(const SiglipTextConfig& config)
    : tokenEmbedding(config.vocabSize, config.hiddenSize),
      positionEmbedding(config.maxPositions, config.hiddenSize),
      encoder(layerConfig(config), config.layers),
      finalNorm(config.hiddenSize, config.layerNormEps),
      head(config.hiddenSize, config.projectionSize) {
  const auto tower = register_module("text_model", std::make_shared<torch::nn::Module>());
  const auto embeddings = tower->register_module("embeddings", std::make_shared<torch::nn::Module>());
  embeddings->register_module("token_embedding", tokenEmbedding);
  embeddings->register_module("position_embedding", positionEmbedding);
  tower->register_module("encoder", encoder);
  tower->register_module("final_layer_norm", finalNorm);
  tower->register_module("head", head);
  m_info = {.family = "siglip",
            .hiddenSize = config.hiddenSize,
            .mlpSize = config.intermediateSize,
            .layers = config.layers,
            .vocabulary = config.vocabSize,
            .positions = config.maxPositions,
            .embeddingDim = config.projectionSize};
}

at::Tensor SiglipTextModelImpl::inputTokens(const at::Tensor& ids) const {
  return embedTokens(ids, tokenEmbedding->weight, positionEmbedding->weight);
}

at::Tensor SiglipTextModelImpl::project(const at::Tensor& lastHidden, const at::Tensor&) const {
  return head->forward(finalNorm->forward(lastHidden.select(1, lastHidden.size(1) - 1)));
}

}  // namespace sememe
