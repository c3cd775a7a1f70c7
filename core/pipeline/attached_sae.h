// A dictionary ready to encode on a device, with what a run's record says of it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sememe {

struct AttachedSae {
  std::string type;  // "matryoshka_batch_topk"
  std::string fingerprint;
  int64_t activationDim = 0, dictSize = 0;
  int64_t k = 0;  // 0 for types without one
  std::vector<int64_t> groupSizes;
  std::function<at::Tensor(const at::Tensor&)> encode;  // [..., activationDim] → float32 [..., dictSize], any thread
};

// Throws Error as loadDictionary() does.
AttachedSae attachSae(const std::filesystem::path& path, at::Device device);

}  // namespace sememe
