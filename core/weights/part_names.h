// The names of the files that hold a matrix in parts: {prefix}_part{N}.pt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sememe {

struct PartName {
  std::string file, prefix;
  int64_t number = 0;
};

// Nothing when the file's name is not of that form.
std::optional<PartName> parsePartName(std::string_view fileName);

// The parts in a folder by number; other files are left out. Throws Error (NotFound, Io).
std::vector<PartName> listParts(const std::filesystem::path& folder);

}  // namespace sememe
