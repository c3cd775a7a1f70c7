// A small JSON file beside results, by which a later call knows that they are there and what they came to.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace sememe {

using Receipt = nlohmann::ordered_json;

// What stands in `path` when it is of `key` and every one of `files` is there; nothing otherwise, also when it is broken.
std::optional<Receipt> readReceipt(const std::filesystem::path& path, const std::string& key,
                                   const std::vector<std::string>& files);

// Writes it, `key` included; after the results. Throws Error (Io, DiskFull).
void writeReceipt(const std::filesystem::path& path, const std::string& key, Receipt receipt);

}  // namespace sememe
