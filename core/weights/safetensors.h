// Safetensors files: a bounds-checked, memory-mapped reader and an atomic writer.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"
#include "core/weights/dtypes.h"

namespace sememe {

// What a file says about one tensor, without touching its data.
struct TensorInfo {
  std::vector<int64_t> shape;
  std::string dtype;  // as PyTorch names it ("float32", "bfloat16", "int64"); the file's own word when PyTorch has none
  int64_t bytes = 0;
};

// A safetensors file, mapped. All members may be called from any thread. The tensors are views of the mapping, which
// they keep alive: they cost no memory of their own, and they are read-only (clone() before writing in place).
class SafetensorsFile {
 public:
  // Reads and checks the header: every tensor lies inside the file, tensors neither overlap nor leave holes, and each
  // has exactly the bytes its shape needs. Throws Error (NotFound, Io, Corrupt).
  static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);

  std::vector<std::string> keys() const;  // sorted
  bool contains(std::string_view key) const;
  TensorInfo info(std::string_view key) const;      // throws Error (NotFound)
  at::Tensor tensor(std::string_view key) const;    // throws Error (NotFound, Unsupported: an unknown dtype)
  void release(std::string_view key) const;         // gives the memory of the tensor's pages back; they read again
  const std::map<std::string, std::string>& metadata() const { return m_metadata; }
  const std::filesystem::path& path() const { return m_file->path(); }

 private:
  struct Entry {
    TensorInfo info;
    at::ScalarType type = at::ScalarType::Undefined;  // Undefined: a dtype that PyTorch does not have
    int64_t offset = 0;                               // from the start of the file
  };
  SafetensorsFile() = default;
  const Entry& entry(std::string_view key) const;

  std::shared_ptr<const MappedFile> m_file;
  std::map<std::string, Entry, std::less<>> m_entries;
  std::map<std::string, std::string> m_metadata;
};

// Writes the tensors (any device, any strides) so that every safetensors reader loads them; atomic. Tensors are ordered
// by element size, then by name, and start 8-byte aligned. Throws Error (Invalid: a dtype that the format has no name
// for, an undefined tensor, text that is not UTF-8; Io, DiskFull).
void writeSafetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace sememe
