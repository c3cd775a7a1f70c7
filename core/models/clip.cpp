// CLIP's towers: embeddings, encoder, pooling and projections, as transformers' modeling_clip computes them.
#include "core/models/clip.h"

#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/models/initialise.h"

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

double inverseRoot(int64_t n) { return 1.0 / std::sqrt(static_cast<double>(n)); }

// CLIPPreTrainedModel._init_weights for the layers of one tower.
void initialiseEncoder(Encoder& encoder, int64_t hidden, double factor) {
  const auto count = static_cast<int64_t>(encoder->layers.size());
  const double in = inverseRoot(hidden) * inverseRoot(2 * count) * factor;
  for (EncoderLayer& layer : encoder->layers) {
    for (Linear* linear : {&layer->attention->query, &layer->attention->key, &layer->attention->value})
      fillLinear(*linear, in);
    fillLinear(layer->attention->output, inverseRoot(hidden) * factor);
    fillLinear(layer->mlp->first, inverseRoot(2 * hidden) * factor);
    fillLinear(layer->mlp->second, in);
    fillNorm(layer->norm1);
    fillNorm(layer->norm2);
  }
}

void initialiseProjection(Linear& projection, int64_t hidden, double factor) {
  fillLinear(projection, inverseRoot(hidden) * factor);
}

}  // namespace

ClipVisionTowerImpl::ClipVisionTowerImpl(const ClipVisionConfig& config, Init init)
    : patchEmbedding(config.channels, config.hiddenSize, config.patchSize, false),
      positionEmbedding(config.tokens(), config.hiddenSize),
      preNorm(config.hiddenSize, config.layerNormEps),
      postNorm(config.hiddenSize, config.layerNormEps),
      encoder(layerConfig(config.hiddenSize, config.heads, config.intermediateSize, config.activation,
                          config.layerNormEps),
              config.layers),
      m_config(config) {
  const auto embeddings = register_module("embeddings", std::make_shared<torch::nn::Module>());
  classEmbedding = embeddings->register_parameter("class_embedding", torch::empty({config.hiddenSize}));
  embeddings->register_module("patch_embedding", patchEmbedding);
  embeddings->register_module("position_embedding", positionEmbedding);
  register_module("pre_layrnorm", preNorm);
  register_module("encoder", encoder);
  register_module("post_layernorm", postNorm);
  if (init == Init::HuggingFace) initialise();
}

void ClipVisionTowerImpl::initialise() {
  const double factor = m_config.initializerFactor;
  fillNormal(classEmbedding, inverseRoot(m_config.hiddenSize) * factor);
  fillNormal(patchEmbedding->weight, m_config.initializerRange * factor);
  fillNormal(positionEmbedding->weight, m_config.initializerRange * factor);
  fillNorm(preNorm);
  fillNorm(postNorm);
  initialiseEncoder(encoder, m_config.hiddenSize, factor);
}

at::Tensor ClipVisionTowerImpl::embedPatches(const at::Tensor& pixels) const {
  if (pixels.dim() == 4 && (pixels.size(2) != m_config.imageSize || pixels.size(3) != m_config.imageSize))
    throw Error(ErrorCode::Mismatch, "images are " + std::to_string(pixels.size(3)) + "x" +
                                         std::to_string(pixels.size(2)) + ", expected " +
                                         std::to_string(m_config.imageSize) + "x" +
                                         std::to_string(m_config.imageSize) + " for this CLIP model");
  const at::Tensor patches = patchEmbedding->forward(pixels);
  const at::Tensor cls = classEmbedding.expand({patches.size(0), 1, -1});
  return preNorm->forward(at::cat({cls, patches}, 1) + positionEmbedding->weight);
}

at::Tensor ClipVisionTowerImpl::pool(const at::Tensor& lastHidden) const {
  return postNorm->forward(lastHidden.select(1, 0));
}

ClipTextTowerImpl::ClipTextTowerImpl(const ClipTextConfig& config, Init init)
    : tokenEmbedding(config.vocabSize, config.hiddenSize),
      positionEmbedding(config.maxPositions, config.hiddenSize),
      encoder(layerConfig(config.hiddenSize, config.heads, config.intermediateSize, config.activation,
                          config.layerNormEps),
              config.layers),
      finalNorm(config.hiddenSize, config.layerNormEps),
      m_config(config) {
  const auto embeddings = register_module("embeddings", std::make_shared<torch::nn::Module>());
  embeddings->register_module("token_embedding", tokenEmbedding);
  embeddings->register_module("position_embedding", positionEmbedding);
  register_module("encoder", encoder);
  register_module("final_layer_norm", finalNorm);
  if (init == Init::HuggingFace) initialise();
}

void ClipTextTowerImpl::initialise() {
  const double factor = m_config.initializerFactor;
  fillNormal(tokenEmbedding->weight, 0.02 * factor);
  fillNormal(positionEmbedding->weight, 0.02 * factor);
  fillNorm(finalNorm);
  initialiseEncoder(encoder, m_config.hiddenSize, factor);
}

at::Tensor ClipTextTowerImpl::forward(const at::Tensor& ids) const {
  const at::Tensor input = embedTokens(ids, tokenEmbedding->weight, positionEmbedding->weight);
  return finalNorm->forward(encoder->forward(input, true));
}

at::Tensor ClipTextTowerImpl::pool(const at::Tensor& hidden, const at::Tensor& ids) const {
  // Configurations from before transformers' correction carry 2 here, which is no token's end: the end of text is
  // the highest id of the vocabulary.
  const at::Tensor marks = m_config.eosTokenId == 2 ? ids : ids.eq(m_config.eosTokenId).to(at::kInt);
  const at::Tensor ends = marks.argmax(-1).to(hidden.device());
  return hidden.index({at::arange(hidden.size(0), ends.options()), ends});
}

ClipVisionModelImpl::ClipVisionModelImpl(const ClipVisionConfig& config, Init init, bool withProjection)
    : vision(config, init) {
  register_module("vision_model", vision);
  if (withProjection) {
    visualProjection =
        register_module("visual_projection", Linear(config.hiddenSize, config.projectionDim, false));
    if (init == Init::HuggingFace)
      initialiseProjection(visualProjection, config.hiddenSize, config.initializerFactor);
  }
  m_info = {.family = "clip",
            .hiddenSize = config.hiddenSize,
            .mlpSize = config.intermediateSize,
            .layers = config.layers,
            .imageSize = config.imageSize,
            .patchSize = config.patchSize,
            .tokens = config.tokens(),
            .specialTokens = 1,
            .embeddingDim = withProjection ? config.projectionDim : 0};
}

at::Tensor ClipVisionModelImpl::project(const at::Tensor& lastHidden) const {
  return visualProjection->forward(vision->pool(lastHidden));
}

ClipTextModelImpl::ClipTextModelImpl(const ClipTextConfig& config, Init init)
    : text(config, init), textProjection(config.hiddenSize, config.projectionDim, false) {
  register_module("text_model", text);
  register_module("text_projection", textProjection);
  if (init == Init::HuggingFace)
    initialiseProjection(textProjection, config.hiddenSize, config.initializerFactor);
  m_info = {.family = "clip",
            .hiddenSize = config.hiddenSize,
            .mlpSize = config.intermediateSize,
            .layers = config.layers,
            .vocabulary = config.vocabSize,
            .positions = config.maxPositions,
            .embeddingDim = config.projectionDim};
}

at::Tensor ClipTextModelImpl::inputTokens(const at::Tensor& ids) const {
  return embedTokens(ids, text->tokenEmbedding->weight, text->positionEmbedding->weight);
}

at::Tensor ClipTextModelImpl::project(const at::Tensor& lastHidden, const at::Tensor& ids) const {
  return textProjection->forward(text->pool(text->finalNorm->forward(lastHidden), ids));
}

namespace {

ClipVisionConfig projectedBy(ClipVisionConfig vision, int64_t projectionDim) {
  vision.projectionDim = projectionDim;
  return vision;
}

}  // namespace

ClipModelImpl::ClipModelImpl(const ClipConfig& config, Init init)
    : ClipVisionModelImpl(projectedBy(config.vision, config.projectionDim), init),
      text(config.text, init),
      textProjection(config.text.hiddenSize, config.projectionDim, false),
      m_config(config) {
  register_module("text_model", text);
  register_module("text_projection", textProjection);
  logitScale = register_parameter("logit_scale", torch::full({}, config.logitScaleInit));
  if (init == Init::HuggingFace) {
    initialiseProjection(visualProjection, config.vision.hiddenSize, config.initializerFactor);
    initialiseProjection(textProjection, config.text.hiddenSize, config.initializerFactor);
  }
}

at::Tensor ClipModelImpl::embedText(const at::Tensor& ids) const {
  return textProjection->forward(text->pool(text->forward(ids), ids));
}

at::Tensor ClipModelImpl::logitsPerImage(const at::Tensor& imageEmbeds, const at::Tensor& textEmbeds) const {
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, -1, true); };
  return logitScale.exp() * at::matmul(unit(imageEmbeds), unit(textEmbeds).t());
}

}  // namespace sememe
