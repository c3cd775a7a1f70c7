// Matrix products as a CPU does them best. Internal to core/models.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace sememe {

// x Wᵀ + b, as at::linear: x [..., in], weight [out, in], bias [out] or undefined. For one to eight rows of float32 on a
// CPU, where a BLAS is far from reading the weights at the memory's rate, in a loop of our own that reads them once.
at::Tensor linearProduct(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// A matrix in 8 bits: weight [out, in] ≈ steps [out] (float32) · rounded [out, in] (int8, −127 … 127), each output with a step
// of its own, its largest weight over 127 (symmetric absmax quantisation per channel, as in LLM.int8(), Dettmers et al. 2022,
// but without its 16-bit outliers).
struct EightBits {
  at::Tensor rounded, steps;
};
EightBits toEightBits(const at::Tensor& weight);

// x Wᵀ + b of such a matrix, in x's dtype. Few rows of float32 on a CPU read the 8 bits alone; else W is made of them in
// x's dtype for the time of the product.
at::Tensor linearProduct(const at::Tensor& x, const EightBits& weight, const at::Tensor& bias);

// `f` of the rows of x [..., in] → [..., out], row by row independent. Many rows on a CPU, without a gradient, go through it
// a few hundred at a time: what it makes in between then stays in the cache, in memory that is used again, where a
// large tensor is mapped anew by every allocation (measured: a fifth of the time of an MLP).
at::Tensor inRowChunks(const at::Tensor& x, const std::function<at::Tensor(const at::Tensor& rows)>& f);

}  // namespace sememe
