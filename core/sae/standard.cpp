// The standard type: ReLU latents under an L1 penalty, decoder rows of unit norm.
//
// z = relu((x − b) W_encᵀ + b_enc), x̂ = z W_dec + b; the loss is |x − x̂|² + λ |z|₁, means over rows.
// Source: Bricken et al., "Towards Monosemanticity" (2023), as in dictionary_learning, without its resampling (off there).
#include <utility>

#include "core/base/error.h"
#include "core/sae/adam_trainer.h"
#include "core/sae/dictionary_state.h"

namespace sememe {
namespace {

// Float32 on one device.
struct StandardWeights {
  at::Tensor wEnc;  // [F, d]
  at::Tensor bEnc;  // [F]
  at::Tensor wDec;  // [F, d]
  at::Tensor bias;  // [d]
};

class StandardDictionary : public Dictionary {
 public:
  StandardDictionary(StandardWeights weights, const std::string& where) : m_weights(std::move(weights)) {
    const StandardWeights& w = m_weights;
    checkEncoder(w.wEnc, w.bEnc.numel(), where);
    const int64_t latents = w.wEnc.size(0), d = w.wEnc.size(1);
    checkWeight(w.wEnc, {latents, d}, "encoder.weight", where);
    checkWeight(w.bEnc, {latents}, "encoder.bias", where);
    checkWeight(w.wDec, {latents, d}, "decoder.weight (transposed)", where);
    checkWeight(w.bias, {d}, "bias", where);
  }

  SaeType type() const override { return SaeType::Standard; }
  int64_t activationDim() const override { return m_weights.bias.size(0); }
  int64_t dictSize() const override { return m_weights.bEnc.size(0); }
  int64_t k() const override { return 0; }
  double threshold() const override { return 0; }
  at::Tensor decoderRows() const override { return m_weights.wDec; }
  at::Tensor decoderBias() const override { return m_weights.bias; }
  at::Device device() const override { return m_weights.wDec.device(); }
  void to(at::Device device) override {
    for (at::Tensor* t : {&m_weights.wEnc, &m_weights.bEnc, &m_weights.wDec, &m_weights.bias}) *t = t->to(device);
  }
  std::vector<std::pair<std::string, at::Tensor>> stateDict() const override {
    return {{"bias", m_weights.bias.cpu()},
            {"encoder.weight", m_weights.wEnc.cpu()},
            {"encoder.bias", m_weights.bEnc.cpu()},
            {"decoder.weight", m_weights.wDec.cpu().t().contiguous()}};
  }

  const StandardWeights& weights() const { return m_weights; }

 protected:
  at::Tensor encodeRows(const at::Tensor& x) const override {
    return at::addmm(m_weights.bEnc, x - m_weights.bias, m_weights.wEnc.t()).relu_();
  }

 private:
  StandardWeights m_weights;
};

class StandardTrainer : public AdamTrainer {
 public:
  StandardTrainer(const TrainParams& params, const TrainerSetup& setup)
      : AdamTrainer(params, setup, {.clip = false, .parallelEpsilon = 0}) {
    StandardWeights w;
    if (setup.initial) {
      const auto* from = dynamic_cast<const StandardDictionary*>(setup.initial);
      if (!from || from->activationDim() != params.activationDim || from->dictSize() != params.dictSize) {
        throw Error(ErrorCode::Mismatch, "the weights to start from are of another type or size");
      }
      w = from->weights();
    } else {
      // The library starts with a tenth of unit norm, which its first step makes one in the decoder.
      const at::Tensor rows = randomDirections(/*normal=*/true) * 0.1;
      w = {rows, at::zeros({params.dictSize}), rows, at::zeros({params.activationDim})};
    }
    addWeight("wEnc", w.wEnc.clone());
    addWeight("bEnc", w.bEnc.clone());
    addWeight("wDec", w.wDec.clone());
    addWeight("bDec", w.bias.clone());
  }

  std::unique_ptr<Dictionary> dictionary() const override {
    return std::make_unique<StandardDictionary>(
        StandardWeights{weight(0).clone(), weight(1) * normFactor(), weight(2).clone(), weight(3) * normFactor()},
        "training step " + std::to_string(stepsDone()));
  }

 protected:
  Pass pass(const at::Tensor& x) override {
    const at::Tensor &wEnc = weight(0), &bEnc = weight(1), &wDec = weight(2), &bias = weight(3);
    const auto rows = static_cast<double>(x.size(0));
    const at::Tensor centred = x - bias;
    const at::Tensor z = at::addmm(bEnc, centred, wEnc.t()).relu_();
    const at::Tensor residual = centred - at::mm(z, wDec);
    const at::Tensor active = z > 0;
    const double penalty = params().l1Penalty * sparsityScale();

    Pass done;
    StepStats& stats = done.stats;
    stats.l2 = residual.square().sum(1).mean().item<double>();
    stats.sparsity = z.sum(1).mean().item<double>();
    stats.loss = stats.l2 + penalty * stats.sparsity;
    stats.l0 = static_cast<double>(active.sum().item<int64_t>()) / rows;
    stats.fve = explainedVariance(x, residual);
    done.sinceFired = sinceFiredAfter(active.any(0), x.size(0));
    stats.dead = deadAmong(done.sinceFired);

    const at::Tensor upstream = residual * (-2 / rows);  // of the reconstruction
    const at::Tensor pre = at::mm(upstream, wDec.t()).add_(penalty / rows).mul_(active);
    const at::Tensor preSum = pre.sum(0);
    done.gradients = {at::mm(pre.t(), centred), preSum, at::mm(z.t(), upstream), upstream.sum(0) - at::mv(wEnc.t(), preSum)};
    return done;
  }
};

}  // namespace

std::unique_ptr<Dictionary> readStandard(const DictionaryState& state) {
  StandardWeights w{state.real("encoder.weight", 2), state.real("encoder.bias", 1),
                    state.real("decoder.weight", 2).t().contiguous(), state.real("bias", 1)};
  // As the library's from_pretrained: where the decoder's rows are not of unit norm (trained by its April update), the
  // latents are given in units of those rows. The reconstruction stays.
  const at::Tensor norms = w.wDec.norm(2, 1);
  if (!state.keepsScale() && norms.numel() == w.bEnc.numel() && !at::allclose(norms, at::ones_like(norms)) && norms.min().item<float>() > 0) {
    w.wDec.div_(norms.unsqueeze(1));
    w.wEnc.mul_(norms.unsqueeze(1));
    w.bEnc.mul_(norms);
  }
  return std::make_unique<StandardDictionary>(std::move(w), state.path().string());
}

std::unique_ptr<Trainer> makeStandardTrainer(const TrainParams& params, const TrainerSetup& setup) {
  return std::make_unique<StandardTrainer>(params, setup);
}

}  // namespace sememe
