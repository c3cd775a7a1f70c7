// Matrices larger than memory, read in blocks of rows from whatever file or folder holds them, and written in parts.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sememe {

// A matrix [rows, dim] that is read piece by piece. read() may be called from one thread at a time.
class TensorSource {
 public:
  // `spec`: x.pt or x.pth (a tensor), x.pt:KEY (of a dict), x.npy, x.safetensors:KEY (KEY may be left out when the file
  // holds one tensor), a folder of parts `…_part{N}.pt`, ordered by their number (other files in it are ignored), or
  // saev's shards/HASH:LAYER, every token a row (LAYER may be left out when there is one).
  // The matrix must be 2-D and of a real number type; a 3-D tensor [a, b, dim] reads as [a·b, dim].
  // Throws Error (NotFound, Io, Corrupt; Unsupported: another kind of file; Mismatch: not a matrix, parts of different
  // widths or of several prefixes).
  static std::unique_ptr<TensorSource> open(const std::string& spec);
  // A matrix that is in memory already; throws Error (Mismatch) as above.
  static std::unique_ptr<TensorSource> of(const at::Tensor& matrix, const std::string& description);

  virtual ~TensorSource() = default;
  TensorSource(const TensorSource&) = delete;
  TensorSource& operator=(const TensorSource&) = delete;

  virtual int64_t rows() const = 0;
  virtual int64_t dim() const = 0;
  // Rows begin … begin + count − 1 as a new contiguous float32 CPU tensor [count, dim].
  // Throws Error (Invalid: outside 0 … rows()).
  virtual at::Tensor read(int64_t begin, int64_t count) = 0;
  virtual std::string describe() const = 0;     // for messages: what was opened, its shape and dtype
  virtual std::string where(int64_t row) const = 0;  // for messages: the file that holds the row, and the row's number there
  virtual std::string fingerprint() const = 0;  // of the files' contents (core/base/hash.h)

 protected:
  TensorSource() = default;
};

// Writes a matrix in the paper's layout: {folder}/{prefix}_part{N}.pt from N = 1, each a tensor of at most `rowsPerPart`
// rows. Each part is atomic: a file that has its name is whole. One thread at a time.
class PartsWriter {
 public:
  // `resume`: parts 1 … n that are there already are kept and count as written; otherwise they are removed. Parts after
  // a gap are always removed. Throws Error (Io, DiskFull, Invalid; Corrupt: a part that cannot be read).
  PartsWriter(std::filesystem::path folder, std::string prefix, int64_t rowsPerPart, bool resume = false);

  // Adds rows [n, dim]; their dtype is kept, and dtype and dim must stay the same. Throws Error (Mismatch, Io, DiskFull).
  void append(const at::Tensor& rows);
  // Writes what is left as the last part. A writer destroyed without finish() leaves the whole parts only.
  void finish();

  int64_t rowsOnDisk() const { return m_rowsOnDisk; }  // where a resumed run goes on
  int64_t parts() const { return m_parts; }            // on disk

 private:
  std::filesystem::path partPath(int64_t number) const;
  void writePart(int64_t rows);

  std::filesystem::path m_folder;
  std::string m_prefix;
  int64_t m_rowsPerPart;
  int64_t m_rowsOnDisk = 0, m_parts = 0, m_pendingRows = 0;
  std::vector<at::Tensor> m_pending;
  int64_t m_dim = -1;
  at::ScalarType m_type = at::ScalarType::Undefined;
};

}  // namespace sememe
