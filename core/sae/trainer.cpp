// The trainer of BatchTopK and Matryoshka BatchTopK dictionaries.
#include "core/sae/trainer.h"

#include <ATen/core/grad_mode.h>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/sae/batch_topk.h"
#include "core/sae/param_text.h"
#include "core/sae/train_math.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kAdamEpsilon = 1e-8;
constexpr const char* kStateNames[] = {"wEncT", "bEnc", "wDec", "bDec"};

double sumOfVariances(const at::Tensor& x) { return at::var(x, 0).sum().item<double>(); }

class BatchTopKTrainer : public Trainer {
 public:
  BatchTopKTrainer(const TrainParams& params, double normFactor, at::Device device, const Dictionary* initial)
      : m_params(params), m_device(device), m_normFactor(normFactor), m_groupSizes(params.groupSizes()) {
    if (m_groupSizes.empty()) {
      m_groupSizes = {params.dictSize};
      m_groupScales = {1.0};
    } else {
      // The loss is the mean over groups of weight x error, the weights being 1 / groups unless told: the library's loss.
      const auto groups = static_cast<double>(m_groupSizes.size());
      for (size_t i = 0; i < m_groupSizes.size(); ++i) {
        m_groupScales.push_back((params.groupWeights.empty() ? 1 / groups : params.groupWeights[i]) / groups);
      }
    }
    if (initial) {
      copyFrom(*initial);
    } else {
      initialise();
    }
    for (size_t i = 0; i < m_weights.all().size(); ++i) {
      at::Tensor& weight = *m_weights.all()[i];
      weight = weight.to(device).contiguous();
      m_mean.push_back(at::zeros_like(weight));
      m_square.push_back(at::zeros_like(weight));
    }
    m_sinceFired = at::zeros({params.dictSize}, at::TensorOptions().dtype(at::kLong).device(device));
  }

  const TrainParams& params() const override { return m_params; }
  int64_t stepsDone() const override { return m_step; }
  double normFactor() const override { return m_normFactor; }
  const StepStats& last() const override { return m_last; }

  StepStats step(const at::Tensor& batch) override {
    at::NoGradGuard noGrad;
    if (!batch.defined() || batch.dim() != 2 || batch.size(0) < 1 || batch.size(1) != m_params.activationDim) {
      throw Error(ErrorCode::Mismatch, "expected rows of width " + std::to_string(m_params.activationDim));
    }
    const at::Tensor x = batch.detach().to(m_device, at::kFloat).div(m_normFactor).contiguous();
    const int64_t rows = x.size(0);

    SaeTensors weights = m_weights;  // the same tensors; b_dec is another one in step 0
    if (m_step == 0) weights.bDec = geometricMedian(x);
    const at::Tensor post = at::addmm(weights.bEnc, x - weights.bDec, weights.wEncT.t()).relu_();
    const auto trainPass = m_device.is_cpu() ? sparseTrainPass : denseTrainPass;
    TrainPass pass = trainPass(weights, x, post, m_params.k * rows, m_groupSizes, m_groupScales);

    StepStats stats;
    stats.step = m_step;
    for (size_t i = 0; i < pass.groupLosses.size(); ++i) stats.l2 += m_groupScales[i] * pass.groupLosses[i];
    stats.l0 = static_cast<double>(pass.nonZeros) / static_cast<double>(rows);
    if (rows > 1) {
      const double total = sumOfVariances(x);
      stats.fve = total > 0 ? 1 - sumOfVariances(pass.residual) / total : 0;
    }
    const at::Tensor sinceFired = (m_sinceFired + rows).masked_fill(pass.fired, 0);
    const at::Tensor dead = (sinceFired >= m_params.deadAfterRows).nonzero().view(-1);
    stats.dead = dead.numel();
    const int64_t auxiliary = std::min<int64_t>(m_params.activationDim / 2, stats.dead);
    if (auxiliary > 0) {
      stats.auxk = auxiliaryPass(weights, x, post, pass.residual, dead, auxiliary, m_params.auxkAlpha, pass.gradients);
    }
    stats.loss = stats.l2 + m_params.auxkAlpha * stats.auxk;

    removeParallelPart(weights.wDec, pass.gradients.wDec);
    const double norm = gradientNorm(pass.gradients);
    if (!std::isfinite(stats.loss) || !std::isfinite(norm)) {
      throw Error(ErrorCode::Diverged, "the training's loss or gradient became NaN or infinite; try a lower learning rate, "
                                       "and look for NaN among the activations",
                  "step " + std::to_string(m_step));
    }

    m_weights = weights;
    m_sinceFired = sinceFired;
    if (m_step > m_params.thresholdStart) followThreshold(pass.smallest);
    adam(pass.gradients, std::min(1.0, 1.0 / (norm + 1e-6)));
    normaliseRows(m_weights.wDec);
    ++m_step;
    return m_last = stats;
  }

  std::unique_ptr<Dictionary> dictionary() const override {
    at::NoGradGuard noGrad;
    BatchTopKWeights weights;
    weights.wEnc = m_weights.wEncT.t().clone(at::MemoryFormat::Contiguous);
    weights.bEnc = m_weights.bEnc * m_normFactor;
    weights.wDec = m_weights.wDec.clone();
    weights.bDec = m_weights.bDec * m_normFactor;
    weights.threshold = m_threshold >= 0 ? static_cast<float>(m_threshold * m_normFactor) : m_threshold;
    weights.k = m_params.k;
    if (m_params.type == SaeType::MatryoshkaBatchTopK) weights.groupSizes = m_groupSizes;
    return std::make_unique<BatchTopKDictionary>(std::move(weights), "training step " + std::to_string(m_step));
  }

  void saveState(const std::filesystem::path& path) const override {
    PickleValue::Pairs params;
    for (const auto& [name, value] : trainParamTexts(m_params)) params.emplace_back(PickleValue(name), PickleValue(value));
    PickleValue::Pairs pairs;
    pairs.emplace_back("sememe_training", int64_t{1});
    pairs.emplace_back("params", PickleValue::dict(std::move(params)));
    pairs.emplace_back("norm_factor", m_normFactor);
    pairs.emplace_back("step", m_step);
    pairs.emplace_back("threshold", static_cast<double>(m_threshold));
    pairs.emplace_back("since_fired", m_sinceFired);
    pairs.emplace_back("last", PickleValue::list({m_last.step, m_last.loss, m_last.l2, m_last.auxk, m_last.l0, m_last.fve,
                                                  m_last.dead}));
    for (size_t i = 0; i < m_mean.size(); ++i) {
      const std::string name = kStateNames[i];
      pairs.emplace_back(PickleValue(name), PickleValue(*m_weights.all()[i]));
      pairs.emplace_back(PickleValue(name + ".mean"), PickleValue(m_mean[i]));
      pairs.emplace_back(PickleValue(name + ".square"), PickleValue(m_square[i]));
    }
    writeTorchFile(path, PickleValue::dict(std::move(pairs)));
  }

  void loadState(const std::filesystem::path& path) override {
    at::NoGradGuard noGrad;
    const PickleValue state = readTorchFile(path);
    const auto field = [&](const std::string& name) -> const PickleValue& {
      const PickleValue* value = state.find(name);
      if (!value) throw Error(ErrorCode::Corrupt, "expected the state of a training", path.string() + ", " + name);
      return *value;
    };
    if (field("sememe_training").asInt() != 1) {
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
    SaeTensors weights;
    std::vector<at::Tensor> mean, square;
    for (size_t i = 0; i < m_mean.size(); ++i) {
      const std::string name = kStateNames[i];
      *weights.all()[i] = tensor(name, m_mean[i]);
      mean.push_back(tensor(name + ".mean", m_mean[i]));
      square.push_back(tensor(name + ".square", m_mean[i]));
    }
    const at::Tensor sinceFired = tensor("since_fired", m_sinceFired);
    const double normFactor = field("norm_factor").asDouble();
    const auto threshold = static_cast<float>(field("threshold").asDouble());
    const int64_t step = field("step").asInt();
    const PickleValue::Items& last = field("last").asItems();
    if (last.size() != 7 || !(normFactor > 0) || !std::isfinite(normFactor) || !std::isfinite(threshold) || step < 0) {
      throw Error(ErrorCode::Corrupt, "expected the state of a training", path.string());
    }
    m_weights = weights;
    m_mean = mean;
    m_square = square;
    m_sinceFired = sinceFired;
    m_normFactor = normFactor;
    m_threshold = threshold;
    m_step = step;
    m_last = {last[0].asInt(),    last[1].asDouble(), last[2].asDouble(), last[3].asDouble(),
              last[4].asDouble(), last[5].asDouble(), last[6].asInt()};
  }

 private:
  void copyFrom(const Dictionary& initial) {
    const auto* from = dynamic_cast<const BatchTopKDictionary*>(&initial);
    if (!from || from->type() != m_params.type || from->activationDim() != m_params.activationDim ||
        from->dictSize() != m_params.dictSize || from->groupSizes() != m_groupSizes) {
      throw Error(ErrorCode::Mismatch, "the weights to start from are of another type or size");
    }
    const BatchTopKWeights& w = from->weights();
    m_weights = {w.wEnc.t().clone(at::MemoryFormat::Contiguous), w.bEnc.clone(), w.wDec.clone(), w.bDec.clone()};
    m_threshold = w.threshold;
  }

  void initialise() {
    const int64_t latents = m_params.dictSize, d = m_params.activationDim;
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(m_params.seed);
    // Kaiming's uniform bound; the rows are then scaled to unit norm, and the encoder starts as the decoder's transpose.
    const double bound = std::sqrt(6.0 / static_cast<double>(d));
    m_weights.wDec = at::empty({latents, d}, at::kFloat).uniform_(-bound, bound, generator);
    normaliseRows(m_weights.wDec);
    m_weights.wEncT = m_weights.wDec.clone();
    m_weights.bEnc = at::zeros({latents}, at::kFloat);
    m_weights.bDec = at::zeros({d}, at::kFloat);
  }

  static void normaliseRows(at::Tensor& rows) {
    rows.div_(rows.norm(2, 1, true) + static_cast<double>(std::numeric_limits<float>::epsilon()));
  }

  // A step along a decoder row would be undone by the scaling to unit norm.
  static void removeParallelPart(const at::Tensor& rows, at::Tensor& gradient) {
    const at::Tensor unit = rows / (rows.norm(2, 1, true) + 1e-6);
    gradient.sub_((gradient * unit).sum(1, true) * unit);
  }

  static double gradientNorm(const SaeTensors& gradients) {
    double sum = 0;
    for (const at::Tensor* gradient : gradients.all()) {
      const double norm = gradient->norm().item<double>();
      sum += norm * norm;
    }
    return std::sqrt(sum);
  }

  void followThreshold(float smallest) {
    if (m_threshold < 0) {
      m_threshold = smallest;
    } else {
      m_threshold = static_cast<float>(m_params.thresholdBeta) * m_threshold +
                    static_cast<float>(1 - m_params.thresholdBeta) * smallest;
    }
  }

  void adam(SaeTensors& gradients, double scale) {
    const auto n = static_cast<double>(m_step + 1);
    const double stepSize = m_params.learningRateAt(m_step) / (1 - std::pow(kBeta1, n));
    const double root = std::sqrt(1 - std::pow(kBeta2, n));
    for (size_t i = 0; i < m_mean.size(); ++i) {
      at::Tensor& gradient = gradients.all()[i]->mul_(scale);
      m_mean[i].lerp_(gradient, 1 - kBeta1);
      m_square[i].mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
      const at::Tensor denominator = m_square[i].sqrt().div_(root).add_(kAdamEpsilon);
      m_weights.all()[i]->addcdiv_(m_mean[i], denominator, -stepSize);
    }
  }

  const TrainParams m_params;
  const at::Device m_device;
  double m_normFactor;
  std::vector<int64_t> m_groupSizes;
  std::vector<double> m_groupScales;
  SaeTensors m_weights;
  std::vector<at::Tensor> m_mean, m_square;  // Adam's moments, in the order of SaeTensors::all()
  at::Tensor m_sinceFired;                   // int64 [F]: rows since each latent fired
  float m_threshold = -1;                    // in normalised units
  int64_t m_step = 0;
  StepStats m_last;
};

}  // namespace

std::unique_ptr<Trainer> makeTrainer(const TrainParams& params, double normFactor, at::Device device,
                                     const Dictionary* initial) {
  if (params.type != SaeType::BatchTopK && params.type != SaeType::MatryoshkaBatchTopK) {
    throw Error(ErrorCode::Unsupported, "this type cannot be trained; there are " + supportedSaeTypes(),
                saeTypeInfo(params.type).name);
  }
  params.check();
  if (!(normFactor > 0) || !std::isfinite(normFactor)) {
    throw Error(ErrorCode::Invalid, "expected a norm factor above zero", std::to_string(normFactor));
  }
  at::NoGradGuard noGrad;
  return std::make_unique<BatchTopKTrainer>(params, normFactor, device, initial);
}

}  // namespace sememe
