// Linear, norm, patches, attention, MLP and encoder layer: the maths that all towers share.
#include "core/models/layers.h"

#include <ATen/autocast_mode.h>

#include <optional>
#include <sstream>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr double kQuickGelu = 1.702;

std::string shapeText(const at::Tensor& x) {
  std::ostringstream text;
  text << x.sizes();
  return text.str();
}

}  // namespace

Activation parseActivation(const std::string& name) {
  if (name == "quick_gelu") return Activation::QuickGelu;
  if (name == "gelu") return Activation::Gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::GeluTanh;
  if (name == "silu" || name == "swish") return Activation::Silu;
  if (name == "relu") return Activation::Relu;
  throw Error(ErrorCode::Unsupported,
              "activation \"" + name +
                  "\" is not supported, expected quick_gelu, gelu, gelu_new, gelu_pytorch_tanh, silu or relu");
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::QuickGelu: return x * at::sigmoid(x * kQuickGelu);
    case Activation::Gelu: return at::gelu(x);
    case Activation::GeluTanh: return at::gelu(x, "tanh");
    case Activation::Silu: return at::silu(x);
    case Activation::Relu: return at::relu(x);
  }
  throw Error(ErrorCode::Invalid, "not an activation");
}

at::Tensor activateOwn(at::Tensor x, Activation activation) {
  if (at::GradMode::is_enabled()) return activate(x, activation);
  switch (activation) {
    case Activation::QuickGelu: return x.mul_(at::sigmoid(x * kQuickGelu));
    case Activation::Gelu: return at::gelu_(x);
    case Activation::GeluTanh: return at::gelu_(x, "tanh");
    case Activation::Silu: return at::silu_(x);
    case Activation::Relu: return at::relu_(x);
  }
  throw Error(ErrorCode::Invalid, "not an activation");
}

LinearImpl::LinearImpl(int64_t in, int64_t out, bool withBias) {
  weight = register_parameter("weight", torch::empty({out, in}));
  if (withBias) bias = register_parameter("bias", torch::empty({out}));
}

void LinearImpl::toEightBits() {
  const EightBits eight = sememe::toEightBits(weight);
  weight.set_requires_grad(false).set_data(eight.rounded);
  steps = register_buffer("steps", eight.steps);
}

Linear joinLinears(std::vector<Linear> parts) {
  Linear joined(parts.front()->weight.size(1), 0, parts.front()->bias.defined());
  const auto join = [&](at::Tensor LinearImpl::* member) {
    if (!((*parts.front()).*member).defined()) return;
    std::vector<at::Tensor> all;
    for (Linear& part : parts) all.push_back((*part).*member);
    const at::Tensor whole = at::cat(all).detach();
    int64_t row = 0;
    for (Linear& part : parts) {
      at::Tensor& own = (*part).*member;
      own.set_data(whole.narrow(0, row, own.size(0)));
      row += own.size(0);
    }
    at::Tensor& target = (*joined).*member;
    if (target.defined()) target.set_requires_grad(false).set_data(whole);
    else target = whole;
  };
  join(&LinearImpl::weight);
  join(&LinearImpl::bias);
  join(&LinearImpl::steps);
  return joined;
}

LayerNormImpl::LayerNormImpl(int64_t width, double eps) : m_eps(eps) {
  weight = register_parameter("weight", torch::empty({width}));
  bias = register_parameter("bias", torch::empty({width}));
}

EmbeddingImpl::EmbeddingImpl(int64_t count, int64_t width) {
  weight = register_parameter("weight", torch::empty({count, width}));
}

PatchConvImpl::PatchConvImpl(int64_t channels, int64_t out, int64_t patch, bool withBias) : m_patch(patch) {
  weight = register_parameter("weight", torch::empty({out, channels, patch, patch}));
  if (withBias) bias = register_parameter("bias", torch::empty({out}));
}

at::Tensor PatchConvImpl::forward(const at::Tensor& pixels) const {
  const int64_t channels = weight.size(1), p = m_patch;
  if (pixels.dim() != 4 || pixels.size(1) != channels || pixels.size(2) < p || pixels.size(3) < p)
    throw Error(ErrorCode::Mismatch, "pixels have shape " + shapeText(pixels) + ", expected [N, " +
                                         std::to_string(channels) + ", H, W] with H and W at least " +
                                         std::to_string(p));
  const int64_t n = pixels.size(0), rows = pixels.size(2) / p, columns = pixels.size(3) / p;
  // Patches do not overlap, so the convolution is one matrix product over the cut-out patches.
  const at::Tensor cut = pixels.narrow(2, 0, rows * p)
                             .narrow(3, 0, columns * p)
                             .to(weight.options())
                             .reshape({n, channels, rows, p, columns, p})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({n, rows * columns, channels * p * p});
  return at::linear(cut, weight.flatten(1), bias);
}

AttentionImpl::AttentionImpl(const LayerConfig& config)
    : query(config.hidden, config.hidden, config.qkvBias),
      key(config.hidden, config.hidden, config.qkvBias),
      value(config.hidden, config.hidden, config.qkvBias),
      output(config.hidden, config.hidden),
      m_heads(config.heads) {
  if (config.keys == KeyScheme::Clip) {
    register_module("q_proj", query);
    register_module("k_proj", key);
    register_module("v_proj", value);
    register_module("out_proj", output);
  } else {
    const auto inner = register_module("attention", std::make_shared<torch::nn::Module>());
    inner->register_module("query", query);
    inner->register_module("key", key);
    inner->register_module("value", value);
    register_module("output", std::make_shared<torch::nn::Module>())->register_module("dense", output);
  }
}

at::Tensor AttentionImpl::forward(const at::Tensor& x, bool causal) const {
  const int64_t n = x.size(0), t = x.size(1), d = x.size(2);
  // One product for the three: joining the weights costs less than two more passes over x.
  const at::Tensor weight = at::cat({query->weight, key->weight, value->weight});
  const at::Tensor bias =
      query->bias.defined() ? at::cat({query->bias, key->bias, value->bias}) : at::Tensor();
  at::Tensor joined = linearProduct(x, weight, bias);
  // On a CPU, attention in bfloat16 takes three times as long as in float32, unlike everything else.
  std::optional<c10::impl::ExcludeDispatchKeyGuard> exact;
  if (x.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU)) {
    exact.emplace(c10::DispatchKey::AutocastCPU);
    joined = joined.to(at::kFloat);
  }
  const std::vector<at::Tensor> qkv =
      joined.view({n, t, 3, m_heads, d / m_heads}).permute({2, 0, 3, 1, 4}).unbind(0);
  const at::Tensor mixed = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, 0.0, causal);
  exact.reset();
  return output->forward(mixed.transpose(1, 2).reshape({n, t, d}));
}

MlpImpl::MlpImpl(const LayerConfig& config)
    : first(config.hidden, config.swiGlu ? 2 * config.intermediate : config.intermediate),
      second(config.intermediate, config.hidden),
      m_activation(config.activation),
      m_swiGlu(config.swiGlu) {
  register_module(m_swiGlu ? "weights_in" : "fc1", first);
  register_module(m_swiGlu ? "weights_out" : "fc2", second);
}

at::Tensor MlpImpl::forward(const at::Tensor& x) const {
  if (m_activation == Activation::QuickGelu && !m_swiGlu && at::GradMode::is_enabled() &&
      first->weight.scalar_type() == at::kFloat) {
    // quick_gelu(h) = silu(c h) / c: with the constant in the (small) weights, recording the gradient needs one pass
    // over the activations instead of three each way.
    const at::Tensor h = at::linear(x, first->weight * kQuickGelu, first->bias * kQuickGelu);
    return at::linear(at::silu(h), second->weight * (1 / kQuickGelu), second->bias);
  }
  return inRowChunks(x, [this](const at::Tensor& rows) { return second->forward(inner(rows)); });
}

at::Tensor MlpImpl::inner(const at::Tensor& x) const {
  at::Tensor h = first->forward(x);
  if (!m_swiGlu) return activateOwn(std::move(h), m_activation);
  const std::vector<at::Tensor> halves = h.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

EncoderLayerImpl::EncoderLayerImpl(const LayerConfig& config)
    : norm1(config.hidden, config.eps), norm2(config.hidden, config.eps), attention(config), mlp(config) {
  const bool clip = config.keys == KeyScheme::Clip;
  register_module(clip ? "layer_norm1" : "norm1", norm1);
  register_module(clip ? "self_attn" : "attention", attention);
  register_module(clip ? "layer_norm2" : "norm2", norm2);
  register_module("mlp", mlp);
  if (config.layerScale) {
    const auto scale = [&](const char* name) {
      return register_module(name, std::make_shared<torch::nn::Module>())
          ->register_parameter("lambda1", torch::empty({config.hidden}));
    };
    scale1 = scale("layer_scale1");
    scale2 = scale("layer_scale2");
  }
}

at::Tensor EncoderLayerImpl::forward(const at::Tensor& x, bool causal) const {
  const auto join = [](at::Tensor branch, const at::Tensor& scale, const at::Tensor& residual) {
    if (scale.defined()) return at::addcmul(residual, branch.to(residual.scalar_type()), scale);
    // In place where no gradient is recorded (there it would cost more: the branch is a view of its product) and
    // nothing is lost by it.
    const bool fresh = !at::GradMode::is_enabled() && branch.scalar_type() == residual.scalar_type();
    return fresh ? branch.add_(residual) : branch + residual;
  };
  const at::Tensor middle = join(attention->forward(norm1->forward(x), causal), scale1, x);
  return join(mlp->forward(norm2->forward(middle)), scale2, middle);
}

TappedPass EncoderLayerImpl::step(const TappedPass& pass, bool causal) const {
  const auto scaled = [](const at::Tensor& branch, const at::Tensor& scale) {
    return scale.defined() ? branch * scale : branch;
  };
  const int layer = nextLayer(pass.tap);
  const at::Tensor &x = pass.activation, &residual = pass.residual;
  switch (pass.tap.point) {
    case TapPoint::PostMlpResidual:  // of the layer before
      return {{TapPoint::AttentionOutput, layer}, scaled(attention->forward(norm1->forward(x), causal), scale1), x};
    case TapPoint::AttentionOutput: {
      const at::Tensor middle = x + residual;
      return {{TapPoint::InMlp, layer}, mlp->inner(norm2->forward(middle)), middle};
    }
    case TapPoint::InMlp: return {{TapPoint::PostMlp, layer}, scaled(mlp->second->forward(x), scale2), residual};
    case TapPoint::PostMlp: return {{TapPoint::PostMlpResidual, layer}, x + residual, {}};
    case TapPoint::PostProjection: break;
  }
  throw Error(ErrorCode::Invalid, "a layer has no " + std::string(tapPointName(pass.tap.point)));
}

EncoderImpl::EncoderImpl(const LayerConfig& config, int64_t count) {
  const auto list = register_module(config.keys == KeyScheme::Clip ? "layers" : "layer",
                                    std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < count; ++i)
    layers.push_back(list->register_module(std::to_string(i), EncoderLayer(config)));
}

at::Tensor EncoderImpl::forward(at::Tensor x, bool causal) const {
  for (const EncoderLayer& layer : layers) x = layer->forward(x, causal);
  return x;
}

LayerStack EncoderImpl::stack(bool causal) const {
  const EncoderLayer& first = layers.front();
  return {.count = static_cast<int>(layers.size()),
          .hidden = first->norm1->weight.size(0),
          .inner = first->mlp->second->weight.size(1),
          .whole = [this, causal](int layer, const at::Tensor& x) { return layers[layer]->forward(x, causal); },
          .step = [this, causal](const TappedPass& pass) { return layers[nextLayer(pass.tap)]->step(pass, causal); }};
}

}  // namespace sememe
