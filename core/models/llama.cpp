// Llama's decoder: norms, grouped-query attention over a cache, gated MLP, as transformers' modeling_llama computes
// them.
#include "core/models/llama.h"

#include <ATen/autocast_mode.h>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/models/float_loops.h"

namespace sememe {
namespace {

Tap lastOutput(const LlamaConfig& config) { return {TapPoint::PostMlpResidual, static_cast<int>(config.layers) - 1}; }

}  // namespace

RmsNormImpl::RmsNormImpl(int64_t width, double eps) : m_eps(eps) {
  weight = register_parameter("weight", torch::empty({width}));
}

at::Tensor RmsNormImpl::forward(const at::Tensor& x) const {
  if (x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && !at::GradMode::is_enabled()) {
    const int64_t width = weight.size(0);
    const at::Tensor rows = x.contiguous();
    at::Tensor y = at::empty(x.sizes(), x.options());
    const float *from = rows.const_data_ptr<float>(), *scale = weight.const_data_ptr<float>();
    auto* to = y.mutable_data_ptr<float>();
    parallelFor(0, x.numel() / width, 64, [&](int64_t begin, int64_t end) { rmsNormRows(from, scale, m_eps, width, begin, end, to); });
    return y;
  }
  // One kernel where the general way has seven.
  if (x.is_cuda() && x.scalar_type() == weight.scalar_type() && !at::GradMode::is_enabled()) return at::rms_norm(x, {weight.size(0)}, weight, m_eps);
  const at::Tensor wide = x.to(at::kFloat);
  return weight * (wide * at::rsqrt(wide.square().mean(-1, true) + m_eps)).to(x.scalar_type());
}

LlamaAttentionImpl::LlamaAttentionImpl(const LlamaConfig& c)
    : query(c.hiddenSize, c.heads * c.headDim, c.attentionBias),
      key(c.hiddenSize, c.kvHeads * c.headDim, c.attentionBias),
      value(c.hiddenSize, c.kvHeads * c.headDim, c.attentionBias),
      output(c.heads * c.headDim, c.hiddenSize, c.attentionBias),
      m_heads(c.heads),
      m_kvHeads(c.kvHeads),
      m_headDim(c.headDim) {
  register_module("q_proj", query);
  register_module("k_proj", key);
  register_module("v_proj", value);
  register_module("o_proj", output);
}

at::Tensor LlamaAttentionImpl::forward(const at::Tensor& x, int64_t layer, const LlamaPass& pass) const {
  const int64_t n = x.size(0), t = x.size(1), group = m_heads / m_kvHeads;
  at::Tensor q, k, v;
  if (joined.is_empty()) {
    q = query->forward(x), k = key->forward(x), v = value->forward(x);
  } else {
    const std::vector<at::Tensor> parts =
        joined->forward(x).split_with_sizes({m_heads * m_headDim, m_kvHeads * m_headDim, m_kvHeads * m_headDim}, -1);
    q = parts[0], k = parts[1], v = parts[2];
  }
  q = pass.rotation.applyToOwn(q, m_heads);
  k = pass.rotation.applyToOwn(k, m_kvHeads);
  v = v.view({n, t, m_kvHeads, m_headDim}).transpose(1, 2);
  if (pass.cache) std::tie(k, v) = pass.cache->append(layer, k, v);
  // As in AttentionImpl: a CPU's attention is slower in bfloat16.
  std::optional<c10::impl::ExcludeDispatchKeyGuard> exact;
  if (x.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU)) {
    exact.emplace(c10::DispatchKey::AutocastCPU);
    q = q.to(at::kFloat), k = k.to(at::kFloat), v = v.to(at::kFloat);
  }

  at::Tensor mixed;
  if (t == 1) {
    // One new token: the queries of a group are rows over the same keys, which then need no copies.
    q = q.reshape({n, m_kvHeads, group, m_headDim});
    mixed = at::scaled_dot_product_attention(q, k, v, pass.mask).reshape({n, m_heads, 1, m_headDim});
  } else {
    const auto repeated = [&](const at::Tensor& y) {
      return group == 1 ? y
                        : y.unsqueeze(2).expand({-1, -1, group, -1, -1}).reshape({n, m_heads, y.size(2), m_headDim});
    };
    mixed = at::scaled_dot_product_attention(q, repeated(k), repeated(v), pass.mask, 0.0, pass.causal);
  }
  exact.reset();
  return output->forward(mixed.transpose(1, 2).reshape({n, t, m_heads * m_headDim}));
}

LlamaLayerImpl::LlamaLayerImpl(const LlamaConfig& c)
    : norm1(c.hiddenSize, c.rmsNormEps),
      norm2(c.hiddenSize, c.rmsNormEps),
      attention(c),
      gate(c.hiddenSize, c.intermediateSize, c.mlpBias),
      up(c.hiddenSize, c.intermediateSize, c.mlpBias),
      down(c.intermediateSize, c.hiddenSize, c.mlpBias),
      m_activation(parseActivation(c.activation)) {
  register_module("self_attn", attention);
  const auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  mlp->register_module("gate_proj", gate);
  mlp->register_module("up_proj", up);
  mlp->register_module("down_proj", down);
  register_module("input_layernorm", norm1);
  register_module("post_attention_layernorm", norm2);
}

at::Tensor LlamaLayerImpl::inner(const at::Tensor& x) const {
  if (!joined.is_empty()) {
    const std::vector<at::Tensor> halves = joined->forward(x).chunk(2, -1);
    return activateOwn(halves[0], m_activation).mul_(halves[1]);
  }
  return activateOwn(gate->forward(x), m_activation).mul_(up->forward(x));
}

at::Tensor LlamaLayerImpl::forward(const at::Tensor& x, int64_t layer, const LlamaPass& pass) const {
  const at::Tensor middle = attention->forward(norm1->forward(x), layer, pass).add_(x);
  const auto mlp = [this](const at::Tensor& rows) { return down->forward(inner(norm2->forward(rows))).add_(rows); };
  return inRowChunks(middle, mlp);
}

TappedPass LlamaLayerImpl::step(const TappedPass& tapped, const LlamaPass& pass) const {
  const int layer = nextLayer(tapped.tap);
  const at::Tensor &x = tapped.activation, &residual = tapped.residual;
  switch (tapped.tap.point) {
    case TapPoint::PostMlpResidual:  // of the layer before
      return {{TapPoint::AttentionOutput, layer}, attention->forward(norm1->forward(x), layer, pass), x};
    case TapPoint::AttentionOutput: {
      const at::Tensor middle = x + residual;
      return {{TapPoint::InMlp, layer}, inner(norm2->forward(middle)), middle};
    }
    case TapPoint::InMlp: return {{TapPoint::PostMlp, layer}, down->forward(x), residual};
    case TapPoint::PostMlp: return {{TapPoint::PostMlpResidual, layer}, x + residual, {}};
    case TapPoint::PostProjection: break;
  }
  throw Error(ErrorCode::Invalid, "a layer has no " + std::string(tapPointName(tapped.tap.point)));
}

LlamaImpl::LlamaImpl(const LlamaConfig& config)
    : tokens(config.vocabSize, config.hiddenSize),
      norm(config.hiddenSize, config.rmsNormEps),
      m_config(config),
      m_rope(config.rope, config.headDim) {
  m_decoder = register_module("model", std::make_shared<torch::nn::Module>());
  m_decoder->register_module("embed_tokens", tokens);
  const auto list = m_decoder->register_module("layers", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < config.layers; ++i)
    layers.push_back(list->register_module(std::to_string(i), LlamaLayer(config)));
  m_decoder->register_module("norm", norm);
  if (!config.tied) head = register_module("lm_head", Linear(config.hiddenSize, config.vocabSize, false));
  for (at::Tensor& parameter : parameters()) parameter.set_requires_grad(false);
}

void LlamaImpl::joinMatrices() {
  const torch::NoGradGuard guard;
  for (LlamaLayer& layer : layers) {
    layer->attention->joined = joinLinears({layer->attention->query, layer->attention->key, layer->attention->value});
    layer->joined = joinLinears({layer->gate, layer->up});
  }
}

KvCache LlamaImpl::makeCache(int64_t batch, int64_t capacity) const {
  return {m_config.layers,  batch,
          m_config.kvHeads, capacity,
          m_config.headDim, tokens->weight.options().requires_grad(false)};
}

at::Tensor LlamaImpl::embed(const at::Tensor& ids) const {
  if (ids.dim() != 2 || !at::isIntegralType(ids.scalar_type(), false) || ids.size(1) < 1)
    throw Error(ErrorCode::Mismatch, "token ids are a " + std::to_string(ids.dim()) + "-D " +
                                         std::string(c10::toString(ids.scalar_type())) +
                                         " tensor, expected integers [N, T] with T from 1");
  if (ids.numel() > 0 && (ids.min().item<int64_t>() < 0 || ids.max().item<int64_t>() >= m_config.vocabSize))
    throw Error(ErrorCode::Invalid,
                "a token id is outside the vocabulary of " + std::to_string(m_config.vocabSize) + " tokens");
  return at::embedding(tokens->weight, ids.to(tokens->weight.device(), at::kLong));
}

LlamaPass LlamaImpl::passOf(int64_t batch, int64_t count, KvCache* cache) const {
  const auto options = at::TensorOptions(tokens->weight.device()).dtype(at::kLong);
  if (cache && cache->batch() != batch)
    throw Error(ErrorCode::Mismatch,
                "the cache has " + std::to_string(cache->batch()) + " rows, the input " + std::to_string(batch));
  const int64_t past = cache ? cache->length() : 0, all = past + count;
  LlamaPass pass;
  pass.cache = cache;
  const at::Tensor places = at::arange(past, all, options).unsqueeze(0);  // [1, T]
  if (!cache || !cache->padding().defined()) {
    pass.rotation = m_rope.at(places, tokens->weight.scalar_type());
    pass.causal = past == 0 && count > 1;
    if (past > 0 && count > 1)
      pass.mask = (at::arange(all, options).unsqueeze(0) <= places.t()).view({1, 1, count, all});
    return pass;
  }
  const at::Tensor padding = cache->padding().unsqueeze(1);  // [N, 1]
  pass.rotation = m_rope.at((places - padding).clamp_min(0), tokens->weight.scalar_type());
  const at::Tensor keys = at::arange(all, options);
  const at::Tensor queries = places.view({1, count, 1});
  // Padding sees itself, so that no row is without any key, which would be NaN and spread.
  pass.mask = (((keys <= queries) & (keys >= padding.unsqueeze(-1))) | (keys == queries)).unsqueeze(1);
  return pass;
}

LayerStack LlamaImpl::stack(const LlamaPass& pass) const {
  return {
      .count = static_cast<int>(layers.size()),
      .hidden = m_config.hiddenSize,
      .inner = m_config.intermediateSize,
      .whole = [this, &pass](int layer, const at::Tensor& x) { return layers[size_t(layer)]->forward(x, layer, pass); },
      .step = [this,
               &pass](const TappedPass& tapped) { return layers[size_t(nextLayer(tapped.tap))]->step(tapped, pass); }};
}

TappedPass LlamaImpl::begin(const at::Tensor& embeds, const Tap& until, KvCache* cache, const TapHooks& hooks) const {
  if (embeds.dim() != 3 || embeds.size(1) < 1 || embeds.size(2) != m_config.hiddenSize)
    throw Error(ErrorCode::Mismatch, "token embeddings must be [N, T, " + std::to_string(m_config.hiddenSize) + "]");
  return resume(passFrom(embeds.to(tokens->weight.options())), until, cache, hooks);
}

TappedPass LlamaImpl::resume(const TappedPass& pass, const Tap& until, KvCache* cache, const TapHooks& hooks) const {
  const LlamaPass shared = passOf(pass.activation.size(0), pass.activation.size(1), cache);
  TappedPass result = runStack(stack(shared), pass, until, hooks);
  if (cache && result.tap == lastOutput(m_config)) cache->advance(result.activation.size(1));
  return result;
}

at::Tensor LlamaImpl::forward(const at::Tensor& embeds, KvCache* cache, const TapHooks& hooks) const {
  return norm->forward(begin(embeds, lastOutput(m_config), cache, hooks).activation);
}

at::Tensor LlamaImpl::finish(const TappedPass& pass, KvCache* cache, const TapHooks& hooks) const {
  return norm->forward(resume(pass, lastOutput(m_config), cache, hooks).activation);
}

at::Tensor LlamaImpl::logits(const at::Tensor& states) const {
  return linearProduct(states, head.is_empty() ? tokens->weight : head->weight, {});
}

}  // namespace sememe
