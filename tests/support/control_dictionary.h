// An SAE with more neurons than it was trained with: controls for steering, which never fire and point anywhere.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <utility>
#include <vector>

#include "core/sae/dictionary.h"

namespace sememe::test {

// Neurons 0 … F−1 are the SAE's; F … F+n−1 have random directions of length 1, always the same ones of a seed. CPU.
class ControlDictionary final : public Dictionary {
 public:
  ControlDictionary(std::shared_ptr<const Dictionary> sae, int64_t controls, uint64_t seed) : m_sae(std::move(sae)) {
    torch::manual_seed(seed);
    const at::Tensor random = at::randn({controls, m_sae->activationDim()});
    m_rows = at::cat({m_sae->decoderRows(), random / random.norm(2, 1, true)});
  }

  int64_t firstControl() const { return m_sae->dictSize(); }

  SaeType type() const override { return m_sae->type(); }
  int64_t activationDim() const override { return m_sae->activationDim(); }
  int64_t dictSize() const override { return m_rows.size(0); }
  int64_t k() const override { return m_sae->k(); }
  double threshold() const override { return m_sae->threshold(); }
  at::Tensor decoderRows() const override { return m_rows; }
  at::Tensor decoderBias() const override { return m_sae->decoderBias(); }
  void to(at::Device) override {}
  at::Device device() const override { return at::kCPU; }
  std::vector<std::pair<std::string, at::Tensor>> stateDict() const override { return m_sae->stateDict(); }

 protected:
  at::Tensor encodeRows(const at::Tensor& x) const override {
    return at::constant_pad_nd(m_sae->encode(x), {0, dictSize() - m_sae->dictSize()});
  }

 private:
  std::shared_ptr<const Dictionary> m_sae;
  at::Tensor m_rows;
};

}  // namespace sememe::test
