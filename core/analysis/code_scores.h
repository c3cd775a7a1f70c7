// Monosemanticity of an SAE's latents straight from its sparse codes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/analysis/monosemanticity.h"
#include "core/sae/sparse_codes.h"
#include "core/sae/training_log.h"

namespace sememe {

// MS of each of `latents` latents (NaN where it has none). `codes` has `rowsPerImage` rows for each of the embeddings' images in
// their order; of several rows an image counts with their sum, which gives the same MS as their mean. O(non-zeros · D).
// Throws Error (Mismatch: row counts; Invalid: codes that are NaN or infinite).
std::vector<double> monosemanticityOfCodes(const SparseCodes& codes, int64_t latents, const MsEmbeddings& embeddings,
                                           int64_t rowsPerImage = 1);

MsStats summarise(std::span<const double> scores);

}  // namespace sememe
