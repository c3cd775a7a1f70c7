// Validation of a dictionary, batch by batch.
#include "core/sae/validate.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr int64_t kScoredNonZeros = 100'000'000;

// The figures of one rule of choosing latents, summed up over batches.
class CodeMeter {
 public:
  CodeMeter(int64_t latents, at::Device device)
      : m_fired(at::zeros({latents}, at::TensorOptions().dtype(at::kBool).device(device))) {}

  void add(const at::Tensor& x, const at::Tensor& z, const at::Tensor& decoded, double normFactor) {
    const at::Tensor active = z != 0, rows = x.to(at::kDouble), error = rows - decoded.to(at::kDouble);
    const auto n = static_cast<double>(x.size(0));
    m_fired.logical_or_(active.any(0));
    m_l0 += static_cast<double>(active.sum().item<int64_t>()) / n;
    m_l2 += error.square().sum().item<double>() / n / (normFactor * normFactor);
    ++m_batches;
    if (x.size(0) < 2) return;
    const double total = rows.var(0).sum().item<double>();
    m_fve += 1 - error.var(0).sum().item<double>() / total;
    ++m_fveBatches;
    m_anyVariance = m_anyVariance && total > 0;
  }

  CodeStats stats() const {
    const auto batches = static_cast<double>(std::max<int64_t>(m_batches, 1));
    const bool known = m_fveBatches > 0 && m_anyVariance;
    return {m_l0 / batches, m_l2 / batches,
            known ? m_fve / static_cast<double>(m_fveBatches) : std::numeric_limits<double>::quiet_NaN(),
            m_fired.numel() - m_fired.sum().item<int64_t>()};
  }

 private:
  at::Tensor m_fired;  // bool [F]
  double m_l0 = 0, m_l2 = 0, m_fve = 0;
  int64_t m_batches = 0, m_fveBatches = 0;
  bool m_anyVariance = true;
};

}  // namespace

ValidationStats validateDictionary(const Dictionary& dictionary, TensorSource& rows, const ValidateParams& params,
                                   const std::stop_token& stop, const ProgressFn& progress) {
  at::NoGradGuard noGrad;
  if (rows.dim() != dictionary.activationDim()) {
    throw Error(ErrorCode::Mismatch, "expected rows of width " + std::to_string(dictionary.activationDim()), rows.describe());
  }
  if (rows.rows() < 1) throw Error(ErrorCode::Invalid, "there are no rows to validate on", rows.describe());
  CodeMeter inference(dictionary.dictSize(), dictionary.device()), other(dictionary.dictSize(), dictionary.device());
  bool hasOther = false;
  SparseCodesBuilder codes;
  ProgressMeter meter(progress, "Validating the dictionary", rows.rows());
  for (int64_t begin = 0; begin < rows.rows(); begin += params.batch) {
    throwIfStopped(stop);
    const int64_t count = std::min(params.batch, rows.rows() - begin);
    const at::Tensor x = rows.read(begin, count).to(dictionary.device());
    const at::Tensor z = dictionary.encode(x);
    inference.add(x, z, dictionary.decode(z), params.normFactor);
    if (params.score && codes.nonZeros() <= kScoredNonZeros) codes.append(z);
    if (const at::Tensor byOther = dictionary.encodeByOtherRule(x); byOther.defined()) {
      other.add(x, byOther, dictionary.decode(byOther), params.normFactor);
      hasOther = true;
    }
    meter.advance(count);
  }
  ValidationStats stats;
  stats.rows = rows.rows();
  stats.inference = inference.stats();
  if (hasOther) stats.otherRule = other.stats();
  if (params.score && codes.nonZeros() <= kScoredNonZeros) stats.ms = params.score(codes.codes());
  meter.finish();
  return stats;
}

}  // namespace sememe
