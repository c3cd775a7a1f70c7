// What a dictionary does on rows it was not trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "core/base/progress.h"
#include "core/sae/dictionary.h"
#include "core/sae/training_log.h"
#include "core/weights/tensor_source.h"

namespace sememe {

struct ValidateParams {
  int64_t batch = 4096;   // rows at a time: figures are means over batches
  double normFactor = 1;  // CodeStats::l2 is of the rows divided by it
  // Monosemanticity from the codes of all rows at inference; not asked of codes with over 100 million non-zeros.
  std::function<MsStats(const SparseCodes& codes)> score = {};
};

// As the paper's training validates: rows in their order, L0, squared error and explained variance of each batch
// averaged over the batches. (A batch of one row has no variance and does not count towards it.)
// Throws Error (Mismatch: width; Invalid: no rows), Cancelled.
ValidationStats validateDictionary(const Dictionary& dictionary, TensorSource& rows, const ValidateParams& params = {},
                                   const std::stop_token& stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
