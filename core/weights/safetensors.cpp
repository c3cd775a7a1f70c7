// Safetensors files: header checks, mapped tensors, atomic writing.
#include "core/weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/base/error.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace sememe {
namespace {

constexpr int64_t kMaxHeader = 100'000'000;  // the same limit as the reference implementation's

[[noreturn]] void corrupt(const std::string& what, const fs::path& path, const std::string& key = {}) {
  throw Error(ErrorCode::Corrupt, what, key.empty() ? path.string() : path.string() + ", tensor '" + key + "'");
}

// Parses the header; the JSON library would silently keep the last of two equal keys, so they are refused here.
json parseHeader(const char* text, int64_t size, const fs::path& path) {
  std::set<std::string> seen;
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    // A tensor's entry is { dtype, shape, data_offsets }: nothing nests deeper.
    if (depth > 3) throw Error(ErrorCode::Corrupt, "the header nests too deeply", path.string());
    if (event == json::parse_event_t::key && depth == 1) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!seen.insert(key).second) twice = key;
    }
    return true;
  };
  json header;
  try {
    header = json::parse(text, text + size, watch);
  } catch (const json::exception& e) {
    corrupt(std::string("the header is not valid JSON: ") + e.what(), path);
  }
  if (!twice.empty()) corrupt("the header names this tensor twice", path, twice);
  if (!header.is_object()) corrupt("the header is not a JSON object", path);
  return header;
}

int64_t asSize(const json& value, const fs::path& path, const std::string& key) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
    corrupt("a size or offset is not a natural number", path, key);
  return static_cast<int64_t>(value.get<uint64_t>());
}

}  // namespace

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const fs::path& path) {
  std::shared_ptr<SafetensorsFile> result(new SafetensorsFile);
  result->m_file = MappedFile::open(path);
  const auto bytes = result->m_file->bytes();
  const auto fileSize = static_cast<int64_t>(bytes.size());
  if (fileSize < 8) corrupt("not a safetensors file: it is shorter than the 8 bytes of the header's size", path);
  uint64_t headerSize = 0;
  for (int i = 7; i >= 0; --i) headerSize = headerSize << 8 | std::to_integer<uint64_t>(bytes[size_t(i)]);
  if (headerSize > uint64_t(kMaxHeader) || int64_t(headerSize) > fileSize - 8)
    corrupt("the header should have " + std::to_string(headerSize) + " bytes, but the file has " +
                std::to_string(fileSize),
            path);
  const int64_t dataStart = 8 + int64_t(headerSize), dataSize = fileSize - dataStart;
  const json header = parseHeader(reinterpret_cast<const char*>(bytes.data()) + 8, int64_t(headerSize), path);

  std::vector<std::pair<std::pair<int64_t, int64_t>, std::string>> ranges;
  for (const auto& [key, value] : header.items()) {
    if (!value.is_object()) corrupt("the entry is not a JSON object", path, key);
    if (key == "__metadata__") {
      for (const auto& [name, text] : value.items()) {
        if (!text.is_string()) corrupt("the metadata '" + name + "' is not a text", path);
        result->m_metadata[name] = text.get<std::string>();
      }
      continue;
    }
    const auto dtype = value.find("dtype"), shape = value.find("shape"), offsets = value.find("data_offsets");
    if (dtype == value.end() || !dtype->is_string()) corrupt("the entry has no dtype", path, key);
    if (shape == value.end() || !shape->is_array()) corrupt("the entry has no shape", path, key);
    if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2)
      corrupt("the entry has no pair of data_offsets", path, key);
    // LibTorch copes with 64 dimensions in most places, not with thousands.
    if (shape->size() > 64) corrupt("the tensor has " + std::to_string(shape->size()) + " dimensions", path, key);

    Entry entry;
    for (const json& size : *shape) entry.info.shape.push_back(asSize(size, path, key));
    const int64_t begin = asSize((*offsets)[0], path, key), end = asSize((*offsets)[1], path, key);
    if (begin > end || end > dataSize)
      corrupt("its bytes " + std::to_string(begin) + " … " + std::to_string(end) + " lie outside the file's " +
                  std::to_string(dataSize) + " bytes of data",
              path, key);
    entry.info.bytes = end - begin;
    entry.offset = dataStart + begin;
    entry.type = dtypeOfSafetensors(dtype->get_ref<const std::string&>());
    if (entry.type == at::ScalarType::Undefined) {
      entry.info.dtype = dtype->get<std::string>();
    } else {
      entry.info.dtype = dtypeName(entry.type);
      const auto elementSize = static_cast<int64_t>(c10::elementSize(entry.type));
      const int64_t numel = checkedNumel(entry.info.shape, elementSize);
      if (numel < 0 || numel * elementSize != entry.info.bytes)
        corrupt("its shape and dtype do not need the " + std::to_string(entry.info.bytes) + " bytes it has", path, key);
    }
    ranges.emplace_back(std::pair(begin, end), key);
    result->m_entries.emplace(key, std::move(entry));
  }

  std::sort(ranges.begin(), ranges.end());
  int64_t expected = 0;
  for (const auto& [range, key] : ranges) {
    if (range.first != expected)
      corrupt(range.first < expected ? "its bytes overlap those of another tensor" : "there is a hole before its bytes",
              path, key);
    expected = range.second;
  }
  if (expected != dataSize)
    corrupt("the tensors end at byte " + std::to_string(expected) + " of " + std::to_string(dataSize) +
                " bytes of data",
            path);
  return result;
}

const SafetensorsFile::Entry& SafetensorsFile::entry(std::string_view key) const {
  const auto it = m_entries.find(key);
  if (it == m_entries.end())
    throw Error(ErrorCode::NotFound, "the file has no tensor '" + std::string(key) + "'", path().string());
  return it->second;
}

std::vector<std::string> SafetensorsFile::keys() const {
  std::vector<std::string> result;
  result.reserve(m_entries.size());
  for (const auto& [key, entry] : m_entries) result.push_back(key);
  return result;
}

bool SafetensorsFile::contains(std::string_view key) const { return m_entries.contains(key); }

TensorInfo SafetensorsFile::info(std::string_view key) const { return entry(key).info; }

at::Tensor SafetensorsFile::tensor(std::string_view key) const {
  const Entry& found = entry(key);
  if (found.type == at::ScalarType::Undefined)
    throw Error(ErrorCode::Unsupported, "tensors of dtype " + found.info.dtype + " are not read",
                path().string() + ", tensor '" + std::string(key) + "'");
  return mappedTensor(m_file, found.offset, found.type, found.info.shape);
}

void SafetensorsFile::release(std::string_view key) const {
  const Entry& found = entry(key);
  m_file->release(static_cast<size_t>(found.offset), static_cast<size_t>(found.info.bytes));
}

void writeSafetensors(const fs::path& path, const std::map<std::string, at::Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<const std::pair<const std::string, at::Tensor>*> order;
  for (const auto& item : tensors) {
    if (!item.second.defined() || item.second.layout() != at::kStrided ||
        safetensorsName(item.second.scalar_type()).empty())
      throw Error(ErrorCode::Invalid,
                  item.second.defined()
                      ? "safetensors has no dtype for " + dtypeName(item.second.scalar_type()) + " tensors"
                      : "the tensor is undefined",
                  path.string() + ", tensor '" + item.first + "'");
    if (item.first == "__metadata__")
      throw Error(ErrorCode::Invalid, "no tensor may be called __metadata__", path.string());
    order.push_back(&item);
  }
  // Wide elements first: then each tensor is aligned without padding.
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->second.element_size() > b->second.element_size();
  });

  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t at = 0;
  for (const auto* item : order) {
    const at::Tensor& t = item->second;
    const int64_t end = at + t.numel() * t.element_size();
    header[item->first] = {{"dtype", safetensorsName(t.scalar_type())}, {"shape", t.sizes().vec()},
                           {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    throw Error(ErrorCode::Invalid, "a tensor's name or the metadata is not UTF-8", path.string());
  }
  text.append((8 - text.size() % 8) % 8, ' ');

  AtomicFile file(path);
  char size[8];
  for (int i = 0; i < 8; ++i) size[i] = static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i));
  file.write(size, sizeof size);
  file.write(text);
  for (const auto* item : order) {
    const at::Tensor t = item->second.detach().cpu().contiguous();
    file.write(t.data_ptr(), static_cast<size_t>(t.numel() * t.element_size()));
  }
  file.commit();
}

}  // namespace sememe
