// Says what a file or folder is: model, SAE, activations, workspace, image folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace sememe {

struct InspectTensor {
  std::string name;
  std::string dtype;  // "float32", …
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

struct InspectReport {
  std::string path;
  std::string kind;  // "model", "sae", "activations", "tensors", "workspace", "images", "image"
  std::vector<std::pair<std::string, std::string>> facts;  // "hidden size" → "1024", in reading order
  std::vector<InspectTensor> tensors;
  std::vector<std::string> problems;  // missing and unused keys, parts that do not fit
};

// Reads headers and lists, not the data. Throws Error (NotFound; Unsupported when it is none of these; Corrupt).
InspectReport inspect(const std::string& path);

}  // namespace sememe
