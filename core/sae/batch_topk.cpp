// BatchTopK and Matryoshka BatchTopK dictionaries.
#include "core/sae/batch_topk.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "core/base/error.h"

namespace sememe {
namespace {

void checkShape(const at::Tensor& t, std::vector<int64_t> expected, const char* name, const std::string& where) {
  if (!t.defined() || t.sizes() != at::IntArrayRef(expected)) {
    std::ostringstream text;
    text << "expected " << name << " of shape " << at::IntArrayRef(expected) << ", not ";
    if (t.defined()) {
      text << t.sizes();
    } else {
      text << "nothing";
    }
    throw Error(ErrorCode::Mismatch, text.str(), where);
  }
  if (!at::isfinite(t).all().item<bool>()) {
    throw Error(ErrorCode::Corrupt, std::string(name) + " holds values that are NaN or infinite", where);
  }
}

}  // namespace

BatchTopKDictionary::BatchTopKDictionary(BatchTopKWeights weights, const std::string& where)
    : m_weights(std::move(weights)) {
  BatchTopKWeights& w = m_weights;
  if (!w.wEnc.defined() || w.wEnc.dim() != 2 || w.wEnc.numel() == 0) {
    throw Error(ErrorCode::Mismatch, "expected an encoder matrix with at least one activation and one latent", where);
  }
  const int64_t d = w.wEnc.size(0), latents = w.wEnc.size(1);
  checkShape(w.wEnc, {d, latents}, "W_enc", where);
  checkShape(w.bEnc, {latents}, "b_enc", where);
  checkShape(w.wDec, {latents, d}, "W_dec", where);
  checkShape(w.bDec, {d}, "b_dec", where);
  if (latents > std::numeric_limits<int32_t>::max()) {
    throw Error(ErrorCode::Unsupported, "more latents than a 32-bit number counts", where);
  }
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
  return m_weights.groupSizes.empty() ? SaeType::BatchTopK : SaeType::MatryoshkaBatchTopK;
}

std::vector<int64_t> BatchTopKDictionary::groupSizes() const {
  return m_weights.groupSizes.empty() ? std::vector<int64_t>{dictSize()} : m_weights.groupSizes;
}

at::Tensor BatchTopKDictionary::encodeRows(const at::Tensor& x) const {
  at::Tensor z = at::addmm(m_weights.bEnc, x - m_weights.bDec, m_weights.wEnc).relu_();
  // Latents are zero or more, so a threshold of zero or below has nothing to take away.
  if (m_weights.threshold > 0) z.mul_(z > m_weights.threshold);
  return z;
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
  if (type() == SaeType::BatchTopK) {
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

}  // namespace sememe
