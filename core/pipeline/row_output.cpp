// A matrix written to the paper's part files, or to one file, that survives being killed between any two rows.
#include "core/pipeline/row_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/torch_file.h"

namespace sememe {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

RowRecord parseRecord(const fs::path& path) {
  RowRecord record;
  try {
    const Json json = Json::parse(readTextFile(path));
    record.key = json.at("key").get<std::string>();
    record.done = json.at("rows_done").get<int64_t>();
    record.rows = json.at("rows").get<int64_t>();
    record.dim = json.at("dim").get<int64_t>();
    record.rowsPerImage = json.at("rows_per_image").get<int64_t>();
    for (const Json& f : json.at("failed"))
      record.failed.push_back({f.at("index").get<int64_t>(), f.at("path").get<std::string>(), f.at("reason").get<std::string>()});
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorCode::Corrupt, "the record of a run cannot be read; delete it to start afresh", path.string() + ", " + e.what());
  }
  if (record.done < 0 || record.done > record.rows || record.dim < 1 || record.rowsPerImage < 1)
    throw Error(ErrorCode::Corrupt, "the record of a run holds impossible numbers; delete it to start afresh", path.string());
  return record;
}

void writeAll(int fd, const void* data, size_t size, const fs::path& path) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throwErrno(errno, "cannot write", path.string());
    at += n;
    size -= size_t(n);
  }
}

}  // namespace

RowOutput::RowOutput(RowLayout layout) : m_layout(std::move(layout)) {
  std::error_code error;
  fs::create_directories(m_layout.folder, error);
  if (error) throwErrno(error.value(), "cannot make the folder", m_layout.folder.string());
  if (fs::exists(recordPath())) {
    m_record = parseRecord(recordPath());
    if (m_record.key != m_layout.key || m_record.rows != m_layout.rows || m_record.dim != m_layout.dim)
      throw Error(ErrorCode::Mismatch,
                  "the folder holds the rows of another run (other model, tap, tokens, SAE or images); choose another "
                  "folder or delete these files",
                  recordPath().string());
  } else {
    m_record = {m_layout.key, m_layout.rowsPerImage, 0, m_layout.rows, m_layout.dim, {}};
    if (fs::exists(partPath(1)))
      throw Error(ErrorCode::Mismatch, "there is a file of this name already, and no record of a run that it belongs to",
                  partPath(1).string());
  }
  checkParts();
  if (complete()) return;
  recover();
  writeRecord();
}

RowOutput::~RowOutput() {
  if (m_fd >= 0) ::close(m_fd);
}

void RowOutput::checkParts() const {
  const int64_t parts = complete() ? int64_t(files().size()) : m_record.done / partRows();
  for (int64_t n = 1; n <= parts; ++n)
    if (!fs::exists(partPath(n)))
      throw Error(ErrorCode::NotFound, "a part that was written is gone; delete " + recordPath().string() + " to start afresh",
                  partPath(n).string());
}

void RowOutput::recover() {
  m_fd = ::open(rowsPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (m_fd < 0) throwErrno(errno, "cannot open", rowsPath().string());
  if (::flock(m_fd, LOCK_EX | LOCK_NB) != 0)
    throw Error(ErrorCode::Busy, "another program writes these rows now", rowsPath().string());
  // Rows beyond the record were written by a call that ended before they counted.
  m_pending = m_record.done % partRows();
  m_written = m_record.done;
  const int64_t size = m_pending * m_layout.dim * int64_t(sizeof(float));
  if (::lseek(m_fd, 0, SEEK_END) < size)
    throw Error(ErrorCode::Corrupt, "rows that were written are gone; delete " + recordPath().string() + " to start afresh",
                rowsPath().string());
  if (::ftruncate(m_fd, size) != 0) throwErrno(errno, "cannot shorten", rowsPath().string());
  if (::lseek(m_fd, size, SEEK_SET) < 0) throwErrno(errno, "cannot seek in", rowsPath().string());
}

fs::path RowOutput::partPath(int64_t number) const {
  return m_layout.folder /
         (m_layout.rowsPerPart > 0 ? m_layout.prefix + "_part" + std::to_string(number) + ".pt" : m_layout.prefix + ".pt");
}

std::vector<std::string> RowOutput::files() const {
  std::vector<std::string> files;
  const int64_t parts = (m_layout.rows + partRows() - 1) / partRows();
  for (int64_t n = 1; n <= parts; ++n) files.push_back(partPath(n).string());
  return files;
}

void RowOutput::append(const at::Tensor& rows) {
  if (rows.size(1) != m_layout.dim || m_pending + rows.size(0) > partRows() || m_written + rows.size(0) > m_layout.rows)
    throw Error(ErrorCode::Invalid, "rows of another width, or beyond the end of a part", rowsPath().string());
  const at::Tensor plain = rows.contiguous();
  writeAll(m_fd, plain.const_data_ptr(), size_t(plain.nbytes()), rowsPath());
  m_pending += rows.size(0);
  m_written += rows.size(0);
}

void RowOutput::commit(const std::vector<FailedImage>& failed) {
  const bool full = m_pending == partRows() || m_written == m_layout.rows;
  if (::fdatasync(m_fd) != 0) throwErrno(errno, "cannot write", rowsPath().string());
  // A part is written before the record counts it: killed in between, its last rows are made again, and the part too.
  if (full) {
    const at::Tensor part =
        at::from_file(rowsPath().string(), false, m_pending * m_layout.dim, at::kFloat).view({m_pending, m_layout.dim});
    writeTorchTensor(partPath((m_written + partRows() - 1) / partRows()), part);
  }
  m_record.done = m_written;
  m_record.failed.insert(m_record.failed.end(), failed.begin(), failed.end());
  writeRecord();
  if (full) {
    m_pending = 0;
    if (::ftruncate(m_fd, 0) != 0 || ::lseek(m_fd, 0, SEEK_SET) < 0) throwErrno(errno, "cannot empty", rowsPath().string());
  }
  if (complete()) {
    std::error_code ignored;
    fs::remove(rowsPath(), ignored);
  }
}

void RowOutput::writeRecord() const {
  Json failed = Json::array();
  for (const FailedImage& f : m_record.failed) failed.push_back({{"index", f.index}, {"path", f.path}, {"reason", f.reason}});
  const Json json = {{"key", m_record.key},   {"rows", m_record.rows},
                     {"dim", m_record.dim},   {"rows_per_image", m_record.rowsPerImage},
                     {"rows_done", m_record.done}, {"failed", failed}};
  writeTextFile(recordPath(), json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

bool readRowRecord(const fs::path& path, RowRecord& record) {
  fs::path found;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    for (const auto& entry : fs::directory_iterator(path, ignored)) {
      const std::string name = entry.path().filename().string();
      if (!name.ends_with("_run.json")) continue;
      // Embeddings may lie in the same folder; those of parts count.
      const std::string prefix = name.substr(0, name.size() - std::string_view("_run.json").size());
      if (fs::exists(path / (prefix + "_part1.pt"), ignored) || !fs::exists(path / (prefix + ".pt"), ignored)) found = entry.path();
    }
  } else {
    found = path.parent_path() / (path.stem().string() + "_run.json");
  }
  if (found.empty() || !fs::exists(found, ignored)) return false;
  record = parseRecord(found);
  if (record.done < record.rows)
    throw Error(ErrorCode::Mismatch, "these rows are unfinished (" + std::to_string(record.done) + " of " +
                                         std::to_string(record.rows) + "); run the command that writes them again",
                found.string());
  return true;
}

}  // namespace sememe
