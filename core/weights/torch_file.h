// Files of torch.save (.pt, .pth, .bin): a reader that runs nothing, and a writer that Python loads.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/weights/pickle_value.h"

namespace sememe {

// Reads what torch.save wrote: the zip format (PyTorch 1.6 and later) and the one before it. Tensors (parameters
// included) are CPU views of the memory-mapped file wherever their alignment allows, keep the mapping alive, and are
// read-only (clone() before writing in place); tensors that shared a storage still share it. NumPy arrays become
// tensors, NumPy scalars numbers, torch.Size a tuple; other classes stay opaque. Any thread.
// Throws Error: NotFound, Io; Corrupt (broken, truncated or hostile content); Unsupported (TorchScript programs,
// big-endian or compressed files, the tar format before PyTorch 0.1.10).
PickleValue readTorchFile(const std::filesystem::path& path);

// The tensor that the file is, or the one under `key` of the dict that it is (directly, or inside its state dict).
// Throws Error (NotFound naming the keys there are, Mismatch when it is no tensor) and as readTorchFile.
at::Tensor readTorchTensor(const std::filesystem::path& path, const std::string& key = {});

// The tensors of a checkpoint, in file order: those of the file's dict, or of the dict under "state_dict",
// "model_state_dict" or "model" where there is one. Nested dicts and lists are flattened with dots; what is no tensor is
// left out. Throws Error (Mismatch when there is no tensor in it) and as readTorchFile.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
NamedTensors readStateDict(const std::filesystem::path& path);

// Writes the zip format so that torch.load(weights_only=True) loads it; atomic. Tensors may be on any device and are
// saved as CPU tensors. Tensors that share a storage share it in the file, which holds it once; a lone view is saved
// compact. Of opaque values only torch's dtypes ("torch.float32") can be written.
// Throws Error (Unsupported, Invalid; Io, DiskFull).
void writeTorchFile(const std::filesystem::path& path, const PickleValue& value);
void writeTorchTensor(const std::filesystem::path& path, const at::Tensor& tensor);

// An OrderedDict of tensors, as torch.save(module.state_dict()) writes.
PickleValue stateDictValue(const NamedTensors& tensors);

}  // namespace sememe
