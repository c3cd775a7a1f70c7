// Zip archives of stored entries: the reader.
#include "core/weights/zip_archive.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr int64_t kEndSize = 22, kLocatorSize = 20, kEnd64Size = 56, kCentralSize = 46, kLocalSize = 30;
constexpr uint32_t kEndMark = 0x06054b50, kLocatorMark = 0x07064b50, kEnd64Mark = 0x06064b50;
constexpr uint32_t kCentralMark = 0x02014b50, kLocalMark = 0x04034b50;

uint64_t littleEndian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
  return value;
}

// Where the end record starts: the last place that has its mark and a comment that ends with the file. −1: none.
int64_t findEnd(std::span<const std::byte> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  const int64_t earliest = std::max<int64_t>(0, size - kEndSize - 0xffff);
  for (int64_t at = size - kEndSize; at >= earliest; --at)
    if (littleEndian(bytes.subspan(size_t(at), 4)) == kEndMark &&
        int64_t(littleEndian(bytes.subspan(size_t(at) + 20, 2))) == size - at - kEndSize)
      return at;
  return -1;
}

}  // namespace

void ZipReader::corrupt(const std::string& what) const {
  throw Error(ErrorCode::Corrupt, "broken zip archive: " + what, m_file->path().string());
}

bool ZipReader::looksLikeZip(const MappedFile& file) { return findEnd(file.bytes()) >= 0; }

uint64_t ZipReader::number(int64_t at, int size) const {
  const auto bytes = m_file->bytes();
  if (at < 0 || at > int64_t(bytes.size()) - size) corrupt("a record lies outside the file");
  return littleEndian(bytes.subspan(size_t(at), size_t(size)));
}

ZipReader::Directory ZipReader::findDirectory() const {
  const auto natural = [this](uint64_t value) {
    if (value > uint64_t(std::numeric_limits<int64_t>::max())) corrupt("a size is impossible");
    return int64_t(value);
  };
  int64_t end = findEnd(m_file->bytes());
  if (end < 0) corrupt("it has no end record; the file may be cut short");
  Directory directory;
  uint64_t disk = number(end + 4, 2);
  directory.count = int64_t(number(end + 10, 2));
  directory.size = int64_t(number(end + 12, 4));
  directory.offset = int64_t(number(end + 16, 4));
  if (end >= kLocatorSize && number(end - kLocatorSize, 4) == kLocatorMark) {
    // The 64-bit end record lies right before its locator, however much was put before the archive.
    end -= kLocatorSize + kEnd64Size;
    if (number(end, 4) != kEnd64Mark) corrupt("its 64-bit end record is missing");
    disk = number(end + 16, 4);
    directory.count = natural(number(end + 32, 8));
    directory.size = natural(number(end + 40, 8));
    directory.offset = natural(number(end + 48, 8));
  }
  if (disk != 0) throw Error(ErrorCode::Unsupported, "zip archives of several disks are not read", m_file->path().string());
  if (directory.size > end || directory.offset > end - directory.size) corrupt("its directory lies outside the file");
  directory.shift = end - directory.size - directory.offset;
  if (directory.count > directory.size / kCentralSize) corrupt("its directory is too small for its entries");
  return directory;
}

ZipReader::Entry ZipReader::locate(int64_t headerOffset, int64_t size, const std::string& name) const {
  if (number(headerOffset, 4) != kLocalMark) corrupt("the entry '" + name + "' is not where the directory says");
  Entry entry;
  entry.offset = headerOffset + kLocalSize + int64_t(number(headerOffset + 26, 2)) + int64_t(number(headerOffset + 28, 2));
  entry.size = size;
  const auto fileSize = int64_t(m_file->bytes().size());
  if (entry.offset > fileSize || size > fileSize - entry.offset)
    corrupt("the entry '" + name + "' of " + std::to_string(size) + " bytes lies outside the file");
  return entry;
}

ZipReader::ZipReader(std::shared_ptr<const MappedFile> file) : m_file(std::move(file)) {
  const Directory directory = findDirectory();
  int64_t at = directory.offset + directory.shift;
  const int64_t end = at + directory.size;
  for (int64_t i = 0; i < directory.count; ++i) {
    if (at > end - kCentralSize || number(at, 4) != kCentralMark) corrupt("its directory is damaged");
    const uint64_t flags = number(at + 8, 2), method = number(at + 10, 2);
    uint64_t packed = number(at + 20, 4), size = number(at + 24, 4), offset = number(at + 42, 4);
    const auto nameSize = int64_t(number(at + 28, 2)), extraSize = int64_t(number(at + 30, 2)),
               commentSize = int64_t(number(at + 32, 2));
    if (nameSize + extraSize + commentSize > end - at - kCentralSize) corrupt("its directory is damaged");
    const std::string name(reinterpret_cast<const char*>(m_file->bytes().data()) + at + kCentralSize, size_t(nameSize));

    // The 64-bit field holds, in this order, those of the three that do not fit into 32 bits.
    for (int64_t extra = at + kCentralSize + nameSize, last = extra + extraSize; extra + 4 <= last;) {
      const uint64_t id = number(extra, 2);
      const auto length = int64_t(number(extra + 2, 2));
      int64_t field = extra + 4;
      if (length > last - field) corrupt("its directory is damaged");
      extra = field + length;
      if (id != 1) continue;
      for (uint64_t* value : {&size, &packed, &offset}) {
        if (*value != 0xffffffff) continue;
        if (field + 8 > extra) corrupt("a 64-bit size is missing");
        *value = number(field, 8);
        field += 8;
      }
    }
    at += kCentralSize + nameSize + extraSize + commentSize;
    if (name.ends_with('/')) continue;  // a folder
    if ((flags & 1) != 0 || method != 0)
      throw Error(ErrorCode::Unsupported,
                  std::string("the zip entry '") + name + "' is " + (method != 0 ? "compressed" : "encrypted") +
                      "; torch.save stores entries as they are",
                  m_file->path().string());
    constexpr auto kMax = uint64_t(std::numeric_limits<int64_t>::max());
    if (size != packed || size > kMax || offset > kMax - uint64_t(directory.shift))
      corrupt("the entry '" + name + "' has impossible sizes");
    if (!m_entries.emplace(name, locate(int64_t(offset) + directory.shift, int64_t(size), name)).second)
      corrupt("it has two entries '" + name + "'");
  }
}

const ZipReader::Entry* ZipReader::find(std::string_view name) const {
  const auto it = m_entries.find(name);
  return it == m_entries.end() ? nullptr : &it->second;
}

std::span<const std::byte> ZipReader::bytes(const Entry& entry) const {
  return m_file->bytes().subspan(size_t(entry.offset), size_t(entry.size));
}

}  // namespace sememe
