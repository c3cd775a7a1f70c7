// Files: whole reads, memory maps, and writes that are there completely or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sememe {

// The whole file as text. Throws Error (NotFound, Io; Corrupt when larger than `maxBytes`).
std::string readTextFile(const std::filesystem::path& path, int64_t maxBytes = 256 << 20);

// A read-only, private memory map of a whole file; shared by the views made from it. Any thread may read it.
class MappedFile {
 public:
  // Throws Error (NotFound, Io). An empty file maps to an empty span.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {m_data, m_size}; }
  // Gives the memory of a range back to the system; it is read from the file again when it is looked at again.
  void release(size_t offset, size_t size) const;
  const std::filesystem::path& path() const { return m_path; }

 private:
  MappedFile() = default;
  std::filesystem::path m_path;
  const std::byte* m_data = nullptr;
  size_t m_size = 0;
};

// Writes to `path`.part and renames on commit(); destroyed without commit() it leaves nothing. Creates the folder.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t size);  // throws Error (Io, DiskFull)
  void write(std::string_view text) { write(text.data(), text.size()); }
  int64_t position() const { return m_position; }
  void commit();  // flushes to the disk, then renames

 private:
  std::filesystem::path m_path, m_temporary;
  int m_fd = -1;
  int64_t m_position = 0;
};

// Writes a small text file atomically.
void writeTextFile(const std::filesystem::path& path, std::string_view text);

}  // namespace sememe
