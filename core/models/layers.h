// The building blocks that every vision and text tower is made of: linear, norm, attention, MLP, encoder layer.
//
// All are trainable modules; weights lie on the CPU in float32 until moved. Constructors leave weights unset (memory
// that is loaded into at once would otherwise be filled with random numbers first): the towers initialise them.
// A module may be used by one thread at a time, or by several without autograd.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "core/models/products.h"
#include "core/models/tapped_pass.h"

namespace sememe {

enum class Activation {
  QuickGelu,  // x · sigmoid(1.702 x)
  Gelu,       // the exact one, by erf
  GeluTanh,   // its tanh approximation ("gelu_new", "gelu_pytorch_tanh")
  Silu,
  Relu,
};

// By the name in config.json's hidden_act. Throws Error (Unsupported) that lists the names.
Activation parseActivation(const std::string& name);

at::Tensor activate(const at::Tensor& x, Activation activation);
// Of a tensor that nobody else needs: in its place where no gradient is recorded.
at::Tensor activateOwn(at::Tensor x, Activation activation);

// y = x Wᵀ + b with weight [out, in] and bias [out].
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in, int64_t out, bool withBias = true);
  at::Tensor forward(const at::Tensor& x) const {
    return steps.defined() ? linearProduct(x, EightBits{weight, steps}, bias) : linearProduct(x, weight, bias);
  }
  // Keeps the weight in 8 bits from now on (toEightBits()): half the memory of 16, no more training.
  void toEightBits();

  at::Tensor weight, bias;  // bias is undefined without one
  at::Tensor steps;         // float32 [out] of a weight in 8 bits; else undefined
};
TORCH_MODULE(Linear);

// Several maps of the same input as one product, their outputs side by side. Their weights become views of its: no memory
// twice. All have a bias or none, all are in 8 bits or none; no longer to be moved or cast.
Linear joinLinears(std::vector<Linear> parts);

// Over the last axis, with weight and bias [width].
class LayerNormImpl : public torch::nn::Module {
 public:
  LayerNormImpl(int64_t width, double eps);
  at::Tensor forward(const at::Tensor& x) const {
    return at::layer_norm(x, {weight.size(0)}, weight, bias, m_eps);
  }

  at::Tensor weight, bias;

 private:
  double m_eps;
};
TORCH_MODULE(LayerNorm);

// A table weight [count, width].
class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(int64_t count, int64_t width);

  at::Tensor weight;
};
TORCH_MODULE(Embedding);

// Non-overlapping square patches through one linear map, kept in a convolution's layout: weight [out, channels, p, p].
class PatchConvImpl : public torch::nn::Module {
 public:
  PatchConvImpl(int64_t channels, int64_t out, int64_t patch, bool withBias);

  // pixels [N, channels, H, W] of any dtype and device → [N, (H/p)·(W/p), out] in the weight's, rows of patches first.
  // What is left over at the right and the bottom is not seen. Throws Error (Mismatch) on other shapes.
  at::Tensor forward(const at::Tensor& pixels) const;

  at::Tensor weight, bias;

 private:
  int64_t m_patch;
};
TORCH_MODULE(PatchConv);

// How a family spells its keys.
enum class KeyScheme {
  Clip,    // layer_norm1, self_attn.q_proj … out_proj, layer_norm2, mlp.fc1
  Dinov2,  // norm1, attention.attention.query …, attention.output.dense, layer_scale1.lambda1, norm2, mlp.fc1
};

struct LayerConfig {
  KeyScheme keys = KeyScheme::Clip;
  int64_t hidden = 0;        // width of the residual stream
  int64_t heads = 0;         // divides hidden
  int64_t intermediate = 0;  // width inside the MLP
  Activation activation = Activation::QuickGelu;
  double eps = 1e-5;
  bool qkvBias = true;
  bool swiGlu = false;      // mlp.weights_in [2·intermediate, hidden] (gate first), mlp.weights_out
  bool layerScale = false;  // multiply what attention and MLP add by lambda1 [hidden]
};

// Multi-head self-attention, softmax(q kᵀ / √head_dim) v.
class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(const LayerConfig& config);

  // x [N, T, hidden] → [N, T, hidden]; causal: token i sees tokens 0 … i.
  at::Tensor forward(const at::Tensor& x, bool causal) const;

  Linear query = nullptr, key = nullptr, value = nullptr, output = nullptr;

 private:
  int64_t m_heads;
};
TORCH_MODULE(Attention);

// fc2(act(fc1 x)), or SwiGLU: out(silu(gate) · up) with [gate, up] = in(x).
class MlpImpl : public torch::nn::Module {
 public:
  explicit MlpImpl(const LayerConfig& config);
  at::Tensor forward(const at::Tensor& x) const;  // [..., hidden] → [..., hidden]
  at::Tensor inner(const at::Tensor& x) const;    // [..., hidden] → [..., intermediate], what `second` reads

  Linear first = nullptr, second = nullptr;

 private:
  Activation m_activation;
  bool m_swiGlu;
};
TORCH_MODULE(Mlp);

// One pre-norm encoder layer: x += attention(norm1 x); x += mlp(norm2 x).
class EncoderLayerImpl : public torch::nn::Module {
 public:
  explicit EncoderLayerImpl(const LayerConfig& config);

  // x [N, T, hidden] → [N, T, hidden].
  at::Tensor forward(const at::Tensor& x, bool causal = false) const;
  // The same in four steps, from one tap to the next.
  TappedPass step(const TappedPass& pass, bool causal = false) const;

  LayerNorm norm1 = nullptr, norm2 = nullptr;
  Attention attention = nullptr;
  Mlp mlp = nullptr;
  at::Tensor scale1, scale2;  // LayerScale's lambda1, [hidden]; undefined without it
};
TORCH_MODULE(EncoderLayer);

// The layers of one tower, keys "layers.0" (CLIP) or "layer.0" (DINOv2).
class EncoderImpl : public torch::nn::Module {
 public:
  EncoderImpl(const LayerConfig& config, int64_t count);

  // x [N, T, hidden] through all layers.
  at::Tensor forward(at::Tensor x, bool causal = false) const;
  LayerStack stack(bool causal = false) const;  // refers to this encoder

  std::vector<EncoderLayer> layers;
};
TORCH_MODULE(Encoder);

// Whether a tower's constructor fills its weights as Hugging Face would (from torch's default generator) or leaves
// them unset because they are loaded next.
enum class Init { HuggingFace, None };

}  // namespace sememe
