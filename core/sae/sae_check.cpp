// A dictionary's figures on rows, and what would mend them.
#include "core/sae/sae_check.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <utility>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr double kFits = 0.2;      // explained variance below which the rows' mean would do nearly as well
constexpr double kBetter = 0.15;   // by how much another reading must explain more to be worth a word
constexpr double kFarFromK = 4;    // L0 that many times k or k that many times L0
constexpr double kDense = 0.5;     // share of all latents above which nothing is sparse
constexpr int64_t kBlock = 512;
constexpr int64_t kTrialRows = 512, kScaleRows = 128;  // that other readings, and all the factors, are tried on
constexpr int kScales = 8;                             // factors are tried from 2^-8 to 2^8

struct Figures {
  double fve = 0, l0 = 0;
  int64_t dead = 0;
};

// About `count` of the rows, from all over them.
at::Tensor spread(const at::Tensor& x, int64_t count) {
  return x.slice(0, 0, x.size(0), (x.size(0) + count - 1) / count);
}

// Of rows · scale + shift, the reconstruction being taken back the same way. Unlike in training's log, a reconstruction that
// is off by a constant is not forgiven: the rows' mean is what it has to beat.
Figures figures(const Dictionary& dictionary, const at::Tensor& x, double scale, const at::Tensor& encoderShift, const at::Tensor& shift) {
  at::Tensor fired = at::zeros({dictionary.dictSize()}, at::TensorOptions().dtype(at::kBool).device(dictionary.device()));
  double error = 0;
  int64_t active = 0;
  for (int64_t begin = 0; begin < x.size(0); begin += kBlock) {
    const at::Tensor rows = x.narrow(0, begin, std::min(kBlock, x.size(0) - begin)) * scale + shift;
    const at::Tensor z = dictionary.encode(rows + encoderShift);
    error += ((rows - dictionary.decode(z)) / scale).to(at::kDouble).square().sum().item<double>();
    const at::Tensor on = z != 0;
    fired.logical_or_(on.any(0));
    active += on.sum().item<int64_t>();
  }
  const auto n = static_cast<double>(x.size(0));
  const at::Tensor wide = x.to(at::kDouble);
  const double total = (wide - wide.mean(0)).square().sum().item<double>();
  return {total > 0 ? 1 - error / total : NAN, static_cast<double>(active) / n, dictionary.dictSize() - fired.sum().item<int64_t>()};
}

std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3f", value);
  return buffer;
}

// Adds a hint for each other reading of rows [N, d] that explains far more of them.
void tryOtherReadings(const Dictionary& dictionary, const at::Tensor& all, SaeFit& check) {
  const at::Tensor x = spread(all, kTrialRows), none = at::zeros({1}, x.options()), bias = dictionary.decoderBias();
  const Figures asIs = figures(dictionary, x, 1, none, none);
  std::vector<std::pair<double, std::string>> cures;  // with what they explain
  double bar = std::max(kFits, asIs.fve + kBetter);
  const auto offer = [&](const std::string& what, double scale, const at::Tensor& encoderShift, const at::Tensor& shift) {
    const double fve = figures(dictionary, x, scale, encoderShift, shift).fve;
    if (fve > bar) cures.emplace_back(fve, what + " explains " + text(fve) + " instead of " + text(asIs.fve));
  };
  offer("an encoder that does not subtract b_dec (it was written by another version of its library)", 1, bias, none);
  offer("an encoder that subtracts b_dec (it was written by another version of its library)", 1, -bias, none);

  const double root = std::sqrt(static_cast<double>(x.size(1)));
  const auto orOne = [](double scale) { return std::isfinite(scale) ? scale : 1; };
  const at::Tensor mean = x.mean(0);
  const double unit = orOne(1 / std::sqrt(x.to(at::kDouble).square().sum(1).mean().item<double>()));
  const double centred = orOne(root / (x - mean).norm(2, 1).mean().item<double>());
  offer("activations scaled to unit mean squared norm, which it may have been trained on,", unit, none, none);
  offer("activations scaled to a mean norm of the root of their width, which it may have been trained on,", unit * root, none, none);
  offer("activations less their mean, which it may have been trained on,", 1, none, -mean);
  offer("activations less their mean and scaled to a mean norm of the root of their width, which it may have been trained on,", centred,
        none, mean * -centred);

  // Where none of these rules does well: whichever factor does best, if it is far better still.
  for (const auto& cure : cures) bar = std::max(bar, cure.first + kBetter);
  if (!check.fits && bar < 1) {
    const at::Tensor few = spread(x, kScaleRows);
    double best = 1, bestFve = asIs.fve;
    for (int power = -kScales; power <= kScales; ++power) {
      const double scale = std::ldexp(1.0, power);
      const double fve = figures(dictionary, few, scale, none, none).fve;
      if (fve > bestFve) {
        best = scale;
        bestFve = fve;
      }
    }
    char factor[32];
    std::snprintf(factor, sizeof factor, "%.3g", best);
    offer("activations times about " + std::string(factor) + " (it was trained on others of that scale)", best, none, none);
  }
  std::sort(cures.begin(), cures.end(), std::greater<>());
  for (const auto& cure : cures) check.hints.push_back(cure.second);
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
  const at::Tensor none = at::zeros({1}, x.options());
  const Figures asIs = figures(dictionary, x, 1, none, none);

  SaeFit check;
  check.rows = x.size(0);
  check.k = dictionary.k();
  check.fve = asIs.fve;
  check.l0 = asIs.l0;
  check.dead = asIs.dead;
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

  // Worth the time only where there is room for another reading to be right.
  if (check.fve <= 1 - kBetter) tryOtherReadings(dictionary, x, check);
  if (!check.fits && check.hints.empty()) {
    check.hints.push_back("it may be for another layer, point or model, or for other tokens than these");
  }
  return check;
}

}  // namespace sememe
