// What a model folder of any family holds, for people, without reading its weights.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/models/model_folder.h"

namespace sememe {

struct ModelSummary {
  std::vector<std::pair<std::string, std::string>> facts;  // "hidden size" → "1024", in reading order; "family" first
  LoadReport report;                                       // of all towers of the folder together
  bool readsImages = false;                                // it needs to be said how images are prepared
};

// Compares the folder's keys and shapes with what its model needs: missing ones are reported, not thrown. Throws
// otherwise as core/models/model_folder.h says.
ModelSummary summariseModel(const std::filesystem::path& folder);

}  // namespace sememe
