// The names of the element types, and tensors over mapped files.
#include "core/weights/dtypes.h"

#include <algorithm>
#include <cstring>

namespace sememe {
namespace {

struct Names {
  at::ScalarType type;
  std::string_view torch, safetensors, storage, numpy;
};

constexpr Names kNames[] = {
    {at::kFloat, "float32", "F32", "FloatStorage", "f4"},
    {at::kDouble, "float64", "F64", "DoubleStorage", "f8"},
    {at::kHalf, "float16", "F16", "HalfStorage", "f2"},
    {at::kBFloat16, "bfloat16", "BF16", "BFloat16Storage", ""},
    {at::kLong, "int64", "I64", "LongStorage", "i8"},
    {at::kInt, "int32", "I32", "IntStorage", "i4"},
    {at::kShort, "int16", "I16", "ShortStorage", "i2"},
    {at::kChar, "int8", "I8", "CharStorage", "i1"},
    {at::kByte, "uint8", "U8", "ByteStorage", "u1"},
    {at::kBool, "bool", "BOOL", "BoolStorage", "b1"},
    {at::kUInt16, "uint16", "U16", "", "u2"},
    {at::kUInt32, "uint32", "U32", "", "u4"},
    {at::kUInt64, "uint64", "U64", "", "u8"},
    {at::kFloat8_e4m3fn, "float8_e4m3fn", "F8_E4M3", "", ""},
    {at::kFloat8_e5m2, "float8_e5m2", "F8_E5M2", "", ""},
    {at::kComplexFloat, "complex64", "C64", "ComplexFloatStorage", "c8"},
    {at::kComplexDouble, "complex128", "", "ComplexDoubleStorage", "c16"},
};

at::ScalarType typeWhere(std::string_view Names::*column, std::string_view name) {
  if (!name.empty())
    for (const Names& row : kNames)
      if (row.*column == name) return row.type;
  return at::ScalarType::Undefined;
}

std::string_view nameOf(std::string_view Names::*column, at::ScalarType type) {
  for (const Names& row : kNames)
    if (row.type == type) return row.*column;
  return {};
}

}  // namespace

std::string dtypeName(at::ScalarType type) {
  const std::string_view name = nameOf(&Names::torch, type);
  return name.empty() ? std::string(c10::toString(type)) : std::string(name);
}

at::ScalarType dtypeOfName(std::string_view name) { return typeWhere(&Names::torch, name); }
std::string_view safetensorsName(at::ScalarType type) { return nameOf(&Names::safetensors, type); }
at::ScalarType dtypeOfSafetensors(std::string_view name) { return typeWhere(&Names::safetensors, name); }
std::string_view storageClass(at::ScalarType type) { return nameOf(&Names::storage, type); }
at::ScalarType dtypeOfStorageClass(std::string_view name) { return typeWhere(&Names::storage, name); }

std::string_view numpyName(at::ScalarType type) { return nameOf(&Names::numpy, type); }
at::ScalarType dtypeOfNumpy(std::string_view name) { return typeWhere(&Names::numpy, name); }

int64_t checkedNumel(const std::vector<int64_t>& shape, int64_t elementSize) {
  // LibTorch multiplies the sizes that are not zero as well, so the bound holds for them even in an empty tensor.
  int64_t product = elementSize;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return -1;
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, size, &product)) {
      return -1;
    }
  }
  return empty ? 0 : product / elementSize;
}

at::Tensor mappedTensor(const std::shared_ptr<const MappedFile>& file, int64_t offset, at::ScalarType type,
                        const std::vector<int64_t>& shape, bool bigEndian) {
  const auto options = at::TensorOptions().dtype(type);
  const auto size = static_cast<int64_t>(c10::elementSize(type));
  const int64_t numel = checkedNumel(shape, size);
  if (numel == 0) return at::empty(shape, options);
  void* data = const_cast<std::byte*>(file->bytes().data() + offset);
  // Complex numbers are aligned like their parts.
  const int64_t alignment = c10::isComplexType(type) ? size / 2 : size;
  if (!bigEndian && reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(alignment) == 0)
    return at::from_blob(data, shape, [file](void*) {}, options);
  at::Tensor copy = at::empty(shape, options);
  auto* bytes = static_cast<char*>(copy.data_ptr());
  std::memcpy(bytes, data, static_cast<size_t>(numel * size));
  if (bigEndian)
    for (int64_t i = 0; i < numel * size; i += alignment) std::reverse(bytes + i, bytes + i + alignment);
  return copy;
}

}  // namespace sememe
