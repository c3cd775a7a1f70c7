// TopK, BatchTopK and Matryoshka BatchTopK dictionaries: one mathematics, two spellings on disk.
#pragma once

#include "core/sae/dictionary.h"

namespace sememe {

// All weights float32 on one device.
struct BatchTopKWeights {
  at::Tensor wEnc;  // [d, F]
  at::Tensor bEnc;  // [F]
  at::Tensor wDec;  // [F, d]
  at::Tensor bDec;  // [d]
  float threshold = -1;
  int64_t k = 1;
  std::vector<int64_t> groupSizes;  // of a Matryoshka dictionary; empty: a plain one
  bool perRow = false;              // TopK
};

// Inference: z = relu((x − b_dec) W_enc + b_enc); of these TopK keeps the k largest of each row, the others keep
// z > threshold (a threshold of −1 keeps every z, as the library does). Sources: Gao et al., "Scaling and evaluating
// sparse autoencoders" (2024), Bussmann et al., "BatchTopK Sparse Autoencoders" (2024) and "Learning Multi-Level Features with
// Matryoshka Sparse Autoencoders" (2025); conventions of dictionary_learning. Unlike there, the latents' axis is always
// the last one.
class BatchTopKDictionary : public Dictionary {
 public:
  // Takes the tensors as they are (no copy). Throws Error (Mismatch: shapes; Invalid: k, group sizes; Corrupt: values
  // that are NaN or infinite), naming `where`.
  explicit BatchTopKDictionary(BatchTopKWeights weights, const std::string& where = {});

  SaeType type() const override;
  int64_t activationDim() const override { return m_weights.bDec.size(0); }
  int64_t dictSize() const override { return m_weights.bEnc.size(0); }
  int64_t k() const override { return m_weights.k; }
  std::vector<int64_t> groupSizes() const override;
  double threshold() const override { return m_weights.threshold; }
  at::Tensor encodeByOtherRule(const at::Tensor& x) const override;
  at::Tensor decoderRows() const override { return m_weights.wDec; }
  at::Tensor decoderBias() const override { return m_weights.bDec; }
  void to(at::Device device) override;
  at::Device device() const override { return m_weights.wDec.device(); }
  std::vector<std::pair<std::string, at::Tensor>> stateDict() const override;

  const BatchTopKWeights& weights() const { return m_weights; }

 protected:
  at::Tensor encodeRows(const at::Tensor& x) const override;

 private:
  at::Tensor positive(const at::Tensor& x) const;  // relu((x − b_dec) W_enc + b_enc)

  BatchTopKWeights m_weights;
};

}  // namespace sememe
