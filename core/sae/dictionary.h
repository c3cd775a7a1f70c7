// Sparse autoencoders ("dictionaries") as trained by the field's libraries: load, encode, decode, save.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/sae/sae_type.h"
#include "core/sae/sparse_codes.h"

namespace sememe {

// A trained dictionary: F latents over activations of width d. Its weights do not change after it is made, except that
// to() moves them; all const members may be called from several threads at once. Nothing here records gradients.
// Every type of SaeType fits behind this interface; loadDictionary() says which are there.
class Dictionary {
 public:
  virtual ~Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  virtual SaeType type() const = 0;
  virtual int64_t activationDim() const = 0;  // d
  virtual int64_t dictSize() const = 0;       // F
  // Mean number of latents a row was trained to have; 0 for types without such a number.
  virtual int64_t k() const = 0;
  // Sizes of the nested groups in the order of the latents; sum F. One group for types without any.
  virtual std::vector<int64_t> groupSizes() const { return {dictSize()}; }
  // Latents must lie strictly above it to count; −1 when training ended before it was set. One number for all latents;
  // NaN for types that have one for each.
  virtual double threshold() const = 0;

  // Latents of x [..., d] → [..., F], float32, on the dictionary's device, as the type's library computes them for
  // inference. Any real dtype and device. Throws Error (Mismatch) when the last axis is not d.
  at::Tensor encode(const at::Tensor& x) const;
  // The same, dense codes of at most `blockRows` rows being in memory at a time. x [N, d] (more axes count as rows).
  SparseCodes encodeSparse(const at::Tensor& x, int64_t blockRows = 1024) const;
  // The same by the type's other rule of what stays: for the BatchTopK types the k·N largest of N rows instead of those
  // above the threshold, for TopK those above the threshold. x [N, d]. Undefined for types with one rule.
  virtual at::Tensor encodeByOtherRule(const at::Tensor&) const { return {}; }
  // z [..., F] → [..., d], float32. Throws Error (Mismatch) when the last axis is not F.
  at::Tensor decode(const at::Tensor& z) const;
  // The same from the latents of the first `groups` groups alone. Throws Error (Invalid) outside 0 … number of groups.
  at::Tensor decodePrefix(const at::Tensor& z, int64_t groups) const;
  at::Tensor decodeSparse(const SparseCodes& z) const;  // → [N, d], float32

  virtual at::Tensor decoderRows() const = 0;  // [F, d], float32: each latent's direction; do not write into it
  virtual at::Tensor decoderBias() const = 0;  // [d], float32

  // Writes a state dict with the type's key names (core/sae/sae_type.h), which the library's from_pretrained loads;
  // atomic. Throws Error (Io, DiskFull).
  void save(const std::filesystem::path& path) const;
  // Of the type and the weights (for tensors above 1 MiB their first, middle and last 256 KiB); it is the same before
  // saving and after loading.
  std::string fingerprint() const;

  virtual void to(at::Device device) = 0;
  virtual at::Device device() const = 0;

  // What save() writes, CPU tensors in the library's order, names and shapes.
  virtual std::vector<std::pair<std::string, at::Tensor>> stateDict() const = 0;

 protected:
  Dictionary() = default;
  virtual at::Tensor encodeRows(const at::Tensor& x) const = 0;  // float32 [N, d] → [N, F] on device()
};

// Loads a folder of SAELens (core/sae/saelens.h), or a state dict of dictionary_learning: `path` is then ae.pt (any name),
// the folder that holds it, or that folder's parent (trainer_0 is looked for). The type of a state dict follows
// from the keys; TopK and BatchTopK have the same ones, so config.json beside the file (or beside the folder
// "checkpoints" that it lies in) decides between them, and without one BatchTopK is taken and a warning logged.
// Throws Error: NotFound, Io, Corrupt (broken file, weights that are NaN or infinite), Mismatch (shapes), Unsupported
// (keys of no known type, or a type that is not there yet; the message names those that are).
std::unique_ptr<Dictionary> loadDictionary(const std::filesystem::path& path);

}  // namespace sememe
