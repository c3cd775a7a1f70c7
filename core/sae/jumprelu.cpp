// The JumpReLU type: a latent counts above a threshold of its own, which is trained.
//
// With a = x W_enc + b_enc: z = a · [a > θ], x̂ = z W_dec + b_dec. The loss is |x − x̂|² + λ (l0 / target − 1)², with
// l0 the mean count of z > θ; what θ learns from is the rectangle of width `bandwidth` around it.
// Source: Rajamanoharan et al., "Jumping Ahead" (2024), as in dictionary_learning, which does not subtract b_dec first.
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/sae/adam_trainer.h"
#include "core/sae/dictionary_state.h"

namespace sememe {
namespace {

// Float32 on one device.
struct JumpReluWeights {
  at::Tensor wEnc;       // [d, F]
  at::Tensor bEnc;       // [F]
  at::Tensor wDec;       // [F, d]
  at::Tensor bDec;       // [d]
  at::Tensor threshold;  // [F]
};

class JumpReluDictionary : public Dictionary {
 public:
  JumpReluDictionary(JumpReluWeights weights, const std::string& where) : m_weights(std::move(weights)) {
    const JumpReluWeights& w = m_weights;
    checkEncoder(w.wEnc, w.bEnc.numel(), where);
    const int64_t d = w.wEnc.size(0), latents = w.wEnc.size(1);
    checkWeight(w.wEnc, {d, latents}, "W_enc", where);
    checkWeight(w.bEnc, {latents}, "b_enc", where);
    checkWeight(w.wDec, {latents, d}, "W_dec", where);
    checkWeight(w.bDec, {d}, "b_dec", where);
    checkWeight(w.threshold, {latents}, "threshold", where);
  }

  SaeType type() const override { return SaeType::JumpRelu; }
  int64_t activationDim() const override { return m_weights.bDec.size(0); }
  int64_t dictSize() const override { return m_weights.bEnc.size(0); }
  int64_t k() const override { return 0; }
  double threshold() const override { return std::numeric_limits<double>::quiet_NaN(); }
  at::Tensor decoderRows() const override { return m_weights.wDec; }
  at::Tensor decoderBias() const override { return m_weights.bDec; }
  at::Device device() const override { return m_weights.wDec.device(); }
  void to(at::Device device) override {
    JumpReluWeights& w = m_weights;
    for (at::Tensor* t : {&w.wEnc, &w.bEnc, &w.wDec, &w.bDec, &w.threshold}) *t = t->to(device);
  }
  std::vector<std::pair<std::string, at::Tensor>> stateDict() const override {
    return {{"W_enc", m_weights.wEnc.cpu()},
            {"b_enc", m_weights.bEnc.cpu()},
            {"W_dec", m_weights.wDec.cpu()},
            {"b_dec", m_weights.bDec.cpu()},
            {"threshold", m_weights.threshold.cpu()}};
  }

  const JumpReluWeights& weights() const { return m_weights; }

 protected:
  at::Tensor encodeRows(const at::Tensor& x) const override {
    const at::Tensor a = at::addmm(m_weights.bEnc, x, m_weights.wEnc);
    return (a * (a > m_weights.threshold)).relu_();
  }

 private:
  JumpReluWeights m_weights;
};

class JumpReluTrainer : public AdamTrainer {
 public:
  JumpReluTrainer(const TrainParams& params, const TrainerSetup& setup)
      : AdamTrainer(params, setup, {.beta1 = 0, .unitEpsilon = std::numeric_limits<float>::epsilon()}) {
    JumpReluWeights w;
    if (setup.initial) {
      const auto* from = dynamic_cast<const JumpReluDictionary*>(setup.initial);
      if (!from || from->activationDim() != params.activationDim || from->dictSize() != params.dictSize) {
        throw Error(ErrorCode::Mismatch, "the weights to start from are of another type or size");
      }
      w = from->weights();
    } else {
      const at::Tensor rows = randomDirections(/*normal=*/false);
      w = {rows.t(), at::zeros({params.dictSize}), rows, at::zeros({params.activationDim}),
           at::full({params.dictSize}, 0.001)};
    }
    addWeight("wEnc", w.wEnc.clone(at::MemoryFormat::Contiguous));
    addWeight("bEnc", w.bEnc.clone());
    addWeight("wDec", w.wDec.clone());
    addWeight("bDec", w.bDec.clone());
    addWeight("theta", w.threshold.clone());
  }

  std::unique_ptr<Dictionary> dictionary() const override {
    return std::make_unique<JumpReluDictionary>(
        JumpReluWeights{weight(0).clone(), weight(1) * normFactor(), weight(2).clone(), weight(3) * normFactor(),
                        weight(4) * normFactor()},
        "training step " + std::to_string(stepsDone()));
  }

 protected:
  Pass pass(const at::Tensor& x) override {
    const at::Tensor &wEnc = weight(0), &bEnc = weight(1), &wDec = weight(2), &bDec = weight(3), &theta = weight(4);
    const auto rows = static_cast<double>(x.size(0));
    const double bandwidth = params().bandwidth;
    const at::Tensor a = at::addmm(bEnc, x, wEnc);
    const at::Tensor open = a > theta;
    const at::Tensor z = a * open;
    const at::Tensor residual = x - at::addmm(bDec, z, wDec);
    const double l0 = static_cast<double>((z > theta).sum().item<int64_t>()) / rows;
    const double excess = l0 / params().targetL0 - 1, penalty = params().sparsityPenalty * sparsityScale();

    Pass done;
    StepStats& stats = done.stats;
    stats.l2 = residual.square().sum(1).mean().item<double>();
    stats.sparsity = excess * excess;
    stats.loss = stats.l2 + penalty * stats.sparsity;
    stats.l0 = l0;
    stats.fve = explainedVariance(x, residual);
    done.sinceFired = sinceFiredAfter(z.sum(0) > 0, x.size(0));
    stats.dead = deadAmong(done.sinceFired);

    const auto rectangle = [&](const at::Tensor& values) {
      const at::Tensor u = (values - theta).div_(bandwidth);
      return (u > -0.5).logical_and_(u < 0.5);
    };
    const at::Tensor upstream = residual * (-2 / rows);
    const at::Tensor codes = at::mm(upstream, wDec.t());
    const at::Tensor pre = codes * open;
    const double countGradient = 2 * penalty * excess / params().targetL0 / rows;
    const at::Tensor thetaGradient = (codes * rectangle(a)).sum(0).mul_(theta).div_(-bandwidth) -
                                     rectangle(z).sum(0).to(at::kFloat) * (countGradient / bandwidth);
    done.gradients = {at::mm(x.t(), pre), pre.sum(0), at::mm(z.t(), upstream), upstream.sum(0), thetaGradient};
    return done;
  }
};

}  // namespace

std::unique_ptr<Dictionary> readJumpRelu(const DictionaryState& state) {
  JumpReluWeights w{state.real("W_enc", 2), state.real("b_enc", 1), state.real("W_dec", 2), state.real("b_dec", 1),
                    state.real("threshold", 1)};
  return std::make_unique<JumpReluDictionary>(std::move(w), state.path().string());
}

std::unique_ptr<Trainer> makeJumpReluTrainer(const TrainParams& params, const TrainerSetup& setup) {
  return std::make_unique<JumpReluTrainer>(params, setup);
}

}  // namespace sememe
