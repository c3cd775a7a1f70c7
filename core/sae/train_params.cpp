// Training parameters: checks, the learning rate's course, group sizes.
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/sae/trainer.h"

namespace sememe {
namespace {

void require(bool holds, const char* field, const std::string& expected) {
  if (!holds) throw Error(ErrorCode::Invalid, std::string("training parameter out of range: expected ") + expected, field);
}

}  // namespace

void TrainParams::check() const {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  require(activationDim >= 1 && activationDim <= most, "activation_dim", "at least 1");
  require(dictSize >= 1 && dictSize <= most, "dict_size", "at least 1");
  require(std::isfinite(lr) && lr >= 0, "lr", "0 (automatic) or above");
  require(batch >= 1 && batch <= most, "batch", "at least 1");
  require(steps >= 1, "steps", "at least 1");
  require(warmup >= 0 && warmup < steps, "warmup", "0 … steps − 1, that is " + std::to_string(steps - 1));
  require(decayStart == -1 || (decayStart > warmup && decayStart < steps), "decay_start",
          "-1 (never) or a step after warm-up (" + std::to_string(warmup) + ") and before the end (" +
              std::to_string(steps) + ")");
  require(deadAfterRows >= 1, "dead_after_rows", "at least 1");
  const SaeTypeInfo& info = saeTypeInfo(type);
  if (!info.hasK) {
    require(std::isfinite(l1Penalty) && l1Penalty >= 0, "l1_penalty", "0 or above");
    require(std::isfinite(sparsityPenalty) && sparsityPenalty >= 0, "sparsity_penalty", "0 or above");
    require(std::isfinite(targetL0) && targetL0 > 0, "target_l0", "a number above 0");
    require(std::isfinite(bandwidth) && bandwidth > 0, "bandwidth", "a number above 0");
    require(sparsityWarmup >= 0 && sparsityWarmup < steps, "sparsity_warmup_steps",
            "0 … steps − 1, that is " + std::to_string(steps - 1));
    require(decayStart == -1 || decayStart > sparsityWarmup, "decay_start",
            "a step after the sparsity's warm-up (" + std::to_string(sparsityWarmup) + ")");
    return;
  }
  require(k >= 1 && k <= dictSize, "k", "1 … " + std::to_string(dictSize));
  require(std::isfinite(auxkAlpha) && auxkAlpha >= 0, "auxk_alpha", "0 or above");
  require(thresholdBeta >= 0 && thresholdBeta <= 1, "threshold_beta", "0 … 1");
  require(thresholdStart >= 0, "threshold_start_step", "0 or above");
  if (!info.hasGroups) return;
  require(!groupFractions.empty(), "group_fractions", "at least one");
  double sum = 0;
  for (const double fraction : groupFractions) {
    require(std::isfinite(fraction) && fraction > 0, "group_fractions", "positive numbers");
    sum += fraction;
  }
  require(std::abs(sum - 1) < 1e-9, "group_fractions", "a sum of 1");
  for (const int64_t size : groupSizes()) {
    require(size >= 1, "group_fractions", "at least one latent in each group of " + std::to_string(dictSize));
  }
  require(groupWeights.empty() || groupWeights.size() == groupFractions.size(), "group_weights",
          "as many as group_fractions");
  for (const double weight : groupWeights) require(std::isfinite(weight), "group_weights", "finite numbers");
}

double TrainParams::learningRate() const {
  if (lr > 0) return lr;
  const double usual = saeTypeInfo(type).learningRate;
  return usual > 0 ? usual : 2e-4 / std::sqrt(static_cast<double>(dictSize) / 16384.0);
}

double TrainParams::learningRateAt(int64_t step) const {
  double factor = 1;
  if (step < warmup) {
    factor = static_cast<double>(step) / static_cast<double>(warmup);
  } else if (decayStart >= 0 && step >= decayStart) {
    factor = static_cast<double>(steps - step) / static_cast<double>(steps - decayStart);
  }
  return learningRate() * factor;
}

std::vector<int64_t> TrainParams::groupSizes() const {
  if (!saeTypeInfo(type).hasGroups) return {};
  // Rounded down, with the remainder in the last group.
  std::vector<int64_t> sizes;
  int64_t left = dictSize;
  for (size_t i = 0; i + 1 < groupFractions.size(); ++i) {
    sizes.push_back(static_cast<int64_t>(groupFractions[i] * static_cast<double>(dictSize)));
    left -= sizes.back();
  }
  sizes.push_back(left);
  return sizes;
}

}  // namespace sememe
