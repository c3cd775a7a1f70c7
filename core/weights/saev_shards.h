// Folders of activations that saev writes: metadata.json, shards.json and the files that it lists. Internal to core/weights.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/weights/tensor_source.h"

namespace sememe {

bool isSaevShards(const std::filesystem::path& folder);

// The tokens of all examples at one layer as rows, an example's tokens together, its CLS token first where there is one.
// `layer`: the model's number of it as metadata.json has it; may be empty where there is one. Throws Error (Io; Corrupt: broken JSON, files
// shorter than they should be; NotFound: a file, or no such layer, naming those there are; Unsupported: another protocol
// or dtype).
std::unique_ptr<TensorSource> openSaevShards(const std::filesystem::path& folder, const std::string& layer);

}  // namespace sememe
