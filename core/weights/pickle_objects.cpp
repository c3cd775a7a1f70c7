// The classes of torch and NumPy that stand for plain data in a pickle.
#include "core/weights/pickle_objects.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/weights/dtypes.h"

namespace sememe {
namespace {

using Kind = PickleValue::Kind;

[[noreturn]] void corrupt(const std::string& what, const std::string& where) {
  throw Error(ErrorCode::Corrupt, what, where);
}

std::vector<int64_t> asSizes(const PickleValue& value, const std::string& where) {
  if (value.kind() != Kind::Tuple && value.kind() != Kind::List) corrupt("a tensor's shape is no tuple", where);
  std::vector<int64_t> sizes;
  for (const PickleValue& item : value.asItems()) {
    if (item.kind() != Kind::Int) corrupt("a tensor's shape holds something that is no whole number", where);
    sizes.push_back(item.asInt());
  }
  if (sizes.size() > 64) corrupt("a tensor has " + std::to_string(sizes.size()) + " dimensions", where);
  return sizes;
}

// The view of `storage` (1-D) that a pickle describes, after checking that every element lies inside it.
at::Tensor viewOfStorage(const at::Tensor& storage, const PickleValue& offsetValue, const PickleValue& sizeValue,
                         const PickleValue& strideValue, const std::string& where) {
  if (offsetValue.kind() != Kind::Int) corrupt("a tensor's storage offset is no whole number", where);
  const int64_t offset = offsetValue.asInt();
  const std::vector<int64_t> sizes = asSizes(sizeValue, where), strides = asSizes(strideValue, where);
  if (sizes.size() != strides.size()) corrupt("a tensor's shape and strides differ in length", where);
  const int64_t numel = checkedNumel(sizes, storage.element_size());
  if (numel < 0) corrupt("a tensor's shape is impossible", where);
  int64_t last = offset;
  bool outside = offset < 0;
  for (size_t i = 0; i < sizes.size() && !outside; ++i) {
    int64_t reach = 0;
    outside = strides[i] < 0;
    if (numel > 0 && !outside)
      outside = __builtin_mul_overflow(sizes[i] - 1, strides[i], &reach) || __builtin_add_overflow(last, reach, &last);
  }
  if (numel > 0) outside = outside || last >= storage.numel();
  if (outside)
    corrupt("a tensor does not lie inside its storage of " + std::to_string(storage.numel()) + " elements", where);
  if (numel == 0) return at::empty(sizes, storage.options());
  // An expanded tensor (stride 0) is larger than its storage; a hostile one would be as large as it likes.
  constexpr int64_t kMaxExpanded = int64_t{1} << 30;
  if (numel > storage.numel() && numel * storage.element_size() > kMaxExpanded)
    corrupt("an expanded tensor would have more than 2^30 bytes", where);
  // `storage` may itself be a view of a storage: as_strided counts from the start of what lies beneath.
  return storage.as_strided(sizes, strides, storage.storage_offset() + offset);
}

// The same bytes as elements of another type; what is left over at the end is left out.
at::Tensor reinterpret(const at::Tensor& bytes, at::ScalarType type) {
  const auto size = static_cast<int64_t>(c10::elementSize(type));
  at::Tensor whole = bytes.narrow(0, 0, bytes.numel() / size * size);
  if (whole.numel() == 0) return at::empty({0}, at::TensorOptions().dtype(type));
  if (reinterpret_cast<uintptr_t>(whole.data_ptr()) % static_cast<uintptr_t>(size) != 0) whole = whole.clone();
  return whole.view(type);
}

at::ScalarType dtypeOfGlobal(const PickleValue& value) {
  constexpr std::string_view kPrefix = "torch.";
  if (value.kind() != Kind::Opaque || value.asOpaque().instance) return at::ScalarType::Undefined;
  const std::string_view name = value.asOpaque().name;
  return name.starts_with(kPrefix) ? dtypeOfName(name.substr(kPrefix.size())) : at::ScalarType::Undefined;
}

std::optional<PickleValue> rebuildTensor(const PickleValue::Items& arguments, int version, const std::string& where) {
  const size_t needed = version == 1 ? 4 : version == 2 ? 6 : 7;
  if (arguments.size() < needed) corrupt("a tensor is described by too few values", where);
  if (arguments[0].isNone()) return PickleValue();
  if (!arguments[0].isTensor()) return std::nullopt;  // a storage of a kind that stays opaque
  at::Tensor storage = arguments[0].asTensor();
  if (storage.dim() != 1 || !storage.is_contiguous()) corrupt("a tensor's storage is no storage", where);
  if (version == 3) {
    const at::ScalarType type = dtypeOfGlobal(arguments[6]);
    if (type == at::ScalarType::Undefined) return std::nullopt;
    storage = reinterpret(storage.scalar_type() == at::kByte ? storage : storage.view(at::kByte), type);
  }
  if (arguments.size() > needed && arguments.back().isDict())
    for (const char* bit : {"conj", "neg"}) {
      const PickleValue* set = arguments.back().find(bit);
      if (set && set->kind() == Kind::Bool && set->asBool())
        throw Error(ErrorCode::Unsupported, "lazily conjugated or negated tensors are not read", where);
    }
  return PickleValue(viewOfStorage(storage, arguments[1], arguments[2], arguments[3], where));
}

// "f4" and the byte order of a numpy.dtype object.
struct NumpyType {
  at::ScalarType type = at::ScalarType::Undefined;
  bool bigEndian = false;
};

NumpyType numpyType(const PickleValue& value) {
  NumpyType result;
  if (value.kind() != Kind::Opaque || value.asOpaque().name != "numpy.dtype") return result;
  const auto& dtype = value.asOpaque();
  if (dtype.arguments.empty() || dtype.arguments[0].kind() != Kind::String) return result;
  result.type = dtypeOfNumpy(dtype.arguments[0].asString());
  if (dtype.state && dtype.state->kind() == Kind::Tuple && dtype.state->asItems().size() > 1) {
    const PickleValue& order = dtype.state->asItems()[1];
    result.bigEndian = order.kind() == Kind::String && order.asString() == ">";
  }
  return result;
}

bool isText(const PickleValue& value) { return value.kind() == Kind::Bytes || value.kind() == Kind::String; }

const std::string& contentOf(const PickleValue& text) {
  return text.kind() == Kind::Bytes ? text.asBytes() : text.asString();
}

std::optional<PickleValue> numpyArray(const PickleValue& dtype, const PickleValue& shape, bool fortran,
                                      const PickleValue& content, const std::string& where) {
  const NumpyType type = numpyType(dtype);
  if (type.type == at::ScalarType::Undefined || !isText(content)) return std::nullopt;  // objects, text, records
  if (type.bigEndian) throw Error(ErrorCode::Unsupported, "big-endian NumPy arrays in a pickle are not read", where);
  std::vector<int64_t> sizes = asSizes(shape, where);
  const auto elementSize = static_cast<int64_t>(c10::elementSize(type.type));
  const int64_t numel = checkedNumel(sizes, elementSize);
  if (numel < 0 || numel * elementSize != static_cast<int64_t>(contentOf(content).size()))
    corrupt("a NumPy array does not have the bytes that its shape needs", where);
  const auto options = at::TensorOptions().dtype(type.type);
  if (numel == 0) return PickleValue(at::empty(sizes, options));
  if (fortran) std::reverse(sizes.begin(), sizes.end());
  // The tensor looks into the pickled bytes and keeps them.
  void* data = const_cast<char*>(contentOf(content).data());
  const bool aligned = reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(elementSize) == 0;
  at::Tensor array = aligned ? at::from_blob(data, sizes, [content](void*) {}, options) : at::empty(sizes, options);
  if (!aligned) std::memcpy(array.data_ptr(), data, contentOf(content).size());
  return PickleValue(fortran ? array.permute([&] {
    std::vector<int64_t> axes;
    for (auto i = static_cast<int64_t>(sizes.size()); i-- > 0;) axes.push_back(i);
    return axes;
  }())
                             : array);
}

std::optional<PickleValue> numpyScalar(const PickleValue& dtype, const PickleValue& content, const std::string& where) {
  auto array = numpyArray(dtype, PickleValue::tuple({}), false, content, where);
  if (!array) return std::nullopt;
  const at::Tensor& value = array->asTensor();
  if (value.is_complex()) return array;
  if (value.scalar_type() == at::kBool) return PickleValue(value.view(at::kByte).item<int64_t>() != 0);
  if (value.is_floating_point()) return PickleValue(value.item<double>());
  if (value.scalar_type() == at::kUInt64) return array;
  return PickleValue(value.item<int64_t>());
}

}  // namespace

std::optional<PickleValue> rebuildTorchObject(std::string_view function, const PickleValue::Items& arguments,
                                              const std::string& where) {
  if (function == "torch._utils._rebuild_tensor") return rebuildTensor(arguments, 1, where);
  if (function == "torch._utils._rebuild_tensor_v2") return rebuildTensor(arguments, 2, where);
  if (function == "torch._utils._rebuild_tensor_v3") return rebuildTensor(arguments, 3, where);
  if (function == "torch._utils._rebuild_parameter" || function == "torch._utils._rebuild_parameter_with_state") {
    if (!arguments.empty() && (arguments[0].isTensor() || arguments[0].isNone())) return arguments[0];
    return std::nullopt;
  }
  if (function == "torch._tensor._rebuild_from_type_v2" || function == "torch.tensor._rebuild_from_type") {
    // (function, type, arguments, state): a tensor subclass, or a tensor with attributes; the tensor is what matters.
    if (arguments.size() < 3 || arguments[0].kind() != Kind::Opaque || arguments[0].asOpaque().instance ||
        arguments[2].kind() != Kind::Tuple || !arguments[0].asOpaque().name.starts_with("torch._utils._rebuild_"))
      return std::nullopt;
    return rebuildTorchObject(arguments[0].asOpaque().name, arguments[2].asItems(), where);
  }
  if (function == "torch.Size" || function == "torch._C.Size") {
    if (arguments.size() == 1 && (arguments[0].kind() == Kind::Tuple || arguments[0].kind() == Kind::List))
      return PickleValue::tuple(arguments[0].asItems());
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<PickleValue> plainValueOf(const PickleValue::OpaqueData& object, const std::string& where) {
  std::string_view name = object.name;
  if (!object.instance) return std::nullopt;
  if (name == "torch.nn.parameter.Parameter") {  // PyTorch before 0.4
    if (object.state && object.state->kind() == Kind::Tuple && !object.state->asItems().empty() &&
        object.state->asItems()[0].isTensor())
      return object.state->asItems()[0];
    if (!object.arguments.empty() && object.arguments[0].isTensor()) return object.arguments[0];
    return std::nullopt;
  }
  if (!name.starts_with("numpy.")) return std::nullopt;
  name.remove_prefix(6);
  if (name.starts_with("_core.")) name.remove_prefix(1);  // NumPy 2 moved its modules
  if (name == "core.multiarray._reconstruct") {
    if (!object.state || object.state->kind() != Kind::Tuple || object.state->asItems().size() != 5) return std::nullopt;
    const PickleValue::Items& state = object.state->asItems();
    const bool fortran = state[3].kind() == Kind::Bool && state[3].asBool();
    return numpyArray(state[2], state[1], fortran, state[4], where);
  }
  if (name == "core.multiarray.scalar" && object.arguments.size() == 2)
    return numpyScalar(object.arguments[0], object.arguments[1], where);
  if (name == "core.numeric._frombuffer" && object.arguments.size() == 4) {
    const PickleValue& order = object.arguments[3];
    return numpyArray(object.arguments[1], object.arguments[2], order.kind() == Kind::String && order.asString() == "F",
                      object.arguments[0], where);
  }
  return std::nullopt;
}

}  // namespace sememe
