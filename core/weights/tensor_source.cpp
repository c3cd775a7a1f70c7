// Matrices read in blocks of rows from whatever file or folder holds them.
#include "core/weights/tensor_source.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/weights/dtypes.h"
#include "core/weights/npy.h"
#include "core/weights/part_names.h"
#include "core/weights/saev_shards.h"
#include "core/weights/safetensors.h"
#include "core/weights/torch_file.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

// The tensor as a matrix of real numbers.
at::Tensor asMatrix(const at::Tensor& tensor, const std::string& where) {
  if (tensor.dim() != 2 && tensor.dim() != 3) {
    std::string shape;
    for (const int64_t size : tensor.sizes()) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    throw Error(ErrorCode::Mismatch, "a tensor of shape [" + shape + "], expected [rows, dim]", where);
  }
  if (tensor.is_complex())
    throw Error(ErrorCode::Mismatch, "a tensor of " + dtypeName(tensor.scalar_type()) + ", expected real numbers", where);
  return tensor.dim() == 3 ? tensor.reshape({tensor.size(0) * tensor.size(1), tensor.size(2)}) : tensor;
}

void checkRange(int64_t begin, int64_t count, int64_t rows, const std::string& where) {
  if (begin < 0 || count < 0 || begin > rows || count > rows - begin)
    throw Error(ErrorCode::Invalid,
                std::to_string(count) + " rows from row " + std::to_string(begin) + " on were asked for, of " +
                    std::to_string(rows),
                where);
}

// Copies rows into `target`, a float32 block, turning the dtype on the way.
void copyRows(const at::Tensor& matrix, int64_t begin, int64_t count, at::Tensor target) {
  target.copy_(matrix.narrow(0, begin, count));
}

class WholeSource : public TensorSource {
 public:
  WholeSource(const at::Tensor& matrix, std::string name, std::vector<fs::path> files, std::string key)
      : m_matrix(asMatrix(matrix, name)), m_name(std::move(name)), m_files(std::move(files)), m_key(std::move(key)) {}

  int64_t rows() const override { return m_matrix.size(0); }
  int64_t dim() const override { return m_matrix.size(1); }

  at::Tensor read(int64_t begin, int64_t count) override {
    checkRange(begin, count, rows(), m_name);
    at::Tensor result = at::empty({count, dim()}, at::kFloat);
    copyRows(m_matrix, begin, count, result);
    return result;
  }

  std::string describe() const override {
    return m_name + " [" + std::to_string(rows()) + ", " + std::to_string(dim()) + "] " +
           dtypeName(m_matrix.scalar_type());
  }

  std::string where(int64_t row) const override { return m_name + ", row " + std::to_string(row); }

  std::string fingerprint() const override {
    Fingerprint print;
    print.add(m_key);
    for (const fs::path& file : m_files) print.addFile(file);
    if (m_files.empty()) {
      const at::Tensor data = m_matrix.cpu().contiguous();
      print.add(rows()).add(dim()).add(dtypeName(data.scalar_type()));
      print.add(std::string_view(static_cast<const char*>(data.data_ptr()),
                                 static_cast<size_t>(data.numel() * data.element_size())));
    }
    return print.hex();
  }

 private:
  at::Tensor m_matrix;
  std::string m_name;
  std::vector<fs::path> m_files;
  std::string m_key;
};

// The parts of one folder. Few of them are mapped at a time: the pages of the others can go.
class PartsSource : public TensorSource {
 public:
  explicit PartsSource(const fs::path& folder) : m_folder(folder) {
    std::optional<std::string> prefix;
    for (const PartName& part : listParts(folder)) {
      if (prefix && *prefix != part.prefix)
        throw Error(ErrorCode::Mismatch, "parts of several sets lie here: '" + *prefix + "' and '" + part.prefix + "'",
                    folder.string());
      prefix = part.prefix;
      if (!m_parts.empty() && m_parts.back().number == part.number)
        throw Error(ErrorCode::Mismatch, "there are two parts " + std::to_string(part.number), folder.string());
      if (!m_parts.empty() && part.number != m_parts.back().number + 1)
        log(LogLevel::Warning, "parts " + std::to_string(m_parts.back().number + 1) + " to " +
                                   std::to_string(part.number - 1) + " are missing in " + folder.string());
      m_parts.push_back({folder / part.file, part.number, 0, 0, {}, 0});
    }
    if (m_parts.empty())
      throw Error(ErrorCode::NotFound, "the folder holds no parts, expected files '…_part1.pt', '…_part2.pt'",
                  folder.string());
    for (Part& part : m_parts) {
      const at::Tensor& matrix = mapped(part);
      if (&part == &m_parts.front()) {
        m_dim = matrix.size(1);
        m_dtype = dtypeName(matrix.scalar_type());
      } else if (matrix.size(1) != m_dim) {
        throw Error(ErrorCode::Mismatch,
                    "a part of width " + std::to_string(matrix.size(1)) + ", expected " + std::to_string(m_dim) +
                        " as in the first",
                    part.path.string());
      }
      part.begin = m_rows;
      part.rows = matrix.size(0);
      m_rows += part.rows;
    }
  }

  int64_t rows() const override { return m_rows; }
  int64_t dim() const override { return m_dim; }

  at::Tensor read(int64_t begin, int64_t count) override {
    checkRange(begin, count, m_rows, m_folder.string());
    at::Tensor result = at::empty({count, m_dim}, at::kFloat);
    for (size_t index = partOf(begin); count > 0 && index < m_parts.size(); ++index) {
      Part& part = m_parts[index];
      const int64_t first = begin - part.begin, n = std::min(count, part.rows - first);
      if (n <= 0) continue;
      const at::Tensor& matrix = mapped(part);
      if (matrix.size(0) != part.rows || matrix.size(1) != m_dim)
        throw Error(ErrorCode::Mismatch, "the part changed its shape while it was read", part.path.string());
      copyRows(matrix, first, n, result.narrow(0, result.size(0) - count, n));
      begin += n;
      count -= n;
    }
    return result;
  }

  std::string describe() const override {
    return m_folder.string() + " [" + std::to_string(m_rows) + ", " + std::to_string(m_dim) + "] " + m_dtype + " in " +
           std::to_string(m_parts.size()) + (m_parts.size() == 1 ? " part" : " parts");
  }

  std::string where(int64_t row) const override {
    const Part& part = m_parts[partOf(row)];
    return part.path.string() + ", row " + std::to_string(row - part.begin);
  }

  std::string fingerprint() const override {
    Fingerprint print;
    for (const Part& part : m_parts) print.addFile(part.path);
    return print.hex();
  }

 private:
  struct Part {
    fs::path path;
    int64_t number, begin, rows;
    at::Tensor matrix;  // undefined while it is not mapped
    int64_t lastUse;
  };
  static constexpr int kMapped = 16;

  // The last part that begins at or before the row: the one that holds it, empty parts holding none.
  size_t partOf(int64_t row) const {
    const auto next = std::upper_bound(m_parts.begin(), m_parts.end(), row, [](int64_t r, const Part& p) { return r < p.begin; });
    return next == m_parts.begin() ? 0 : static_cast<size_t>(next - m_parts.begin()) - 1;
  }

  const at::Tensor& mapped(Part& part) {
    part.lastUse = ++m_uses;
    if (part.matrix.defined()) return part.matrix;
    part.matrix = asMatrix(readTorchTensor(part.path), part.path.string());
    m_open.push_back(&part);
    if (m_open.size() > kMapped) {
      const auto oldest = std::min_element(m_open.begin(), m_open.end(),
                                           [](const Part* a, const Part* b) { return a->lastUse < b->lastUse; });
      (*oldest)->matrix = at::Tensor();
      m_open.erase(oldest);
    }
    return part.matrix;
  }

  fs::path m_folder;
  std::vector<Part> m_parts;  // fixed in size before pointers to them are taken
  std::vector<Part*> m_open;
  int64_t m_rows = 0, m_dim = 0, m_uses = 0;
  std::string m_dtype;
};

// Splits FILE:KEY at the last colon before which there is a file or a folder of saev's. A path that exists as it stands has no key.
std::pair<fs::path, std::string> splitSpec(const std::string& spec) {
  std::error_code ignored;
  if (fs::exists(spec, ignored)) return {spec, {}};
  for (size_t colon = spec.rfind(':'); colon != std::string::npos && colon > 0; colon = spec.rfind(':', colon - 1))
    if (fs::is_regular_file(spec.substr(0, colon), ignored) || isSaevShards(spec.substr(0, colon))) return {spec.substr(0, colon), spec.substr(colon + 1)};
  throw Error(ErrorCode::NotFound, "there is no such file or folder", spec);
}

at::Tensor readSafetensor(const fs::path& path, const std::string& key) {
  const auto file = SafetensorsFile::open(path);
  if (!key.empty()) return file->tensor(key);
  const std::vector<std::string> keys = file->keys();
  if (keys.size() == 1) return file->tensor(keys.front());
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(keys.size(), 8); ++i) list += (i ? ", " : "") + keys[i];
  throw Error(ErrorCode::NotFound,
              "the file holds " + std::to_string(keys.size()) + " tensors; name one: " + list +
                  (keys.size() > 8 ? ", …" : ""),
              path.string());
}

}  // namespace

std::unique_ptr<TensorSource> TensorSource::open(const std::string& spec) {
  const auto [path, key] = splitSpec(spec);
  std::error_code ignored;
  if (isSaevShards(path)) return openSaevShards(path, key);
  if (fs::is_directory(path, ignored)) return std::make_unique<PartsSource>(path);
  const std::string extension = path.extension().string();
  at::Tensor tensor;
  if (extension == ".pt" || extension == ".pth" || extension == ".bin")
    tensor = readTorchTensor(path, key);
  else if (extension == ".safetensors")
    tensor = readSafetensor(path, key);
  else if (extension == ".npy" && key.empty())
    tensor = readNpy(path);
  else
    throw Error(ErrorCode::Unsupported,
                "expected x.pt, x.pth, x.pt:KEY, x.npy, x.safetensors:KEY, a folder of parts or of saev's shards", spec);
  return std::make_unique<WholeSource>(tensor, spec, std::vector<fs::path>{path}, key);
}

std::unique_ptr<TensorSource> TensorSource::of(const at::Tensor& matrix, const std::string& description) {
  return std::make_unique<WholeSource>(matrix, description, std::vector<fs::path>{}, std::string());
}

}  // namespace sememe
