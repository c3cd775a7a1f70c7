// A dictionary's figures on rows, and what would mend them.
#include "core/sae/sae_check.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr double kFits = 0.2;      // explained variance below which the rows' mean would do nearly as well
constexpr double kBetter = 0.15;   // by how much another reading must explain more to be worth a word
constexpr double kFarFromK = 4;    // L0 that many times k or k that many times L0
constexpr double kDense = 0.5;     // share of all latents above which nothing is sparse
constexpr int64_t kBlock = 512;

struct Figures {
  double fve = 0, l0 = 0;
  int64_t dead = 0;
};

// Of rows · scale + shift, the reconstruction being taken back the same way.
Figures figures(const Dictionary& dictionary, const at::Tensor& x, double scale, const at::Tensor& encoderShift, const at::Tensor& shift) {
  at::Tensor fired = at::zeros({dictionary.dictSize()}, at::TensorOptions().dtype(at::kBool).device(dictionary.device()));
  double error = 0;
  at::Tensor errorSum = at::zeros({x.size(1)}, at::TensorOptions().dtype(at::kDouble).device(dictionary.device()));
  int64_t active = 0;
  for (int64_t begin = 0; begin < x.size(0); begin += kBlock) {
    const at::Tensor rows = x.narrow(0, begin, std::min(kBlock, x.size(0) - begin)) * scale + shift;
    const at::Tensor z = dictionary.encode(rows + encoderShift);
    const at::Tensor residual = ((rows - dictionary.decode(z)) / scale).to(at::kDouble);
    error += residual.square().sum().item<double>();
    errorSum += residual.sum(0);
    const at::Tensor on = z != 0;
    fired.logical_or_(on.any(0));
    active += on.sum().item<int64_t>();
  }
  const auto n = static_cast<double>(x.size(0));
  const at::Tensor wide = x.to(at::kDouble);
  const double total = (wide - wide.mean(0)).square().sum().item<double>();
  const double residual = error - (errorSum.square().sum().item<double>() / n);
  return {total > 0 ? 1 - residual / total : NAN, static_cast<double>(active) / n, dictionary.dictSize() - fired.sum().item<int64_t>()};
}

std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3f", value);
  return buffer;
}

}  // namespace

SaeFit checkSae(const Dictionary& dictionary, const at::Tensor& rows) {
  const at::NoGradGuard noGrad;
  if (rows.dim() != 2 || rows.size(1) != dictionary.activationDim()) {
    throw Error(ErrorCode::Mismatch, "the SAE reads activations of width " + std::to_string(dictionary.activationDim()) +
                                         ", but these have " + std::to_string(rows.size(-1)));
  }
  if (rows.size(0) < 1) throw Error(ErrorCode::Invalid, "there are no rows to check the SAE on");
  const at::Tensor x = rows.to(dictionary.device(), at::kFloat);
  const at::Tensor none = at::zeros({1}, x.options()), bias = dictionary.decoderBias();
  const Figures asIs = figures(dictionary, x, 1, none, none);

  SaeFit check;
  check.rows = x.size(0);
  check.k = dictionary.k();
  check.fve = asIs.fve;
  check.l0 = asIs.l0;
  check.dead = asIs.dead;
  const auto d = static_cast<double>(x.size(1));
  const auto k = static_cast<double>(check.k);
  const bool silent = check.l0 < 0.05, dense = check.l0 > kDense * static_cast<double>(dictionary.dictSize()) && check.k > 0;
  const bool far = check.k > 0 && (check.l0 > kFarFromK * k || check.l0 * kFarFromK < k);
  if (std::isnan(check.fve)) {
    check.verdict = "these activations are all the same: whether this SAE fits them cannot be told";
    return check;
  }
  check.fits = check.fve >= kFits && !silent && !dense && !far;
  const std::string explained = "it explains " + text(check.fve) + " of their variance with " + text(check.l0) + " latents a row" +
                                (check.k > 0 ? " (trained for " + std::to_string(check.k) + ")" : "");
  check.verdict = (check.fits ? "this SAE fits these activations: " : "this SAE does not fit these activations: ") + explained;

  const double meanSquare = x.to(at::kDouble).square().sum(1).mean().item<double>();
  const double unit = meanSquare > 0 ? 1 / std::sqrt(meanSquare) : 1;
  const auto offer = [&](const char* what, double scale, const at::Tensor& encoderShift, const at::Tensor& shift) {
    const Figures other = figures(dictionary, x, scale, encoderShift, shift);
    if (!(other.fve > kFits) || !(other.fve > asIs.fve + kBetter)) return;
    check.hints.push_back(std::string(what) + " explains " + text(other.fve) + " instead of " + text(asIs.fve));
  };
  // Worth the time only where there is room for them to be right.
  if (asIs.fve <= 1 - kBetter) {
    offer("an encoder that does not subtract b_dec (it was written by another version of its library)", 1, bias, none);
    offer("an encoder that subtracts b_dec (it was written by another version of its library)", 1, -bias, none);
    offer("activations scaled to unit mean squared norm, which it may have been trained on,", unit, none, none);
    offer("activations scaled to a mean norm of the root of their width, which it may have been trained on,", unit * std::sqrt(d), none, none);
    offer("activations less their mean, which it may have been trained on,", 1, none, -x.mean(0));
  }
  if (!check.fits && check.hints.empty()) {
    check.hints.push_back("it may be for another layer, point or model, or for other tokens than these");
  }
  return check;
}

}  // namespace sememe
