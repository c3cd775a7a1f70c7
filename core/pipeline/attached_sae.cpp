// A dictionary ready to encode on a device.
#include "core/pipeline/attached_sae.h"

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/pipeline/good_rows.h"
#include "core/sae/dictionary.h"
#include "core/sae/sae_check.h"

namespace sememe {

AttachedSae attachSae(const std::filesystem::path& path, at::Device device) {
  const std::shared_ptr<Dictionary> dictionary = loadDictionary(path);
  AttachedSae sae{path,
                  saeTypeInfo(dictionary->type()).name,
                  dictionary->fingerprint(),
                  dictionary->activationDim(),
                  dictionary->dictSize(),
                  dictionary->k(),
                  dictionary->groupSizes(),
                  {},
                  {}};
  dictionary->to(device);
  sae.encode = [dictionary](const at::Tensor& x) { return dictionary->encode(x); };
  sae.check = [dictionary](const at::Tensor& rows) { return checkSae(*dictionary, rows); };
  return sae;
}

void warnUnlessItFits(const AttachedSae& sae, const at::Tensor& rows) {
  constexpr int64_t kRows = 256, kFewest = 16;  // fewer do not tell what their variance is
  if (rows.size(0) < kFewest) return;
  const int64_t stride = (rows.size(0) + kRows - 1) / kRows;
  const SaeFit fit = sae.check(rows.slice(0, 0, rows.size(0), stride));
  if (fit.fits && fit.hints.empty()) return;
  std::string text = fit.verdict;
  for (const std::string& hint : fit.hints) text += "; " + hint;
  log(LogLevel::Warning, text + " (" + sae.path.string() + ")");
}

SaeFit checkSaeOn(const std::filesystem::path& path, const std::string& activations) {
  constexpr int64_t kPieces = 16, kPieceRows = 256;
  const auto dictionary = loadDictionary(path);
  const auto rows = GoodRows::open(activations);
  if (rows->dim() != dictionary->activationDim())
    throw Error(ErrorCode::Mismatch,
                "the SAE reads activations of width " + std::to_string(dictionary->activationDim()) + ", but these have " +
                    std::to_string(rows->dim()),
                activations);
  std::vector<at::Tensor> pieces;
  const int64_t step = std::max<int64_t>(kPieceRows, rows->rows() / kPieces);
  for (int64_t begin = 0; begin < rows->rows() && int64_t(pieces.size()) < kPieces; begin += step)
    pieces.push_back(rows->read(begin, std::min(kPieceRows, rows->rows() - begin)));
  return checkSae(*dictionary, at::cat(pieces));
}

}  // namespace sememe
