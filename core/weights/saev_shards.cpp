// Folders of activations that saev writes.
#include "core/weights/saev_shards.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace sememe {
namespace {

json readJson(const fs::path& path) {
  json value = json::parse(readTextFile(path, 64 << 20), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) throw Error(ErrorCode::Corrupt, "expected JSON", path.string());
  return value;
}

int64_t whole(const json& parent, const char* key, int64_t most, const fs::path& path) {
  const auto found = parent.find(key);
  const int64_t value = found != parent.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  if (value < 1 || value > most) throw Error(ErrorCode::Corrupt, "expected a positive whole number", path.string() + ", " + key);
  return value;
}

class ShardsSource : public TensorSource {
 public:
  ShardsSource(const fs::path& folder, const std::string& layer) : m_folder(folder) {
    readMetadata(folder / "metadata.json", layer);
    const fs::path list = folder / "shards.json";
    const json shards = readJson(list);
    if (!shards.is_array() || shards.empty()) throw Error(ErrorCode::Corrupt, "expected a list of shards", list.string());
    for (const json& entry : shards) {
      const auto name = entry.is_object() ? entry.find("name") : entry.end();
      if (name == entry.end() || !name->is_string() || fs::path(name->get<std::string>()).filename() != name->get<std::string>()) {
        throw Error(ErrorCode::Corrupt, "expected the name of a file in this folder", list.string());
      }
      m_shards.push_back({folder / name->get<std::string>(), m_examples, whole(entry, "n_examples", 1'000'000'000, list)});
      const Shard& shard = m_shards.back();
      m_examples += shard.examples;
      std::error_code failed;
      const uintmax_t bytes = fs::file_size(shard.path, failed);
      if (failed) throw Error(ErrorCode::NotFound, "a shard is missing", shard.path.string());
      if (bytes / uint64_t(exampleBytes()) < uint64_t(shard.examples)) {
        throw Error(ErrorCode::Corrupt, "the file is too short for " + std::to_string(shard.examples) + " examples", shard.path.string());
      }
    }
  }

  int64_t rows() const override { return m_examples * m_tokens; }
  int64_t dim() const override { return m_dim; }

  at::Tensor read(int64_t begin, int64_t count) override {
    if (begin < 0 || count < 0 || begin > rows() || count > rows() - begin) {
      throw Error(ErrorCode::Invalid, "rows outside 0 … " + std::to_string(rows()), m_folder.string());
    }
    at::Tensor result = at::empty({count, m_dim}, at::kFloat);
    auto* target = static_cast<std::byte*>(result.mutable_data_ptr());
    while (count > 0) {
      const int64_t example = begin / m_tokens, token = begin % m_tokens, n = std::min(count, m_tokens - token);
      const auto shard = shardOf(example);
      if (!m_mapped || m_mapped->path() != shard->path) m_mapped = MappedFile::open(shard->path);
      const int64_t at = (example - shard->begin) * exampleBytes() + (m_layer * m_tokens + token) * rowBytes();
      if (at + n * rowBytes() > int64_t(m_mapped->bytes().size())) {
        throw Error(ErrorCode::Corrupt, "the file became shorter while it was read", shard->path.string());
      }
      std::memcpy(target, m_mapped->bytes().data() + at, size_t(n * rowBytes()));
      target += n * rowBytes();
      begin += n;
      count -= n;
    }
    return result;
  }

  std::string describe() const override {
    return m_folder.string() + " [" + std::to_string(rows()) + ", " + std::to_string(m_dim) + "] float32, layer " +
           std::to_string(m_layerNumber) + " of saev's shards, " + std::to_string(m_tokens) + " tokens an example";
  }

  std::string where(int64_t row) const override {
    const auto shard = shardOf(row / m_tokens);
    return shard->path.string() + ", example " + std::to_string(row / m_tokens - shard->begin) + ", token " + std::to_string(row % m_tokens);
  }

  std::string fingerprint() const override {
    Fingerprint print;
    print.add("saev shards").add(m_layer);
    for (const Shard& shard : m_shards) print.addFile(shard.path);
    return print.hex();
  }

 private:
  struct Shard {
    fs::path path;
    int64_t begin, examples;
  };

  std::vector<Shard>::const_iterator shardOf(int64_t example) const {
    return std::upper_bound(m_shards.begin(), m_shards.end(), example, [](int64_t value, const Shard& s) { return value < s.begin; }) - 1;
  }
  int64_t rowBytes() const { return m_dim * int64_t{sizeof(float)}; }
  int64_t exampleBytes() const { return m_layers * m_tokens * rowBytes(); }

  // Its "data" is a pickle and stays one.
  void readMetadata(const fs::path& path, const std::string& layer) {
    const json metadata = readJson(path);
    if (!metadata.is_object()) throw Error(ErrorCode::Corrupt, "expected a JSON object", path.string());
    if (!metadata.contains("content_tokens_per_example")) {
      throw Error(ErrorCode::Unsupported, "saev's shards of before protocol 2 are not read", path.string());
    }
    if (metadata.value("dtype", json("float32")) != "float32") throw Error(ErrorCode::Unsupported, "expected dtype float32", path.string());
    m_dim = whole(metadata, "d_model", 1'000'000, path);
    const json cls = metadata.value("cls_token", json(false));
    m_tokens = whole(metadata, "content_tokens_per_example", 1'000'000, path) + (cls == true ? 1 : 0);

    const auto layers = metadata.find("layers");
    if (layers == metadata.end() || !layers->is_array() || layers->empty() || layers->size() > 1000) {
      throw Error(ErrorCode::Corrupt, "expected a list of layers", path.string());
    }
    m_layers = int64_t(layers->size());
    std::string names;
    bool found = false;
    for (int64_t i = 0; i < m_layers; ++i) {
      const json& number = (*layers)[size_t(i)];
      if (!number.is_number_integer()) throw Error(ErrorCode::Corrupt, "expected numbers of layers", path.string());
      const std::string name = number.dump();
      names += (i ? ", " : "") + name;
      if (name != layer && !(layer.empty() && m_layers == 1)) continue;
      found = true;
      m_layer = i;
      m_layerNumber = number.get<int64_t>();
    }
    if (!found) {
      throw Error(ErrorCode::NotFound,
                  (layer.empty() ? std::string("there are several layers; name one as FOLDER:LAYER: ") : "there is no layer " + layer + "; there are ") + names,
                  m_folder.string());
    }
  }

  fs::path m_folder;
  int64_t m_dim = 0, m_tokens = 0, m_layers = 0, m_examples = 0;
  int64_t m_layer = 0, m_layerNumber = 0;  // its place, and what the model calls it
  std::vector<Shard> m_shards;
  std::shared_ptr<const MappedFile> m_mapped;  // of the last read
};

}  // namespace

bool isSaevShards(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "shards.json", ignored) && fs::exists(folder / "metadata.json", ignored);
}

std::unique_ptr<TensorSource> openSaevShards(const fs::path& folder, const std::string& layer) {
  return std::make_unique<ShardsSource>(folder, layer);
}

}  // namespace sememe
