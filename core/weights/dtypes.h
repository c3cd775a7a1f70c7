// The names of the element types, as PyTorch, safetensors and torch.save spell them, and tensors over mapped files.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"

namespace sememe {

// "float32" for at::kFloat and so on.
std::string dtypeName(at::ScalarType type);
// Undefined when the name is not known.
at::ScalarType dtypeOfName(std::string_view name);

// "F32"; empty when the format has no name for it. And back: Undefined when not known.
std::string_view safetensorsName(at::ScalarType type);
at::ScalarType dtypeOfSafetensors(std::string_view name);

// "FloatStorage", torch.save's class for a storage of this type; empty when there is none. And back.
std::string_view storageClass(at::ScalarType type);
at::ScalarType dtypeOfStorageClass(std::string_view name);

// "f4", NumPy's kind and size of an element; empty when it has none. And back.
std::string_view numpyName(at::ScalarType type);
at::ScalarType dtypeOfNumpy(std::string_view name);

// The number of elements of a shape; -1 when a size is negative or the product, or its bytes, overflow.
int64_t checkedNumel(const std::vector<int64_t>& shape, int64_t elementSize);

// A contiguous CPU tensor over `file` from byte `offset`, which the caller has checked to fit. It keeps the mapping
// alive; where the address is not aligned for the type it is a copy instead. `bigEndian`: a copy with each element's
// bytes turned round.
at::Tensor mappedTensor(const std::shared_ptr<const MappedFile>& file, int64_t offset, at::ScalarType type,
                        const std::vector<int64_t>& shape, bool bigEndian = false);

}  // namespace sememe
