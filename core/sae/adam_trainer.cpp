// What the trainers of all types share.
#include "core/sae/adam_trainer.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/sae/param_text.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

constexpr double kBeta2 = 0.999, kAdamEpsilon = 1e-8;
constexpr int64_t kStateVersion = 2;

double normOf(const std::vector<at::Tensor>& gradients) {
  double sum = 0;
  for (const at::Tensor& gradient : gradients) {
    const double norm = gradient.norm().item<double>();
    sum += norm * norm;
  }
  return std::sqrt(sum);
}

}  // namespace

double explainedVariance(const at::Tensor& x, const at::Tensor& residual) {
  if (x.size(0) < 2) return 0;
  const double total = at::var(x, 0).sum().item<double>();
  return total > 0 ? 1 - at::var(residual, 0).sum().item<double>() / total : 0;
}

AdamTrainer::AdamTrainer(const TrainParams& params, const TrainerSetup& setup, const OptimiserRules& rules)
    : m_params(params),
      m_device(setup.device),
      m_rules(rules),
      m_normFactor(setup.normFactor),
      m_sinceFired(at::zeros({params.dictSize}, at::TensorOptions().dtype(at::kLong).device(setup.device))) {}

void AdamTrainer::addWeight(const std::string& name, const at::Tensor& value) {
  const at::Tensor weight = value.to(m_device, at::kFloat).contiguous();
  m_weights.push_back({name, weight, at::zeros_like(weight), at::zeros_like(weight)});
}

size_t AdamTrainer::indexOf(const char* name) const {
  const auto found = std::find_if(m_weights.begin(), m_weights.end(), [&](const Weight& w) { return w.name == name; });
  return static_cast<size_t>(found - m_weights.begin());
}

at::Tensor AdamTrainer::randomDirections(bool normal) const {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(m_params.seed);
  at::Tensor rows = at::empty({m_params.dictSize, m_params.activationDim}, at::kFloat);
  if (normal) {
    rows.normal_(0, 1, generator);
  } else {
    // Kaiming's uniform bound, which the scaling to unit norm leaves no trace of but the cube's corners.
    const double bound = std::sqrt(6.0 / static_cast<double>(m_params.activationDim));
    rows.uniform_(-bound, bound, generator);
  }
  return rows.div_(rows.norm(2, 1, true) + m_rules.unitEpsilon);
}

at::Tensor AdamTrainer::sinceFiredAfter(const at::Tensor& fired, int64_t rows) const {
  return (m_sinceFired + rows).masked_fill(fired, 0);
}

int64_t AdamTrainer::deadAmong(const at::Tensor& sinceFired) const {
  return (sinceFired >= m_params.deadAfterRows).sum().item<int64_t>();
}

double AdamTrainer::sparsityScale() const {
  if (m_params.sparsityWarmup == 0) return 1;
  return std::min(1.0, static_cast<double>(m_step) / static_cast<double>(m_params.sparsityWarmup));
}

StepStats AdamTrainer::step(const at::Tensor& batch) {
  const at::NoGradGuard noGrad;
  if (!batch.defined() || batch.dim() != 2 || batch.size(0) < 1 || batch.size(1) != m_params.activationDim) {
    throw Error(ErrorCode::Mismatch, "expected rows of width " + std::to_string(m_params.activationDim));
  }
  const at::Tensor x = batch.detach().to(m_device, at::kFloat).div(m_normFactor).contiguous();
  Pass done = pass(x);
  done.stats.step = m_step;

  const size_t decoder = indexOf("wDec");
  {
    // A step along a decoder row would be undone by the scaling to unit norm.
    const at::Tensor& rows = m_weights[decoder].value;
    const at::Tensor unit = rows / (rows.norm(2, 1, true) + m_rules.parallelEpsilon);
    at::Tensor& gradient = done.gradients[decoder];
    gradient.sub_((gradient * unit).sum(1, true) * unit);
  }
  const double norm = normOf(done.gradients);
  if (!std::isfinite(done.stats.loss) || !std::isfinite(norm)) {
    throw Error(ErrorCode::Diverged, "the training's loss or gradient became NaN or infinite; try a lower learning rate, "
                                     "and look for NaN among the activations",
                "step " + std::to_string(m_step));
  }

  if (done.decoderBias.defined()) m_weights[indexOf("bDec")].value = done.decoderBias;
  m_sinceFired = done.sinceFired;
  m_threshold = done.threshold;
  adam(done.gradients, m_rules.clip ? std::min(1.0, 1.0 / (norm + 1e-6)) : 1.0);
  at::Tensor& rows = m_weights[decoder].value;
  rows.div_(rows.norm(2, 1, true) + m_rules.unitEpsilon);
  ++m_step;
  return m_last = done.stats;
}

void AdamTrainer::adam(std::vector<at::Tensor>& gradients, double scale) {
  const auto n = static_cast<double>(m_step + 1);
  const double stepSize = m_params.learningRateAt(m_step) / (1 - std::pow(m_rules.beta1, n));
  const double root = std::sqrt(1 - std::pow(kBeta2, n));
  for (size_t i = 0; i < m_weights.size(); ++i) {
    Weight& w = m_weights[i];
    const at::Tensor gradient = scale == 1 ? gradients[i] : gradients[i].mul_(scale);
    w.mean.lerp_(gradient, 1 - m_rules.beta1);
    w.square.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    const at::Tensor denominator = w.square.sqrt().div_(root).add_(kAdamEpsilon);
    w.value.addcdiv_(w.mean, denominator, -stepSize);
  }
}

void AdamTrainer::saveState(const std::filesystem::path& path) const {
  PickleValue::Pairs params;
  for (const auto& [name, value] : trainParamTexts(m_params)) params.emplace_back(PickleValue(name), PickleValue(value));
  PickleValue::Pairs pairs;
  pairs.emplace_back("sememe_training", kStateVersion);
  pairs.emplace_back("params", PickleValue::dict(std::move(params)));
  pairs.emplace_back("norm_factor", m_normFactor);
  pairs.emplace_back("step", m_step);
  pairs.emplace_back("threshold", m_threshold);
  pairs.emplace_back("since_fired", m_sinceFired);
  pairs.emplace_back("last", PickleValue::list({m_last.step, m_last.loss, m_last.l2, m_last.auxk, m_last.sparsity, m_last.l0,
                                                m_last.fve, m_last.dead}));
  for (const Weight& w : m_weights) {
    pairs.emplace_back(PickleValue(w.name), PickleValue(w.value));
    pairs.emplace_back(PickleValue(w.name + ".mean"), PickleValue(w.mean));
    pairs.emplace_back(PickleValue(w.name + ".square"), PickleValue(w.square));
  }
  writeTorchFile(path, PickleValue::dict(std::move(pairs)));
}

void AdamTrainer::loadState(const std::filesystem::path& path) {
  const at::NoGradGuard noGrad;
  const PickleValue state = readTorchFile(path);
  const auto field = [&](const std::string& name) -> const PickleValue& {
    const PickleValue* value = state.find(name);
    if (!value) throw Error(ErrorCode::Corrupt, "expected the state of a training", path.string() + ", " + name);
    return *value;
  };
  if (field("sememe_training").asInt() != kStateVersion) {
    throw Error(ErrorCode::Unsupported, "the state of a training by another version", path.string());
  }
  std::vector<std::pair<std::string, std::string>> there;
  for (const auto& [name, value] : field("params").asPairs()) there.emplace_back(name.asString(), value.asString());
  if (const std::string different = differences(there, trainParamTexts(m_params)); !different.empty()) {
    throw Error(ErrorCode::Mismatch, "this training was begun with other parameters: " + different, path.string());
  }
  // Everything is read before anything is changed.
  const auto tensor = [&](const std::string& name, const at::Tensor& like) {
    const at::Tensor& t = field(name).asTensor();
    if (t.sizes() != like.sizes() || t.scalar_type() != like.scalar_type()) {
      throw Error(ErrorCode::Corrupt, "expected a tensor of another shape or dtype", path.string() + ", " + name);
    }
    return t.to(like.options(), /*non_blocking=*/false, /*copy=*/true).contiguous();
  };
  std::vector<Weight> weights;
  for (const Weight& w : m_weights) {
    weights.push_back({w.name, tensor(w.name, w.value), tensor(w.name + ".mean", w.value), tensor(w.name + ".square", w.value)});
  }
  const at::Tensor sinceFired = tensor("since_fired", m_sinceFired);
  const double normFactor = field("norm_factor").asDouble(), threshold = field("threshold").asDouble();
  const int64_t step = field("step").asInt();
  const PickleValue::Items& last = field("last").asItems();
  if (last.size() != 8 || !(normFactor > 0) || !std::isfinite(normFactor) || !std::isfinite(threshold) || step < 0) {
    throw Error(ErrorCode::Corrupt, "expected the state of a training", path.string());
  }
  m_last = {last[0].asInt(),    last[1].asDouble(), last[2].asDouble(), last[3].asDouble(),
            last[4].asDouble(), last[5].asDouble(), last[6].asDouble(), last[7].asInt()};
  m_weights = std::move(weights);
  m_sinceFired = sinceFired;
  m_normFactor = normFactor;
  m_threshold = threshold;
  m_step = step;
}

}  // namespace sememe
