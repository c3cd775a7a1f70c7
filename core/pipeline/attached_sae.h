// A dictionary ready to encode on a device, with what a run's record says of it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/sae/sae_fit.h"

namespace sememe {

struct AttachedSae {
  std::filesystem::path path;
  std::string type;  // "matryoshka_batch_topk"
  std::string fingerprint;
  int64_t activationDim = 0, dictSize = 0;
  int64_t k = 0;  // 0 for types without one
  std::vector<int64_t> groupSizes;
  std::function<at::Tensor(const at::Tensor&)> encode;  // [..., activationDim] → float32 [..., dictSize], any thread
  std::function<SaeFit(const at::Tensor&)> check;       // core/sae/sae_check.h; rows [N, activationDim]
};

// Throws Error as loadDictionary() does.
AttachedSae attachSae(const std::filesystem::path& path, at::Device device);

// Logs a warning where the SAE does not fit the rows: the work goes on, but nobody takes its numbers for more than they are.
// At most 256 of them are looked at, and fewer than 16 say nothing.
void warnUnlessItFits(const AttachedSae& sae, const at::Tensor& rows);

// On up to 4,096 rows spread over a tensor argument or a run. Throws Error as loadDictionary() and RowInput::open() do,
// and Mismatch for another width.
SaeFit checkSaeOn(const std::filesystem::path& sae, const std::string& activations);

}  // namespace sememe
