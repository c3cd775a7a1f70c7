// Files of torch.save: finding the pickle and the storages of either format, and walking the result.
#include <ATen/core/grad_mode.h>
#include <array>
#include <map>
#include <new>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/dtypes.h"
#include "core/weights/torch_file.h"
#include "core/weights/unpickler.h"
#include "core/weights/zip_archive.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

using Kind = PickleValue::Kind;

// Bounds what the pickle itself may hold in memory; the tensors lie outside it.
constexpr int64_t kMaxPickle = int64_t{1} << 30;

// What a persistent id ('storage', class, key, location, number of elements, view) says.
struct StorageId {
  at::ScalarType type;  // uint8 for a storage without a type
  std::string key;
  int64_t numel;
  std::optional<std::pair<int64_t, int64_t>> view;  // begin and size, in the old format
};

std::string keyText(const PickleValue& key, const std::string& where) {
  if (key.kind() == Kind::String) return key.asString();
  if (key.kind() == Kind::Int) return std::to_string(key.asInt());
  throw Error(ErrorCode::Corrupt, "a storage's key is no text", where);
}

// Nothing for a class of storage that is not read, such as the quantised ones.
std::optional<StorageId> parseStorageId(const PickleValue& id, const std::string& where) {
  const auto corrupt = [&](const char* what) -> Error { return Error(ErrorCode::Corrupt, what, where); };
  if (id.kind() != Kind::Tuple || id.asItems().size() < 5 || id.asItems()[0].kind() != Kind::String)
    throw corrupt("a persistent id is not that of a storage");
  const PickleValue::Items& items = id.asItems();
  if (items[0].asString() != "storage" || items[1].kind() != Kind::Opaque)
    throw corrupt("a persistent id is not that of a storage");
  std::string_view name = items[1].asOpaque().name;
  if (!name.starts_with("torch.")) return std::nullopt;
  name = name.substr(name.rfind('.') + 1);
  const at::ScalarType type = name == "UntypedStorage" ? at::kByte : dtypeOfStorageClass(name);
  if (type == at::ScalarType::Undefined) return std::nullopt;
  if (items[4].kind() != Kind::Int || items[4].asInt() < 0) throw corrupt("a storage has no size");
  StorageId result{type, keyText(items[2], where), items[4].asInt(), std::nullopt};
  if (items.size() > 5 && items[5].kind() == Kind::Tuple) {
    const PickleValue::Items& view = items[5].asItems();
    if (view.size() != 3 || view[1].kind() != Kind::Int || view[2].kind() != Kind::Int)
      throw corrupt("a storage's view is malformed");
    result.view = {view[1].asInt(), view[2].asInt()};
  }
  return result;
}

// A kind of storage that is not read: kept as a name.
PickleValue opaqueStorage(const PickleValue& id) {
  return PickleValue::opaque({id.asItems()[1].asOpaque().name, true, {}, {}, nullptr});
}

// Storages made once each, so that tensors which share one go on sharing it.
using StorageCache = std::map<std::pair<std::string, at::ScalarType>, at::Tensor>;

// ---- The zip format: {name}/data.pkl, {name}/data/{key}, {name}/byteorder ----

PickleValue readZip(const std::shared_ptr<const MappedFile>& file) {
  const std::string where = file->path().string();
  const ZipReader zip(file);
  std::optional<std::string> prefix;
  for (const auto& [name, entry] : zip.entries()) {
    if (name != "data.pkl" && !name.ends_with("/data.pkl")) continue;
    const std::string found = name.substr(0, name.size() - std::string_view("data.pkl").size());
    if (!prefix || found.size() < prefix->size()) prefix = found;
  }
  if (!prefix) throw Error(ErrorCode::Unsupported, "a zip archive, but not of torch.save: it has no data.pkl", where);
  if (zip.find(*prefix + "constants.pkl"))
    throw Error(ErrorCode::Unsupported, "a TorchScript program, expected what torch.save wrote", where);
  if (const ZipReader::Entry* order = zip.find(*prefix + "byteorder")) {
    const auto bytes = zip.bytes(*order);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text != "little")
      throw Error(text == "big" ? ErrorCode::Unsupported : ErrorCode::Corrupt, "its byte order is not 'little'", where);
  }
  const ZipReader::Entry& pickle = *zip.find(*prefix + "data.pkl");
  if (pickle.size > kMaxPickle) throw Error(ErrorCode::Corrupt, "its pickle has more than 1 GiB", where);

  StorageCache cache;
  const auto load = [&](const PickleValue& id) -> PickleValue {
    const auto storage = parseStorageId(id, where);
    if (!storage) return opaqueStorage(id);
    at::Tensor& tensor = cache[{storage->key, storage->type}];
    if (!tensor.defined()) {
      const ZipReader::Entry* entry = zip.find(*prefix + "data/" + storage->key);
      if (!entry) throw Error(ErrorCode::Corrupt, "the data of storage '" + storage->key + "' is missing", where);
      const auto elementSize = static_cast<int64_t>(c10::elementSize(storage->type));
      if (storage->numel > entry->size / elementSize)
        throw Error(ErrorCode::Corrupt,
                    "storage '" + storage->key + "' has " + std::to_string(entry->size) + " bytes, but " +
                        std::to_string(storage->numel) + " elements of " + std::to_string(elementSize) +
                        " were expected",
                    where);
      tensor = mappedTensor(file, entry->offset, storage->type, {storage->numel});
    } else if (tensor.numel() != storage->numel) {
      throw Error(ErrorCode::Corrupt, "storage '" + storage->key + "' has two sizes", where);
    }
    return tensor;
  };
  return Unpickler(zip.bytes(pickle), where, load).read();
}

// ---- The format before PyTorch 1.6: five pickles, then the storages, each with its length ----

bool isMagic(const PickleValue& value) {
  constexpr std::array<unsigned char, 10> kMagic = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  if (value.kind() != Kind::Opaque || value.asOpaque().name != "builtins.int" ||
      value.asOpaque().arguments.size() != 1)
    return false;
  const PickleValue& number = value.asOpaque().arguments[0];
  if (number.kind() == Kind::String) return number.asString() == "119547037146038801333356";
  return number.kind() == Kind::Bytes &&
         number.asBytes() == std::string_view(reinterpret_cast<const char*>(kMagic.data()), kMagic.size());
}

// Reads one pickle and moves `at` behind it.
PickleValue nextPickle(std::span<const std::byte> bytes, size_t& at, const std::string& where,
                       Unpickler::PersistentLoad load) {
  auto rest = bytes.subspan(at);
  if (int64_t(rest.size()) > kMaxPickle) rest = rest.first(size_t(kMaxPickle));
  Unpickler unpickler(rest, where, std::move(load));
  PickleValue value = unpickler.read();
  at += unpickler.consumed();
  return value;
}

PickleValue readLegacy(const std::shared_ptr<const MappedFile>& file) {
  const std::string where = file->path().string();
  const auto bytes = file->bytes();
  const auto corrupt = [&](const std::string& what) { return Error(ErrorCode::Corrupt, what, where); };
  const auto noStorages = [&](const PickleValue&) -> PickleValue {
    throw corrupt("a storage appears before the data begins");
  };
  size_t at = 0;
  const bool magic = isMagic(nextPickle(bytes, at, where, noStorages));
  if (!magic) throw Error(ErrorCode::Unsupported, "a plain pickle, expected what torch.save wrote", where);
  const PickleValue protocol = nextPickle(bytes, at, where, noStorages);
  if (protocol.kind() != Kind::Int || protocol.asInt() != 1001)
    throw Error(ErrorCode::Unsupported, "its version of the format is not 1001", where);
  const PickleValue system = nextPickle(bytes, at, where, noStorages);
  const PickleValue* little = system.find("little_endian");
  if (!little || little->kind() != Kind::Bool || !little->asBool())
    throw Error(ErrorCode::Unsupported, "its numbers are big-endian", where);

  // The data comes last, so the objects are read twice: first for the sizes of the storages, then with their content.
  std::map<std::string, StorageId> roots;
  const size_t objectAt = at;
  nextPickle(bytes, at, where, [&](const PickleValue& id) -> PickleValue {
    const auto storage = parseStorageId(id, where);
    if (!storage)
      throw Error(ErrorCode::Unsupported, "storages of class " + id.asItems()[1].asOpaque().name + " are not read",
                  where);
    const auto [it, isNew] = roots.try_emplace(storage->key, *storage);
    if (it->second.type != storage->type || it->second.numel != storage->numel)
      throw corrupt("storage '" + storage->key + "' has two sizes or types");
    return {};
  });
  const PickleValue keys = nextPickle(bytes, at, where, noStorages);
  if (keys.kind() != Kind::List && keys.kind() != Kind::Tuple) throw corrupt("the list of its storages is missing");
  std::map<std::string, at::Tensor> storages;
  for (const PickleValue& keyValue : keys.asItems()) {
    const std::string key = keyText(keyValue, where);
    const auto root = roots.find(key);
    if (root == roots.end()) throw corrupt("storage '" + key + "' belongs to nothing");
    const StorageId& id = root->second;
    const auto elementSize = int64_t(c10::elementSize(id.type));
    if (bytes.size() - at < 8) throw corrupt("it ends before storage '" + key + "'");
    uint64_t count = 0;
    for (size_t i = 8; i-- > 0;) count = count << 8 | std::to_integer<uint64_t>(bytes[at + i]);
    at += 8;
    if (count != uint64_t(id.numel))
      throw corrupt("storage '" + key + "' has " + std::to_string(count) + " elements, expected " +
                    std::to_string(id.numel));
    if (id.numel > int64_t(bytes.size() - at) / elementSize) throw corrupt("it ends in storage '" + key + "'");
    if (!storages.try_emplace(key, mappedTensor(file, int64_t(at), id.type, {id.numel})).second)
      throw corrupt("storage '" + key + "' is there twice");
    at += size_t(id.numel * elementSize);
  }

  size_t again = objectAt;
  return nextPickle(bytes, again, where, [&](const PickleValue& id) -> PickleValue {
    const auto storage = parseStorageId(id, where);
    const auto it = storages.find(storage->key);
    if (it == storages.end()) throw corrupt("the data of storage '" + storage->key + "' is missing");
    if (!storage->view) return it->second;
    const auto [begin, size] = *storage->view;
    if (begin < 0 || size < 0 || begin > it->second.numel() || size > it->second.numel() - begin)
      throw corrupt("a view lies outside storage '" + storage->key + "'");
    return it->second.narrow(0, begin, size);
  });
}

// ---- Walking the result ----

// Adds the tensors in `value`, each under `name` and its place in it.
void flatten(const PickleValue& value, const std::string& name, NamedTensors& result) {
  const auto inside = [&](const std::string& part) { return name.empty() ? part : name + "." + part; };
  if (value.isTensor()) {
    result.emplace_back(name, value.asTensor());
  } else if (value.isDict()) {
    for (const auto& [key, item] : value.asPairs()) {
      if (key.kind() == Kind::String)
        flatten(item, inside(key.asString()), result);
      else if (key.kind() == Kind::Int)
        flatten(item, inside(std::to_string(key.asInt())), result);
    }
  } else if (value.kind() == Kind::List || value.kind() == Kind::Tuple) {
    for (size_t i = 0; i < value.asItems().size(); ++i) flatten(value.asItems()[i], inside(std::to_string(i)), result);
  }
}

NamedTensors stateDictOf(const PickleValue& value) {
  NamedTensors result;
  for (const char* name : {"state_dict", "model_state_dict", "model"}) {
    const PickleValue* inner = value.find(name);
    if (!inner || !inner->isDict()) continue;
    flatten(*inner, {}, result);
    if (!result.empty()) return result;
  }
  if (value.isDict()) flatten(value, {}, result);
  return result;
}

std::string listOfKeys(const PickleValue& value) {
  std::string text;
  int count = 0;
  for (const auto& [key, item] : value.asPairs()) {
    if (++count > 8) return text + ", …";
    if (count > 1) text += ", ";
    text += key.kind() == Kind::String ? key.asString() : std::string(PickleValue::kindName(key.kind()));
  }
  return text.empty() ? "none" : text;
}

}  // namespace

PickleValue readTorchFile(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  if (bytes.empty()) throw Error(ErrorCode::Corrupt, "the file is empty", path.string());
  const at::NoGradGuard noGrad;
  try {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("PK") || ZipReader::looksLikeZip(*file)) return readZip(file);
    if (text.size() > 262 && text.substr(257, 5) == "ustar")
      throw Error(ErrorCode::Unsupported, "the tar format before PyTorch 0.1.10 is not read", path.string());
    // Every pickle that torch.save wrote starts with the opcode PROTO; what does not was never one.
    if (bytes[0] != std::byte{0x80}) throw Error(ErrorCode::Corrupt, "not a file of torch.save", path.string());
    return readLegacy(file);
  } catch (const c10::Error& e) {
    throw Error(ErrorCode::Corrupt, std::string("a tensor cannot be made: ") + e.what_without_backtrace(),
                path.string());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::Corrupt, "it asks for more memory than there is", path.string());
  }
}

at::Tensor readTorchTensor(const fs::path& path, const std::string& key) {
  const PickleValue value = readTorchFile(path);
  const std::string where = key.empty() ? path.string() : path.string() + ", key '" + key + "'";
  if (key.empty()) {
    if (value.isTensor()) return value.asTensor();
    throw Error(ErrorCode::Mismatch,
                value.isDict() ? "a dict, expected a tensor; name one of its keys: " + listOfKeys(value)
                               : std::string("a value of type ") + PickleValue::kindName(value.kind()) +
                                     ", expected a tensor",
                where);
  }
  if (!value.isDict())
    throw Error(ErrorCode::Mismatch,
                std::string("a value of type ") + PickleValue::kindName(value.kind()) + ", expected a dict", where);
  if (const PickleValue* item = value.find(key)) {
    if (item->isTensor()) return item->asTensor();
    throw Error(ErrorCode::Mismatch,
                std::string("a value of type ") + PickleValue::kindName(item->kind()) + ", expected a tensor", where);
  }
  for (const auto& [name, tensor] : stateDictOf(value))
    if (name == key) return tensor;
  throw Error(ErrorCode::NotFound, "there is no such key; the file has " + listOfKeys(value), where);
}

NamedTensors readStateDict(const fs::path& path) {
  const PickleValue value = readTorchFile(path);
  NamedTensors result = stateDictOf(value);
  if (result.empty())
    throw Error(ErrorCode::Mismatch,
                std::string("a value of type ") + PickleValue::kindName(value.kind()) +
                    " without named tensors, expected a state dict",
                path.string());
  return result;
}

}  // namespace sememe
