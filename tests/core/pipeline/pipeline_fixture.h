// What the pipeline's tests share: copies of the golden folders, many small images, a small SAE.
#pragma once

#include <torch/torch.h>

#include <QTemporaryDir>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/files.h"
#include "core/weights/torch_file.h"

namespace sememe {

inline const std::filesystem::path kGolden = std::filesystem::path(GOLDEN_DIR) / "pipeline";

inline std::filesystem::path folder(const QTemporaryDir& dir) { return dir.path().toStdString(); }

// The golden images (8, in two classes).
inline std::filesystem::path copyImages(const std::filesystem::path& to) {
  std::filesystem::copy(kGolden / "images", to, std::filesystem::copy_options::recursive);
  return to;
}

// `count` different 24 x 20 PPM files in two classes.
inline std::filesystem::path manyImages(const std::filesystem::path& to, int count) {
  uint32_t state = 12345;
  for (int i = 0; i < count; ++i) {
    char name[48];
    std::snprintf(name, sizeof name, "%s/%05d.ppm", i * 2 < count ? "first" : "second", i);
    const std::filesystem::path path = to / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file << "P6 24 20 255\n";
    for (int byte = 0; byte < 24 * 20 * 3; ++byte) {
      state = state * 1664525u + 1013904223u;
      file.put(char(state >> 24));
    }
  }
  return to;
}

// A BatchTopK state dict of width d with F latents, about a third of which fire on a row where the threshold is 0.5.
inline std::filesystem::path smallSae(const std::filesystem::path& path, int64_t d, int64_t latents, float threshold = 0.5f) {
  torch::manual_seed(9);
  writeTextFile(path.parent_path() / "config.json", R"({"trainer": {"dict_class": "BatchTopKSAE"}})");
  writeTorchFile(path, stateDictValue({{"k", at::tensor(int64_t{4})},
                                       {"threshold", at::tensor(threshold)},
                                       {"encoder.weight", at::randn({latents, d}) * 0.3},
                                       {"encoder.bias", at::randn({latents}) * 0.1},
                                       {"decoder.weight", at::randn({d, latents})},
                                       {"b_dec", at::randn({d}) * 0.1}}));
  return path;
}

// What that SAE makes of x [..., d], written out.
inline at::Tensor encodePlainly(const std::filesystem::path& sae, const at::Tensor& x) {
  const at::Tensor w = readTorchTensor(sae, "encoder.weight"), b = readTorchTensor(sae, "encoder.bias");
  const at::Tensor z = at::relu(at::matmul(x - readTorchTensor(sae, "b_dec"), w.t()) + b);
  return z * (z > readTorchTensor(sae, "threshold"));
}

}  // namespace sememe
