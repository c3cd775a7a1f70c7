// Says what a file or folder is: model, SAE, activations, workspace, image folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/sae/sae_fit.h"

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
  std::optional<SaeFit> fit;          // of an SAE on the activations that were given
};

// Reads headers and lists, not the data. `activations`: a tensor argument or a run to try an SAE on; of those up to 4,096
// rows are read. Throws Error (NotFound; Unsupported when it is none of these; Corrupt; Invalid: activations for what is
// no SAE).
InspectReport inspect(const std::string& path, const std::string& activations = {});

}  // namespace sememe
