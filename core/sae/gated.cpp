// The gated type: one network says which latents fire, another how strongly; both share the encoder's directions.
//
// With e = (x − b) W_encᵀ: z = [e + b_gate > 0] · relu(exp(r_mag) e + b_mag), x̂ = z W_dec + b. The loss is
// |x − x̂|² + λ |relu(e + b_gate)|₁ + |x − x̂_gate|², where x̂_gate = relu(e + b_gate) W_dec + b with the decoder held fast.
// Source: Rajamanoharan et al., "Improving Dictionary Learning with Gated Sparse Autoencoders" (2024), as in
// dictionary_learning.
#include <utility>

#include "core/base/error.h"
#include "core/sae/adam_trainer.h"
#include "core/sae/dictionary_state.h"

namespace sememe {
namespace {

// Float32 on one device.
struct GatedWeights {
  at::Tensor wEnc;      // [F, d]
  at::Tensor rMag;      // [F], logarithm of the magnitude network's scale
  at::Tensor gateBias;  // [F]
  at::Tensor magBias;   // [F]
  at::Tensor wDec;      // [F, d]
  at::Tensor bDec;      // [d]
};

class GatedDictionary : public Dictionary {
 public:
  GatedDictionary(GatedWeights weights, const std::string& where) : m_weights(std::move(weights)) {
    const GatedWeights& w = m_weights;
    checkEncoder(w.wEnc, w.rMag.numel(), where);
    const int64_t latents = w.wEnc.size(0), d = w.wEnc.size(1);
    checkWeight(w.wEnc, {latents, d}, "encoder.weight", where);
    checkWeight(w.rMag, {latents}, "r_mag", where);
    checkWeight(w.gateBias, {latents}, "gate_bias", where);
    checkWeight(w.magBias, {latents}, "mag_bias", where);
    checkWeight(w.wDec, {latents, d}, "decoder.weight (transposed)", where);
    checkWeight(w.bDec, {d}, "decoder_bias", where);
  }

  SaeType type() const override { return SaeType::Gated; }
  int64_t activationDim() const override { return m_weights.bDec.size(0); }
  int64_t dictSize() const override { return m_weights.rMag.size(0); }
  int64_t k() const override { return 0; }
  double threshold() const override { return 0; }
  at::Tensor decoderRows() const override { return m_weights.wDec; }
  at::Tensor decoderBias() const override { return m_weights.bDec; }
  at::Device device() const override { return m_weights.wDec.device(); }
  void to(at::Device device) override {
    GatedWeights& w = m_weights;
    for (at::Tensor* t : {&w.wEnc, &w.rMag, &w.gateBias, &w.magBias, &w.wDec, &w.bDec}) *t = t->to(device);
  }
  std::vector<std::pair<std::string, at::Tensor>> stateDict() const override {
    return {{"decoder_bias", m_weights.bDec.cpu()},
            {"r_mag", m_weights.rMag.cpu()},
            {"gate_bias", m_weights.gateBias.cpu()},
            {"mag_bias", m_weights.magBias.cpu()},
            {"encoder.weight", m_weights.wEnc.cpu()},
            {"decoder.weight", m_weights.wDec.cpu().t().contiguous()}};
  }

  const GatedWeights& weights() const { return m_weights; }

 protected:
  at::Tensor encodeRows(const at::Tensor& x) const override {
    const at::Tensor e = at::mm(x - m_weights.bDec, m_weights.wEnc.t());
    return (e * m_weights.rMag.exp()).add_(m_weights.magBias).relu_().mul_(e + m_weights.gateBias > 0);
  }

 private:
  GatedWeights m_weights;
};

class GatedTrainer : public AdamTrainer {
 public:
  GatedTrainer(const TrainParams& params, const TrainerSetup& setup)
      : AdamTrainer(params, setup, {.beta1 = 0, .clip = false, .parallelEpsilon = 0}) {
    GatedWeights w;
    if (setup.initial) {
      const auto* from = dynamic_cast<const GatedDictionary*>(setup.initial);
      if (!from || from->activationDim() != params.activationDim || from->dictSize() != params.dictSize) {
        throw Error(ErrorCode::Mismatch, "the weights to start from are of another type or size");
      }
      w = from->weights();
    } else {
      const at::Tensor rows = randomDirections(/*normal=*/true), zeros = at::zeros({params.dictSize});
      w = {rows, zeros, zeros, zeros, rows, at::zeros({params.activationDim})};
    }
    addWeight("wEnc", w.wEnc.clone());
    addWeight("rMag", w.rMag.clone());
    addWeight("gateBias", w.gateBias.clone());
    addWeight("magBias", w.magBias.clone());
    addWeight("wDec", w.wDec.clone());
    addWeight("bDec", w.bDec.clone());
  }

  std::unique_ptr<Dictionary> dictionary() const override {
    return std::make_unique<GatedDictionary>(
        GatedWeights{weight(0).clone(), weight(1).clone(), weight(2) * normFactor(), weight(3) * normFactor(),
                     weight(4).clone(), weight(5) * normFactor()},
        "training step " + std::to_string(stepsDone()));
  }

 protected:
  Pass pass(const at::Tensor& x) override {
    const at::Tensor &wEnc = weight(0), &gateBias = weight(2), &magBias = weight(3), &wDec = weight(4), &bDec = weight(5);
    const at::Tensor scale = weight(1).exp();
    const auto rows = static_cast<double>(x.size(0));
    const at::Tensor centred = x - bDec;
    const at::Tensor e = at::mm(centred, wEnc.t());
    const at::Tensor gate = (e + gateBias).relu_(), open = gate > 0;
    const at::Tensor magnitude = (e * scale).add_(magBias).relu_();
    const at::Tensor z = magnitude * open;
    const at::Tensor residual = centred - at::mm(z, wDec);
    const at::Tensor gateResidual = centred - at::mm(gate, wDec);
    const at::Tensor active = z > 0;
    const double penalty = params().l1Penalty * sparsityScale();

    Pass done;
    StepStats& stats = done.stats;
    stats.l2 = residual.square().sum(1).mean().item<double>();
    stats.sparsity = gate.sum(1).mean().item<double>();
    stats.auxk = gateResidual.square().sum(1).mean().item<double>();
    stats.loss = stats.l2 + penalty * stats.sparsity + stats.auxk;
    stats.l0 = static_cast<double>(active.sum().item<int64_t>()) / rows;
    stats.fve = explainedVariance(x, residual);
    done.sinceFired = sinceFiredAfter(active.any(0), x.size(0));
    stats.dead = deadAmong(done.sinceFired);

    const at::Tensor upstream = residual * (-2 / rows), gateUpstream = gateResidual * (-2 / rows);
    const at::Tensor magGradient = at::mm(upstream, wDec.t()).mul_(active);
    const at::Tensor gateGradient = at::mm(gateUpstream, wDec.t()).add_(penalty / rows).mul_(open);
    const at::Tensor encoded = magGradient * scale + gateGradient;
    done.gradients = {at::mm(encoded.t(), centred),
                      (magGradient * e).sum(0).mul_(scale),
                      gateGradient.sum(0),
                      magGradient.sum(0),
                      at::mm(z.t(), upstream),
                      upstream.sum(0) - at::mv(wEnc.t(), encoded.sum(0))};
    return done;
  }
};

}  // namespace

std::unique_ptr<Dictionary> readGated(const DictionaryState& state) {
  GatedWeights w{state.real("encoder.weight", 2),
                 state.real("r_mag", 1),
                 state.real("gate_bias", 1),
                 state.real("mag_bias", 1),
                 state.real("decoder.weight", 2).t().contiguous(),
                 state.real("decoder_bias", 1)};
  return std::make_unique<GatedDictionary>(std::move(w), state.path().string());
}

std::unique_ptr<Trainer> makeGatedTrainer(const TrainParams& params, const TrainerSetup& setup) {
  return std::make_unique<GatedTrainer>(params, setup);
}

}  // namespace sememe
