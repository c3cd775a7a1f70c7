// A file in memory that has a path, for readers that open files.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace sememe::test {

class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : m_fd(::memfd_create("fuzz", MFD_CLOEXEC)) {
    while (size > 0) {
      const ssize_t written = ::write(m_fd, data, size);
      if (written <= 0) std::abort();  // no file at all, or no memory: nothing that the target did
      data += written;
      size -= static_cast<size_t>(written);
    }
  }
  ~MemoryFile() { ::close(m_fd); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(m_fd); }

 private:
  int m_fd;
};

}  // namespace sememe::test
