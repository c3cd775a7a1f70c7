// The weights of a Hugging Face model folder, with a ledger of the keys that were used.
#include "core/weights/checkpoint.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/weights/dtypes.h"
#include "core/weights/torch_file.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace sememe {
namespace {

// weight_map of an index: key → shard. Shards lie beside the index; a name that leads elsewhere is refused.
std::map<std::string, std::string> readIndex(const fs::path& path) {
  json index;
  try {
    index = json::parse(readTextFile(path));
  } catch (const json::exception& e) {
    throw Error(ErrorCode::Corrupt, std::string("the index is not valid JSON: ") + e.what(), path.string());
  }
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object())
    throw Error(ErrorCode::Corrupt, "the index has no weight_map", path.string());
  std::map<std::string, std::string> result;
  for (const auto& [key, file] : map->items()) {
    if (!file.is_string())
      throw Error(ErrorCode::Corrupt, "the weight_map names no file for '" + key + "'", path.string());
    const fs::path name = file.get<std::string>();
    if (name.empty() || name != name.filename() || name == ".." || name == ".")
      throw Error(ErrorCode::Corrupt, "the weight_map leads outside the folder at '" + key + "'", path.string());
    result[key] = name.string();
  }
  return result;
}

struct Loader {
  TensorInfo info;
  std::function<at::Tensor()> load;
  std::function<void()> release;  // empty where the tensor is no view of a mapped file that can be released
};

// Every tensor of one weight file.
std::map<std::string, Loader> readShard(const fs::path& path) {
  std::map<std::string, Loader> result;
  if (path.extension() != ".safetensors") {
    for (auto& [key, tensor] : readStateDict(path))
      result[key] = {{tensor.sizes().vec(), dtypeName(tensor.scalar_type()), tensor.numel() * tensor.element_size()},
                     [tensor = tensor] { return tensor; },
                     {}};
    return result;
  }
  const auto file = SafetensorsFile::open(path);
  for (const std::string& key : file->keys())
    result[key] = {file->info(key), [file, key] { return file->tensor(key); },
                   [file, key] { file->release(key); }};
  return result;
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& folder) {
  Checkpoint result;
  result.m_folder = folder;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) throw Error(ErrorCode::NotFound, "there is no such folder", folder.string());
  for (const char* name : {"model.safetensors", "pytorch_model.bin"}) {
    const fs::path whole = folder / name, index = folder / (std::string(name) + ".index.json");
    if (fs::exists(whole, ignored)) {
      result.m_files = {whole};
      for (auto& [key, loader] : readShard(whole))
        result.m_entries[key] = {std::move(loader.info), std::move(loader.load), std::move(loader.release), whole, false};
      return result;
    }
    if (fs::exists(index, ignored)) {
      std::map<std::string, std::vector<std::string>> shards;
      for (const auto& [key, file] : readIndex(index)) shards[file].push_back(key);
      for (const auto& [file, keys] : shards) {
        const fs::path path = folder / file;
        auto loaders = readShard(path);
        for (const std::string& key : keys) {
          const auto it = loaders.find(key);
          if (it == loaders.end())
            throw Error(ErrorCode::NotFound, "the index promises a tensor '" + key + "' that the shard lacks",
                        path.string());
          Loader& loader = it->second;
          result.m_entries[key] = {std::move(loader.info), std::move(loader.load), std::move(loader.release), path, false};
        }
        result.m_files.push_back(path);
      }
      return result;
    }
  }
  throw Error(ErrorCode::NotFound,
              "no weights: expected model.safetensors, pytorch_model.bin or one of them with an index", folder.string());
}

const Checkpoint::Entry& Checkpoint::entry(std::string_view key) const {
  const auto it = m_entries.find(key);
  if (it == m_entries.end())
    throw Error(ErrorCode::NotFound, "the weights have no tensor '" + std::string(key) + "'",
                m_files.size() == 1 ? m_files.front().string() : m_folder.string());
  return it->second;
}

std::vector<std::string> Checkpoint::keys() const {
  std::vector<std::string> result;
  result.reserve(m_entries.size());
  for (const auto& [key, entry] : m_entries) result.push_back(key);
  return result;
}

bool Checkpoint::contains(std::string_view key) const { return m_entries.contains(key); }

TensorInfo Checkpoint::info(std::string_view key) const { return entry(key).info; }

at::Tensor Checkpoint::take(std::string_view key) {
  at::Tensor tensor = entry(key).load();
  m_entries.find(key)->second.used = true;
  return tensor;
}

void Checkpoint::release(std::string_view key) const {
  if (const auto& release = entry(key).release) release();
}

const fs::path& Checkpoint::file(std::string_view key) const { return entry(key).file; }

std::vector<std::string> Checkpoint::unused() const {
  std::vector<std::string> result;
  for (const auto& [key, entry] : m_entries)
    if (!entry.used) result.push_back(key);
  return result;
}

int64_t Checkpoint::bytes() const {
  int64_t sum = 0;
  for (const auto& [key, entry] : m_entries) sum += entry.info.bytes;
  return sum;
}

std::string Checkpoint::fingerprint() const {
  Fingerprint print;
  for (const fs::path& file : m_files) print.add(file.filename().string()).addFile(file);
  return print.hex();
}

}  // namespace sememe
