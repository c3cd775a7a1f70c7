// What the trainers of all types share.
#include "core/sae/adam_trainer.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/sae/param_text.h"
#include "core/sae/vector_math.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

constexpr double kBeta2 = 0.999, kAdamEpsilon = 1e-8;
constexpr int64_t kStateVersion = 2;

// Work over the rows of a CPU matrix, some megabytes at a time.
void forRows(const at::Tensor& matrix, const std::function<void(int64_t begin, int64_t end)>& work) {
  parallelFor(0, matrix.size(0), std::max<int64_t>(1, 65536 / std::max<int64_t>(1, matrix.size(1))), work);
}

double squaredNormOf(const at::Tensor& t) {
  if (!t.is_cpu()) return t.square().sum(at::kDouble).item<double>();
  constexpr int64_t kBlock = 1 << 16;
  const float* data = t.const_data_ptr<float>();
  std::vector<double> sums(static_cast<size_t>((t.numel() + kBlock - 1) / kBlock));
  parallelFor(0, static_cast<int64_t>(sums.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sums[static_cast<size_t>(i)] = squaredNorm(data + i * kBlock, std::min(kBlock, t.numel() - i * kBlock));
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double normOf(const std::vector<at::Tensor>& gradients) {
  double sum = 0;
  for (const at::Tensor& gradient : gradients) sum += squaredNormOf(gradient);
  return std::sqrt(sum);
}

// Sum over the columns of the squared distances from the column's mean.
double scatterOf(const at::Tensor& x) {
  if (!x.is_cpu()) return at::var(x, 0, /*unbiased=*/false).sum(at::kDouble).item<double>() * static_cast<double>(x.size(0));
  const int64_t d = x.size(1);
  const float* data = x.const_data_ptr<float>();
  std::vector<double> sums(static_cast<size_t>(d)), squares(static_cast<size_t>(d));
  for (int64_t row = 0; row < x.size(0); ++row) addMoments(data + row * d, sums.data(), squares.data(), d);
  double total = 0;
  for (size_t i = 0; i < sums.size(); ++i) total += squares[i] - sums[i] * sums[i] / static_cast<double>(x.size(0));
  return total;
}

}  // namespace

double explainedVariance(const at::Tensor& x, const at::Tensor& residual) {
  if (x.size(0) < 2) return 0;
  const double total = scatterOf(x);
  return total > 0 ? 1 - scatterOf(residual) / total : 0;
}

AdamTrainer::AdamTrainer(const TrainParams& params, const TrainerSetup& setup, const OptimiserRules& rules)
    : m_params(params),
      m_device(setup.device),
      m_rules(rules),
      m_normFactor(setup.normFactor),
      m_sinceFired(at::zeros({params.dictSize}, at::TensorOptions().dtype(at::kLong).device(setup.device))) {}

void AdamTrainer::addWeight(const std::string& name, const at::Tensor& value) {
  const at::Tensor weight = value.to(m_device, at::kFloat).contiguous();
  if (name == "wDec") m_decoder = m_weights.size();
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

  removeParallelPart(done.gradients[m_decoder]);
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
  normaliseDecoder();
  ++m_step;
  return m_last = done.stats;
}

// A step along a decoder row would be undone by the scaling to unit norm.
void AdamTrainer::removeParallelPart(at::Tensor& gradient) const {
  const at::Tensor& rows = m_weights[m_decoder].value;
  if (!rows.is_cpu()) {
    const at::Tensor unit = rows / (rows.norm(2, 1, true) + m_rules.parallelEpsilon);
    gradient.sub_((gradient * unit).sum(1, true) * unit);
    return;
  }
  gradient = gradient.contiguous();
  const int64_t d = rows.size(1);
  const float* row = rows.const_data_ptr<float>();
  auto* slope = gradient.data_ptr<float>();
  forRows(rows, [&](int64_t begin, int64_t end) {
    for (int64_t f = begin; f < end; ++f) {
      const double norm = std::sqrt(squaredNorm(row + f * d, d)) + m_rules.parallelEpsilon;
      addScaled(static_cast<float>(-dot(slope + f * d, row + f * d, d) / (norm * norm)), row + f * d, slope + f * d, d);
    }
  });
}

void AdamTrainer::normaliseDecoder() {
  at::Tensor& rows = m_weights[m_decoder].value;
  if (!rows.is_cpu()) {
    rows.div_(rows.norm(2, 1, true) + m_rules.unitEpsilon);
    return;
  }
  const int64_t d = rows.size(1);
  auto* row = rows.data_ptr<float>();
  forRows(rows, [&](int64_t begin, int64_t end) {
    for (int64_t f = begin; f < end; ++f) {
      const auto norm = static_cast<float>(std::sqrt(squaredNorm(row + f * d, d)) + m_rules.unitEpsilon);
      for (int64_t i = f * d; i < (f + 1) * d; ++i) row[i] /= norm;
    }
  });
}

void AdamTrainer::adam(std::vector<at::Tensor>& gradients, double scale) {
  const auto n = static_cast<double>(m_step + 1);
  const double stepSize = m_params.learningRateAt(m_step) / (1 - std::pow(m_rules.beta1, n));
  const double root = std::sqrt(1 - std::pow(kBeta2, n));
  const AdamStep rule{static_cast<float>(m_rules.beta1), static_cast<float>(kBeta2),  static_cast<float>(kAdamEpsilon),
                      static_cast<float>(stepSize),      static_cast<float>(root), static_cast<float>(scale)};
  for (size_t i = 0; i < m_weights.size(); ++i) {
    Weight& w = m_weights[i];
    if (w.value.is_cpu()) {
      const at::Tensor gradient = gradients[i].contiguous();
      const float* slope = gradient.const_data_ptr<float>();
      auto *mean = w.mean.data_ptr<float>(), *square = w.square.data_ptr<float>(), *value = w.value.data_ptr<float>();
      parallelFor(0, w.value.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
        adamUpdate(rule, slope + begin, mean + begin, square + begin, value + begin, end - begin);
      });
      continue;
    }
    const at::Tensor gradient = gradients[i] * scale;
    w.mean.lerp_(gradient, 1 - m_rules.beta1);
    w.square.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    w.value.addcdiv_(w.mean, w.square.sqrt().div_(root).add_(kAdamEpsilon), -stepSize);
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
