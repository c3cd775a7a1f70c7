// The weights of a Hugging Face model folder, however they are stored, with a ledger of the keys that were used.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/weights/safetensors.h"

namespace sememe {

// The tensors of one folder, by their Hugging Face keys. One thread at a time. Nothing is copied: tensors are read-only
// views of the mapped files (clone() before writing in place) and may outlive the checkpoint.
class Checkpoint {
 public:
  // Takes the first that is there: model.safetensors, model.safetensors.index.json with its shards, pytorch_model.bin,
  // pytorch_model.bin.index.json with its shards. Throws Error (NotFound: none of them, a shard, or a key that the index
  // promises; Corrupt; Io).
  static Checkpoint open(const std::filesystem::path& folder);

  std::vector<std::string> keys() const;  // sorted
  bool contains(std::string_view key) const;
  // Throws Error (NotFound) naming the folder and the key.
  TensorInfo info(std::string_view key) const;
  // The tensor, and its key counts as used. Throws as info(), and Unsupported for an unknown dtype.
  at::Tensor take(std::string_view key);
  // The tensor will not be looked at for now: its mapped pages need no memory. For those who copy weights one by one.
  void release(std::string_view key) const;
  const std::filesystem::path& file(std::string_view key) const;  // that holds the key
  std::vector<std::string> unused() const;  // sorted; the keys never taken

  int64_t bytes() const;            // of all tensors
  std::string fingerprint() const;  // of the weight files' names and contents (core/base/hash.h), not of the folder's place
  const std::vector<std::filesystem::path>& files() const { return m_files; }

 private:
  struct Entry {
    TensorInfo info;
    std::function<at::Tensor()> load;
    std::function<void()> release;
    std::filesystem::path file;
    bool used = false;
  };
  Checkpoint() = default;
  const Entry& entry(std::string_view key) const;

  std::filesystem::path m_folder;
  std::vector<std::filesystem::path> m_files;
  std::map<std::string, Entry, std::less<>> m_entries;
};

}  // namespace sememe
