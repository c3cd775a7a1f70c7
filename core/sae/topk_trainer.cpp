// The trainer of TopK, BatchTopK and Matryoshka BatchTopK dictionaries.
#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/sae/adam_trainer.h"
#include "core/sae/batch_topk.h"
#include "core/sae/train_math.h"

namespace sememe {
namespace {

class TopKTrainer : public AdamTrainer {
 public:
  TopKTrainer(const TrainParams& params, const TrainerSetup& setup)
      : AdamTrainer(params, setup, {.unitEpsilon = std::numeric_limits<float>::epsilon()}), m_groupSizes(params.groupSizes()) {
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
    if (setup.initial) {
      const BatchTopKWeights& w = matching(*setup.initial).weights();
      add({w.wEnc.t().clone(at::MemoryFormat::Contiguous), w.bEnc.clone(), w.wDec.clone(), w.bDec.clone()});
      startThreshold(w.threshold);
    } else {
      const at::Tensor rows = randomDirections(/*normal=*/false);
      add({rows.clone(), at::zeros({params.dictSize}), rows, at::zeros({params.activationDim})});
    }
  }

  std::unique_ptr<Dictionary> dictionary() const override {
    const SaeTensors w = tensors();
    BatchTopKWeights weights;
    weights.wEnc = w.wEncT.t().clone(at::MemoryFormat::Contiguous);
    weights.bEnc = w.bEnc * normFactor();
    weights.wDec = w.wDec.clone();
    weights.bDec = w.bDec * normFactor();
    weights.threshold = static_cast<float>(threshold() >= 0 ? threshold() * normFactor() : threshold());
    weights.k = params().k;
    weights.perRow = params().type == SaeType::TopK;
    if (params().type == SaeType::MatryoshkaBatchTopK) weights.groupSizes = m_groupSizes;
    return std::make_unique<BatchTopKDictionary>(std::move(weights), "training step " + std::to_string(stepsDone()));
  }

 protected:
  Pass pass(const at::Tensor& x) override {
    const int64_t rows = x.size(0);
    Pass done;
    SaeTensors weights = tensors();
    if (stepsDone() == 0) weights.bDec = done.decoderBias = geometricMedian(x);
    const at::Tensor centred = x - weights.bDec;
    const at::Tensor pre = at::addmm(weights.bEnc, centred, weights.wEncT.t());
    const Selection keep{params().k, params().type == SaeType::TopK};
    TrainPass found = device().is_cpu() ? sparseTrainPass(weights, centred, pre, keep, m_groupSizes, m_groupScales, m_scratch)
                                        : denseTrainPass(weights, centred, pre, keep, m_groupSizes, m_groupScales);

    StepStats& stats = done.stats;
    for (size_t i = 0; i < found.groupLosses.size(); ++i) stats.l2 += m_groupScales[i] * found.groupLosses[i];
    stats.l0 = static_cast<double>(found.nonZeros) / static_cast<double>(rows);
    stats.fve = explainedVariance(x, found.residual);
    done.sinceFired = sinceFiredAfter(found.fired, rows);
    const at::Tensor dead = (done.sinceFired >= params().deadAfterRows).nonzero().view(-1);
    stats.dead = dead.numel();
    const int64_t auxiliary = std::min<int64_t>(params().activationDim / 2, stats.dead);
    if (auxiliary > 0) {
      stats.auxk = auxiliaryPass(weights, centred, pre, found.residual, dead, auxiliary, params().auxkAlpha, found.gradients);
    }
    stats.loss = stats.l2 + params().auxkAlpha * stats.auxk;

    done.threshold = threshold();
    if (stepsDone() > params().thresholdStart) {
      const double beta = params().thresholdBeta;
      done.threshold = threshold() < 0 ? found.smallest : beta * threshold() + (1 - beta) * found.smallest;
    }
    for (const at::Tensor* gradient : found.gradients.all()) done.gradients.push_back(*gradient);
    return done;
  }

 private:
  const BatchTopKDictionary& matching(const Dictionary& initial) const {
    const auto* from = dynamic_cast<const BatchTopKDictionary*>(&initial);
    if (!from || from->type() != params().type || from->activationDim() != params().activationDim ||
        from->dictSize() != params().dictSize || from->groupSizes() != m_groupSizes) {
      throw Error(ErrorCode::Mismatch, "the weights to start from are of another type or size");
    }
    return *from;
  }

  void add(const SaeTensors& w) {
    addWeight("wEncT", w.wEncT);
    addWeight("bEnc", w.bEnc);
    addWeight("wDec", w.wDec);
    addWeight("bDec", w.bDec);
  }
  SaeTensors tensors() const { return {weight(0), weight(1), weight(2), weight(3)}; }

  std::vector<int64_t> m_groupSizes;
  std::vector<double> m_groupScales;
  TrainScratch m_scratch;
};

}  // namespace

std::unique_ptr<Trainer> makeTopKTrainer(const TrainParams& params, const TrainerSetup& setup) {
  return std::make_unique<TopKTrainer>(params, setup);
}

}  // namespace sememe
