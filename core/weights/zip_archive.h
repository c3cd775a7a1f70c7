// Zip archives of stored (uncompressed) entries, as torch.save makes them: a reader over a mapping, and a writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"

namespace sememe {

// The entries of an archive. Any thread may read it once made.
class ZipReader {
 public:
  struct Entry {
    int64_t offset = 0;  // of the data, from the start of the file
    int64_t size = 0;
  };

  // Whether the file ends like a zip archive.
  static bool looksLikeZip(const MappedFile& file);

  // Reads the central directory (zip64 too) and checks that every entry lies in the file. Bytes before the archive are
  // allowed. Throws Error (Corrupt; Unsupported: compressed or encrypted entries, archives of several disks).
  explicit ZipReader(std::shared_ptr<const MappedFile> file);

  const std::map<std::string, Entry, std::less<>>& entries() const { return m_entries; }
  const Entry* find(std::string_view name) const;  // null when absent
  std::span<const std::byte> bytes(const Entry& entry) const;
  const std::shared_ptr<const MappedFile>& file() const { return m_file; }

 private:
  struct Directory {
    int64_t offset = 0, size = 0, count = 0;
    int64_t shift = 0;  // bytes before the archive
  };
  Directory findDirectory() const;
  Entry locate(int64_t headerOffset, int64_t size, const std::string& name) const;
  uint64_t number(int64_t at, int size) const;  // little-endian; checked
  [[noreturn]] void corrupt(const std::string& what) const;

  std::shared_ptr<const MappedFile> m_file;
  std::map<std::string, Entry, std::less<>> m_entries;
};

// Writes an archive into a file that the caller commits. One thread.
class ZipWriter {
 public:
  static constexpr int64_t kZip64From = 0xffffffff;

  // `zip64From`: sizes and offsets from here on use the 64-bit records; smaller only to test them.
  explicit ZipWriter(AtomicFile& file, int64_t zip64From = kZip64From) : m_file(file), m_zip64From(zip64From) {}

  // Adds an entry whose data starts at a multiple of `alignment` (a power of two up to 4096). Throws Error (Io, DiskFull).
  void add(const std::string& name, std::span<const std::byte> data, int alignment = 1);
  void add(const std::string& name, std::string_view text, int alignment = 1);
  void finish();  // writes the central directory

 private:
  struct Written {
    std::string name;
    int64_t offset, size;
    uint32_t crc;
  };
  AtomicFile& m_file;
  int64_t m_zip64From;
  std::vector<Written> m_written;
};

// The checksum of zip files (CRC-32, polynomial 0xEDB88320).
uint32_t crc32(std::span<const std::byte> data);

}  // namespace sememe
