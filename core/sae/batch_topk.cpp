// BatchTopK and Matryoshka BatchTopK dictionaries.
#include "core/sae/batch_topk.h"

#include <cmath>

#include "core/base/error.h"
#include "core/sae/dictionary_state.h"
#include "core/sae/selection.h"
#include "core/sae/type_functions.h"

namespace sememe {
BatchTopKDictionary::BatchTopKDictionary(BatchTopKWeights weights, const std::string& where)
    : m_weights(std::move(weights)) {
  BatchTopKWeights& w = m_weights;
  checkEncoder(w.wEnc, w.bEnc.defined() ? w.bEnc.numel() : 0, where);
  const int64_t d = w.wEnc.size(0), latents = w.wEnc.size(1);
  checkWeight(w.wEnc, {d, latents}, "W_enc", where);
  checkWeight(w.bEnc, {latents}, "b_enc", where);
  checkWeight(w.wDec, {latents, d}, "W_dec", where);
  checkWeight(w.bDec, {d}, "b_dec", where);
  if (!std::isfinite(w.threshold)) throw Error(ErrorCode::Corrupt, "the threshold is NaN or infinite", where);
  if (w.k < 1 || w.k > latents) {
    throw Error(ErrorCode::Invalid, "k must lie in 1 … " + std::to_string(latents), where + ", " + std::to_string(w.k));
  }
  int64_t left = latents;
  for (const int64_t size : w.groupSizes) {
    // Each is compared with what is left, so that hostile sizes cannot overflow a sum.
    if (size < 1 || size > left) throw Error(ErrorCode::Invalid, "group sizes must be positive and sum to the latents", where);
    left -= size;
  }
  if (!w.groupSizes.empty() && left != 0) {
    throw Error(ErrorCode::Invalid, "group sizes must sum to " + std::to_string(latents), where);
  }
}

SaeType BatchTopKDictionary::type() const {
  if (m_weights.perRow) return SaeType::TopK;
  return m_weights.groupSizes.empty() ? SaeType::BatchTopK : SaeType::MatryoshkaBatchTopK;
}

std::vector<int64_t> BatchTopKDictionary::groupSizes() const {
  return m_weights.groupSizes.empty() ? std::vector<int64_t>{dictSize()} : m_weights.groupSizes;
}

at::Tensor BatchTopKDictionary::positive(const at::Tensor& x) const {
  return at::addmm(m_weights.bEnc, x - m_weights.bDec, m_weights.wEnc).relu_();
}

at::Tensor BatchTopKDictionary::encodeRows(const at::Tensor& x) const {
  at::Tensor z = positive(x);
  if (m_weights.perRow) {
    const auto [values, indices] = z.topk(m_weights.k, -1, true, /*sorted=*/false);
    return at::zeros_like(z).scatter_(-1, indices, values);
  }
  // Latents are zero or more, so a threshold of zero or below has nothing to take away.
  if (m_weights.threshold > 0) z.mul_(z > m_weights.threshold);
  return z;
}

at::Tensor BatchTopKDictionary::encodeByOtherRule(const at::Tensor& x) const {
  at::Tensor z = positive(x.to(device(), at::kFloat));
  if (m_weights.perRow) return z.mul_(z > m_weights.threshold);
  const int64_t most = m_weights.k * z.size(0);
  if (most == 0) return z;
  if (!z.is_cpu()) {
    const at::Tensor flat = z.flatten();
    const auto [values, indices] = flat.topk(most, -1, true, /*sorted=*/false);
    return at::zeros_like(flat).scatter_(0, indices, values).view_as(z);
  }
  const float smallest = selectCodes(z.contiguous(), {.k = m_weights.k}).smallest;
  return z.mul_(z >= smallest);
}

void BatchTopKDictionary::to(at::Device device) {
  m_weights.wEnc = m_weights.wEnc.to(device);
  m_weights.bEnc = m_weights.bEnc.to(device);
  m_weights.wDec = m_weights.wDec.to(device);
  m_weights.bDec = m_weights.bDec.to(device);
}

std::vector<std::pair<std::string, at::Tensor>> BatchTopKDictionary::stateDict() const {
  const at::Tensor k = at::scalar_tensor(m_weights.k, at::kInt);
  const at::Tensor threshold = at::scalar_tensor(m_weights.threshold, at::kFloat);
  const at::Tensor wEnc = m_weights.wEnc.cpu(), bEnc = m_weights.bEnc.cpu(), wDec = m_weights.wDec.cpu(),
                   bDec = m_weights.bDec.cpu();
  if (type() != SaeType::MatryoshkaBatchTopK) {
    return {{"b_dec", bDec},
            {"k", k},
            {"threshold", threshold},
            {"decoder.weight", wDec.t().contiguous()},
            {"encoder.weight", wEnc.t().contiguous()},
            {"encoder.bias", bEnc}};
  }
  return {{"W_enc", wEnc.contiguous()}, {"b_enc", bEnc},           {"W_dec", wDec.contiguous()},
          {"b_dec", bDec},              {"k", k},                  {"threshold", threshold},
          {"group_sizes", at::tensor(m_weights.groupSizes, at::kLong)}};
}

namespace {

// As torch.nn.Linear keeps them.
BatchTopKWeights linearWeights(const DictionaryState& state) {
  BatchTopKWeights weights;
  weights.wEnc = state.real("encoder.weight", 2).t().contiguous();
  weights.bEnc = state.real("encoder.bias", 1);
  weights.wDec = state.real("decoder.weight", 2).t().contiguous();
  weights.bDec = state.real("b_dec", 1);
  weights.k = state.positiveInteger("k");
  if (state.has("threshold")) weights.threshold = static_cast<float>(state.number("threshold"));
  return weights;
}

}  // namespace

std::unique_ptr<Dictionary> readTopK(const DictionaryState& state) {
  BatchTopKWeights weights = linearWeights(state);
  weights.perRow = true;
  return std::make_unique<BatchTopKDictionary>(std::move(weights), state.path().string());
}

std::unique_ptr<Dictionary> readBatchTopK(const DictionaryState& state) {
  return std::make_unique<BatchTopKDictionary>(linearWeights(state), state.path().string());
}

std::unique_ptr<Dictionary> readMatryoshka(const DictionaryState& state) {
  BatchTopKWeights weights;
  weights.wEnc = state.real("W_enc", 2);
  weights.bEnc = state.real("b_enc", 1);
  weights.wDec = state.real("W_dec", 2);
  weights.bDec = state.real("b_dec", 1);
  weights.threshold = static_cast<float>(state.number("threshold"));
  weights.k = state.positiveInteger("k");
  weights.groupSizes = state.integers("group_sizes");
  if (weights.groupSizes.empty()) {
    throw Error(ErrorCode::Mismatch, "expected at least one group", state.where("group_sizes"));
  }
  return std::make_unique<BatchTopKDictionary>(std::move(weights), state.path().string());
}

}  // namespace sememe
