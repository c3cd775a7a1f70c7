// Arrays of numbers as the bytes of a blob, and back with their length checked. Private to the store.
#pragma once

#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/store/database.h"

namespace sememe {

static_assert(std::endian::native == std::endian::little, "blobs are little-endian");

[[noreturn]] inline void throwCorruptBlob(const Database& database, const std::string& what,
                                          const std::string& key) {
  throw Error(ErrorCode::Corrupt, what, database.path().string() + ", " + key);
}

// The blob as numbers; `expected` of them, or any number when it is negative. `key` says which: table, run,
// row.
template <class T>
std::vector<T> fromBlob(const Database& database, std::span<const std::byte> blob, int64_t expected,
                        const std::string& key) {
  if (blob.size() % sizeof(T) != 0 || (expected >= 0 && blob.size() / sizeof(T) != uint64_t(expected))) {
    throwCorruptBlob(database,
                     "a stored array has " + std::to_string(blob.size()) + " bytes" +
                         (expected >= 0 ? ", expected " + std::to_string(expected * int64_t(sizeof(T))) : ""),
                     key);
  }
  std::vector<T> values(blob.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), blob.data(), blob.size());
  return values;
}

}  // namespace sememe
