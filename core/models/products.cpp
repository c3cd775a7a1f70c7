// Products of few rows, and many rows a few hundred at a time.
#include "core/models/products.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>

#include "core/base/parallel.h"
#include "core/models/float_loops.h"

namespace sememe {
namespace {

// Rows of one thread's share of a chunk: the widest thing made of them (some 10,000 floats each) fits a cache of 8 MB,
// and a product still runs at its full rate.
constexpr int64_t kChunkRows = 256;

bool isFew(const at::Tensor& x, const at::Tensor& weight, at::ScalarType dtype) {
  const int64_t in = weight.size(1);
  return x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == dtype && x.dim() > 0 && x.size(-1) == in &&
         x.numel() <= kFewRows * in && x.numel() > 0 && weight.is_contiguous() && !at::GradMode::is_enabled() &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

// y [..., out] of few rows; f(x, rows, begin, end, y) computes outputs begin … end − 1.
template <class Product>
at::Tensor fewRows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Product& f) {
  const int64_t in = weight.size(1), out = weight.size(0), rows = x.numel() / in;
  const at::Tensor flat = x.contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = out;
  at::Tensor y = at::empty(shape, x.options());
  const auto* from = flat.const_data_ptr<float>();
  auto* to = y.mutable_data_ptr<float>();
  // A share of a product that takes less than about ten microseconds is not worth a thread.
  const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 17) / in);
  parallelFor(0, out, grain, [&](int64_t begin, int64_t end) { f(from, rows, begin, end, to); });
  return bias.defined() ? y.add_(bias) : y;
}

}  // namespace

at::Tensor linearProduct(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!isFew(x, weight, at::kFloat)) return at::linear(x, weight, bias);
  const int64_t in = weight.size(1), out = weight.size(0);
  const auto* w = weight.const_data_ptr<float>();
  return fewRows(x, weight, bias, [=](const float* from, int64_t rows, int64_t begin, int64_t end, float* to) {
    fewRowsProduct(from, rows, w, in, begin, end, to, out);
  });
}

EightBits toEightBits(const at::Tensor& weight) {
  const at::Tensor wide = weight.to(at::kFloat), steps = wide.abs().amax(1) / 127;
  return {(wide / steps.clamp_min(1e-30).unsqueeze(1)).round_().to(at::kChar), steps};
}

at::Tensor linearProduct(const at::Tensor& x, const EightBits& weight, const at::Tensor& bias) {
  const at::Tensor& rounded = weight.rounded;
  if (!isFew(x, rounded, at::kChar)) {
    // The steps in float32 before they are rounded to x's dtype: float16 has no room for the smallest of them.
    const at::Tensor whole = rounded.to(x.scalar_type()).mul_(weight.steps.unsqueeze(1));
    return at::linear(x, whole, bias);
  }
  const int64_t in = rounded.size(1), out = rounded.size(0);
  const auto* w = rounded.const_data_ptr<int8_t>();
  const auto* steps = weight.steps.const_data_ptr<float>();
  return fewRows(x, rounded, bias, [=](const float* from, int64_t rows, int64_t begin, int64_t end, float* to) {
    fewRowsProduct(from, rows, w, steps, in, begin, end, to, out);
  });
}

at::Tensor inRowChunks(const at::Tensor& x, const std::function<at::Tensor(const at::Tensor& rows)>& f) {
  const int64_t width = x.size(-1), rows = width > 0 ? x.numel() / width : 0, chunks = rows / (kChunkRows * at::get_num_threads());
  if (!x.is_cpu() || at::GradMode::is_enabled() || chunks < 2) return f(x);
  const int64_t chunk = (rows + chunks - 1) / chunks;  // all about the same, so that none is too small to be quick
  const at::Tensor flat = x.reshape({rows, width});
  at::Tensor out;
  for (int64_t begin = 0; begin < rows; begin += chunk) {
    const int64_t count = std::min(chunk, rows - begin);
    const at::Tensor y = f(flat.narrow(0, begin, count));
    if (!out.defined()) out = at::empty({rows, y.size(-1)}, y.options());
    out.narrow(0, begin, count).copy_(y);
  }
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = out.size(-1);
  return out.view(shape);
}

}  // namespace sememe
