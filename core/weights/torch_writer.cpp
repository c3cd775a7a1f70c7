// Files of torch.save: writing the zip format.
#include <ATen/core/grad_mode.h>
#include <bit>
#include <cstring>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/dtypes.h"
#include "core/weights/pickle_text.h"
#include "core/weights/torch_file.h"
#include "core/weights/zip_archive.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxDepth = 200;

// Which storages a value holds, and how the file will hold them.
class StorageTable {
 public:
  struct Place {
    size_t storage;  // number in the file
    int64_t offset;
    std::vector<int64_t> strides;
  };

  // Called for every tensor of the value before any place() is asked for.
  void note(const at::Tensor& tensor) { m_views[idOf(tensor)].insert(viewOf(tensor)); }

  // Where the tensor lies. One view of a storage is saved on its own; several keep the storage they share.
  Place place(const at::Tensor& tensor) {
    const Id id = idOf(tensor);
    const bool shared = m_views[id].size() > 1;
    const auto [it, isNew] = m_numbers.try_emplace(id, m_storages.size());
    if (isNew) {
      const at::Tensor whole =
          shared ? at::empty({0}, tensor.options()).set_(tensor.storage()) : tensor.contiguous().view({-1});
      m_storages.push_back(whole.detach().cpu().contiguous());
    }
    if (shared) return {it->second, tensor.storage_offset(), tensor.strides().vec()};
    std::vector<int64_t> strides(static_cast<size_t>(tensor.dim()));
    int64_t step = 1;
    for (size_t i = strides.size(); i-- > 0; step *= std::max<int64_t>(tensor.size(int64_t(i)), 1)) strides[i] = step;
    return {it->second, 0, strides};
  }

  const std::vector<at::Tensor>& storages() const { return m_storages; }

 private:
  using Id = std::pair<const void*, at::ScalarType>;
  using View = std::tuple<int64_t, std::vector<int64_t>, std::vector<int64_t>>;
  static Id idOf(const at::Tensor& t) { return {t.storage().unsafeGetStorageImpl(), t.scalar_type()}; }
  static View viewOf(const at::Tensor& t) { return {t.storage_offset(), t.sizes().vec(), t.strides().vec()}; }

  std::map<Id, std::set<View>> m_views;
  std::map<Id, size_t> m_numbers;
  std::vector<at::Tensor> m_storages;
};

// Writes a pickle of protocol 2 out of the opcodes that torch's weights_only reader knows.
class Pickler {
 public:
  explicit Pickler(std::string where) : m_where(std::move(where)) {}

  std::string write(const PickleValue& value) {
    collect(value, 0);
    m_out = "\x80\x02";
    put(value);
    m_out += '.';
    return std::move(m_out);
  }
  const std::vector<at::Tensor>& storages() const { return m_table.storages(); }

 private:
  // Lazily conjugated or negated tensors have other bytes than their values.
  static at::Tensor plain(const at::Tensor& tensor) { return tensor.resolve_conj().resolve_neg(); }

  void collect(const PickleValue& value, int depth) {
    if (depth > kMaxDepth) throw Error(ErrorCode::Invalid, "the value nests deeper than 200", m_where);
    if (value.isTensor()) {
      const at::Tensor& tensor = value.asTensor();
      if (!tensor.defined() || tensor.layout() != at::kStrided || tensor.is_meta() || tensor.is_quantized())
        throw Error(ErrorCode::Invalid, "only dense tensors with data can be written", m_where);
      if (dtypeOfName(dtypeName(tensor.scalar_type())) == at::ScalarType::Undefined)
        throw Error(ErrorCode::Unsupported, "tensors of dtype " + dtypeName(tensor.scalar_type()) + " are not written",
                    m_where);
      if (!tensor.is_conj() && !tensor.is_neg()) m_table.note(tensor);
    } else if (value.isDict()) {
      for (const auto& [key, item] : value.asPairs()) {
        collect(key, depth + 1);
        collect(item, depth + 1);
      }
    } else if (value.kind() == Kind::List || value.kind() == Kind::Tuple) {
      for (const PickleValue& item : value.asItems()) collect(item, depth + 1);
    }
  }

  void little(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) m_out += static_cast<char>(static_cast<uint8_t>(value >> (8 * i)));
  }

  void put(const PickleValue& value) {
    switch (value.kind()) {
      case Kind::None:
        m_out += 'N';
        break;
      case Kind::Bool:
        m_out += value.asBool() ? '\x88' : '\x89';
        break;
      case Kind::Int:
        putInt(value.asInt());
        break;
      case Kind::Double: {
        const auto bits = std::bit_cast<uint64_t>(value.asDouble());
        m_out += 'G';
        for (int i = 7; i >= 0; --i) m_out += static_cast<char>(static_cast<uint8_t>(bits >> (8 * i)));
        break;
      }
      case Kind::String:
        if (!isUtf8(value.asString())) throw Error(ErrorCode::Invalid, "a text is not UTF-8", m_where);
        putText(value.asString());
        break;
      case Kind::Bytes:
        putGlobal("_codecs", "encode");
        putText(latin1ToUtf8(value.asBytes()));
        putText("latin1");
        m_out += "\x86R";  // TUPLE2, REDUCE
        break;
      case Kind::Tensor:
        putTensor(value.asTensor());
        break;
      case Kind::List:
        m_out += "](";
        for (const PickleValue& item : value.asItems()) put(item);
        m_out += 'e';
        break;
      case Kind::Tuple:
        m_out += '(';
        for (const PickleValue& item : value.asItems()) put(item);
        m_out += 't';
        break;
      case Kind::Dict:
        if (value.isOrderedDict())
          putEmptyOrderedDict();
        else
          m_out += '}';
        m_out += '(';
        for (const auto& [key, item] : value.asPairs()) {
          put(key);
          put(item);
        }
        m_out += 'u';
        break;
      case Kind::Opaque: {
        const auto& object = value.asOpaque();
        constexpr std::string_view kTorch = "torch.";
        const std::string_view name = object.name;
        if (object.instance || !name.starts_with(kTorch) ||
            dtypeOfName(name.substr(kTorch.size())) == at::ScalarType::Undefined)
          throw Error(ErrorCode::Unsupported, "objects of class " + object.name + " are not written", m_where);
        putGlobal("torch", name.substr(kTorch.size()));
        break;
      }
    }
  }

  void putInt(int64_t value) {
    if (value >= INT32_MIN && value <= INT32_MAX) {
      m_out += 'J';
      little(static_cast<uint32_t>(static_cast<int32_t>(value)), 4);
    } else {
      m_out += "\x8a\x08";
      little(static_cast<uint64_t>(value), 8);
    }
  }

  void putText(std::string_view text) {
    if (text.size() > UINT32_MAX) throw Error(ErrorCode::Invalid, "a text has more than 4 GiB", m_where);
    m_out += 'X';
    little(text.size(), 4);
    m_out += text;
  }

  void putGlobal(std::string_view module, std::string_view name) {
    m_out += 'c';
    m_out.append(module).append("\n").append(name).append("\n");
  }

  void putEmptyOrderedDict() {
    putGlobal("collections", "OrderedDict");
    m_out += ")R";
  }

  void putSizes(const std::vector<int64_t>& sizes) {
    m_out += '(';
    for (const int64_t size : sizes) putInt(size);
    m_out += 't';
  }

  void putTensor(const at::Tensor& lazy) {
    const at::Tensor tensor = plain(lazy);
    m_kept.push_back(tensor);  // its storage's address must not be given to another while this lasts
    const StorageTable::Place place = m_table.place(tensor);
    const at::ScalarType type = tensor.scalar_type();
    const std::string_view storageName = storageClass(type);
    // The young types have no class of storage: they are saved as bytes, and the tensor names its type.
    const bool typed = !storageName.empty();
    putGlobal("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    m_out += "((";
    putText("storage");
    putGlobal(typed ? "torch" : "torch.storage", typed ? storageName : "UntypedStorage");
    putText(std::to_string(place.storage));
    putText("cpu");
    putInt(m_table.storages()[place.storage].numel() * (typed ? 1 : tensor.element_size()));
    m_out += "tQ";
    putInt(place.offset);
    putSizes(tensor.sizes().vec());
    putSizes(place.strides);
    m_out += '\x89';  // requires_grad
    putEmptyOrderedDict();
    if (!typed) putGlobal("torch", dtypeName(type));
    m_out += "tR";
  }

  std::string m_where, m_out;
  StorageTable m_table;
  std::vector<at::Tensor> m_kept;
};

}  // namespace

void writeTorchFile(const fs::path& path, const PickleValue& value) {
  const at::NoGradGuard noGrad;
  Pickler pickler(path.string());
  const std::string pickle = pickler.write(value);
  AtomicFile file(path);
  ZipWriter zip(file);
  constexpr int kAlignment = 64;  // as torch.save
  zip.add("archive/data.pkl", pickle, kAlignment);
  zip.add("archive/byteorder", std::string_view("little"), kAlignment);
  for (size_t i = 0; i < pickler.storages().size(); ++i) {
    const at::Tensor& storage = pickler.storages()[i];
    zip.add("archive/data/" + std::to_string(i),
            std::span(static_cast<const std::byte*>(storage.data_ptr()),
                      static_cast<size_t>(storage.numel() * storage.element_size())),
            kAlignment);
  }
  zip.add("archive/version", std::string_view("3\n"), kAlignment);
  zip.finish();
  file.commit();
}

void writeTorchTensor(const fs::path& path, const at::Tensor& tensor) { writeTorchFile(path, tensor); }

PickleValue stateDictValue(const NamedTensors& tensors) {
  PickleValue::Pairs pairs;
  for (const auto& [name, tensor] : tensors) pairs.emplace_back(name, tensor);
  return PickleValue::dict(std::move(pairs), true);
}

}  // namespace sememe
