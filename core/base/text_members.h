// The text files of an archive or a folder, line by line, however large they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/base/progress.h"

namespace sememe {

// Takes a line without its end ("\n" or "\r\n") and its number from 1. A byte order mark before the first is left out.
using LineFn = std::function<void(int64_t number, std::string_view line)>;

// Reads every regular file of `path` once, in the order it stands there: of a .tar, plain or compressed (gzip, xz, zstd),
// of a folder those directly in it by name, or `path` itself when it is a plain .csv. For each, `member` is given the name
// without folders and answers with what takes its lines, or with nothing to skip it. Memory holds one line, at most
// kLongestLine bytes. What the callbacks throw passes through.
// Throws Error (NotFound, Io; Corrupt: truncated or no archive, or a longer line, naming archive, member and line),
// Cancelled. Progress counts bytes of the file read, for archives.
inline constexpr size_t kLongestLine = size_t{64} << 20;
void readTextMembers(const std::filesystem::path& path, const std::function<LineFn(const std::string& name)>& member,
                     const std::stop_token& stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
