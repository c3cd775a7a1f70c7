// Matrices written in parts, and the names of the parts.
#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/weights/dtypes.h"
#include "core/weights/part_names.h"
#include "core/weights/tensor_source.h"
#include "core/weights/torch_file.h"

namespace fs = std::filesystem;

namespace sememe {

std::optional<PartName> parsePartName(std::string_view fileName) {
  constexpr std::string_view kMark = "_part", kEnding = ".pt";
  if (!fileName.ends_with(kEnding)) return std::nullopt;
  const std::string_view stem = fileName.substr(0, fileName.size() - kEnding.size());
  const size_t mark = stem.rfind(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view digits = stem.substr(mark + kMark.size());
  PartName name{std::string(fileName), std::string(stem.substr(0, mark)), 0};
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), name.number);
  if (error != std::errc()) return std::nullopt;
  return name;
}

std::vector<PartName> listParts(const fs::path& folder) {
  std::vector<PartName> parts;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      auto name = parsePartName(entry.path().filename().string());
      if (name && entry.is_regular_file()) parts.push_back(std::move(*name));
    }
  } catch (const fs::filesystem_error& e) {
    throwErrno(e.code().value(), "cannot list", folder.string());
  }
  std::sort(parts.begin(), parts.end(), [](const PartName& a, const PartName& b) {
    return std::tie(a.prefix, a.number, a.file) < std::tie(b.prefix, b.number, b.file);
  });
  return parts;
}

PartsWriter::PartsWriter(fs::path folder, std::string prefix, int64_t rowsPerPart, bool resume)
    : m_folder(std::move(folder)), m_prefix(std::move(prefix)), m_rowsPerPart(rowsPerPart) {
  if (m_rowsPerPart < 1) throw Error(ErrorCode::Invalid, "a part needs at least one row", m_folder.string());
  std::error_code error;
  fs::create_directories(m_folder, error);
  if (error) throwErrno(error.value(), "cannot make the folder", m_folder.string());
  for (const PartName& part : listParts(m_folder)) {
    if (part.prefix != m_prefix) continue;
    const fs::path path = m_folder / part.file;
    if (resume && part.number == m_parts + 1 && path == partPath(part.number)) {
      const at::Tensor rows = readTorchTensor(path);
      if (rows.dim() != 2 || (m_parts > 0 && (rows.size(1) != m_dim || rows.scalar_type() != m_type)))
        throw Error(ErrorCode::Corrupt, "the part does not continue those before it", path.string());
      m_dim = rows.size(1);
      m_type = rows.scalar_type();
      m_rowsOnDisk += rows.size(0);
      ++m_parts;
    } else if (!fs::remove(path, error) && error) {
      throwErrno(error.value(), "cannot remove", path.string());
    }
  }
}

fs::path PartsWriter::partPath(int64_t number) const {
  return m_folder / (m_prefix + "_part" + std::to_string(number) + ".pt");
}

void PartsWriter::append(const at::Tensor& rows) {
  if (rows.dim() != 2 || (m_dim >= 0 && (rows.size(1) != m_dim || rows.scalar_type() != m_type)))
    throw Error(ErrorCode::Mismatch,
                m_dim < 0 ? "rows must be [n, dim]"
                          : "rows must be " + dtypeName(m_type) + " [n, " + std::to_string(m_dim) + "]",
                partPath(m_parts + 1).string());
  if (rows.size(0) == 0) return;
  m_dim = rows.size(1);
  m_type = rows.scalar_type();
  // A copy: the caller may use its block again.
  m_pending.push_back(rows.detach().to(at::kCPU, m_type, false, true).contiguous());
  m_pendingRows += rows.size(0);
  while (m_pendingRows >= m_rowsPerPart) writePart(m_rowsPerPart);
}

void PartsWriter::writePart(int64_t rows) {
  const at::Tensor all = m_pending.size() == 1 ? m_pending.front() : at::cat(m_pending);
  writeTorchTensor(partPath(m_parts + 1), all.narrow(0, 0, rows));
  m_pending.clear();
  m_pendingRows -= rows;
  if (m_pendingRows > 0) m_pending.push_back(all.narrow(0, rows, m_pendingRows).clone());
  m_rowsOnDisk += rows;
  ++m_parts;
}

void PartsWriter::finish() {
  if (m_pendingRows > 0) writePart(m_pendingRows);
}

}  // namespace sememe
