// NumPy's .npy files.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>

namespace sememe {

// Reads an array of numbers or bools, of any rank, C or Fortran order, format versions 1 to 3. The tensor is a read-only
// view of the memory-mapped file (which it keeps alive; Fortran order shows in its strides); a copy when the file is
// big-endian or unaligned. Any thread. Throws Error: NotFound, Io; Corrupt; Unsupported (objects, text, records).
at::Tensor readNpy(const std::filesystem::path& path);

// Writes the tensor (any device, any strides) in C order; atomic. Throws Error (Invalid: bfloat16 and the other dtypes
// that NumPy does not have; Io, DiskFull).
void writeNpy(const std::filesystem::path& path, const at::Tensor& tensor);

}  // namespace sememe
