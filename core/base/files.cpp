// Files: whole reads, memory maps, atomic writes.
#include "core/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/error.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

// Opens for reading and gives the size; refuses folders, pipes and devices.
int openRegular(const fs::path& path, int64_t& size) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throwErrno(errno, "cannot open", path.string());
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    throw Error(ErrorCode::Invalid, "not a regular file", path.string());
  }
  size = info.st_size;
  return fd;
}

}  // namespace

std::string readTextFile(const fs::path& path, int64_t maxBytes) {
  int64_t size = 0;
  const int fd = openRegular(path, size);
  if (size > maxBytes) {
    ::close(fd);
    throw Error(ErrorCode::Corrupt,
                "the file has " + std::to_string(size) + " bytes, at most " + std::to_string(maxBytes) + " expected",
                path.string());
  }
  std::string text(static_cast<size_t>(size), '\0');
  size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::read(fd, text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  ::close(fd);
  if (got != text.size()) throw Error(ErrorCode::Io, "cannot read the whole file", path.string());
  return text;
}

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& path) {
  int64_t size = 0;
  const int fd = openRegular(path, size);
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->m_path = path;
  if (size > 0) {
    void* data = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, fd, 0);
    const int error = errno;
    ::close(fd);
    if (data == MAP_FAILED) throwErrno(error, "cannot map", path.string());
    file->m_data = static_cast<const std::byte*>(data);
    file->m_size = static_cast<size_t>(size);
  } else {
    ::close(fd);
  }
  return file;
}

void MappedFile::release(size_t offset, size_t size) const {
  // Whole pages of the range alone: its neighbours may be in use.
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = (offset + page - 1) / page * page, end = std::min(offset + size, m_size) / page * page;
  if (begin < end) ::madvise(const_cast<std::byte*>(m_data) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (m_data) ::munmap(const_cast<std::byte*>(m_data), m_size);
}

AtomicFile::AtomicFile(fs::path path) : m_path(std::move(path)), m_temporary(m_path) {
  m_temporary += ".part";
  std::error_code ignored;
  if (m_path.has_parent_path()) fs::create_directories(m_path.parent_path(), ignored);
  m_fd = ::open(m_temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (m_fd < 0) throwErrno(errno, "cannot write", m_path.string());
}

AtomicFile::~AtomicFile() {
  if (m_fd < 0) return;
  ::close(m_fd);
  ::unlink(m_temporary.c_str());
}

void AtomicFile::write(const void* data, size_t size) {
  const auto* p = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(m_fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throwErrno(errno, "cannot write", m_path.string());
    p += n;
    size -= static_cast<size_t>(n);
    m_position += n;
  }
}

void AtomicFile::commit() {
  if (::fsync(m_fd) != 0) throwErrno(errno, "cannot write", m_path.string());
  ::close(m_fd);
  m_fd = -1;
  if (::rename(m_temporary.c_str(), m_path.c_str()) != 0) {
    const int error = errno;
    ::unlink(m_temporary.c_str());
    throwErrno(error, "cannot write", m_path.string());
  }
}

void writeTextFile(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace sememe
