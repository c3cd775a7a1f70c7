// Zip archives of stored entries: the writer.
#include <array>
#include <cstring>

#include "core/weights/zip_archive.h"

namespace sememe {
namespace {

// Eight tables, so that eight bytes are taken at a time ("slicing by 8").
std::array<std::array<uint32_t, 256>, 8> crcTables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0u);
    tables[0][i] = value;
  }
  for (size_t t = 1; t < 8; ++t)
    for (size_t i = 0; i < 256; ++i) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
  return tables;
}

class Record {
 public:
  Record& number(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) m_bytes += static_cast<char>(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Record& text(std::string_view text) {
    m_bytes += text;
    return *this;
  }
  const std::string& bytes() const { return m_bytes; }

 private:
  std::string m_bytes;
};

constexpr uint64_t kFull = 0xffffffff;
constexpr uint64_t kDate = 0x0021;      // 1 January 1980: the same content gives the same file
constexpr uint64_t kUtf8Names = 0x800;  // flag

}  // namespace

uint32_t crc32(std::span<const std::byte> data) {
  static const auto tables = crcTables();
  uint32_t crc = 0xffffffff;
  const auto* p = reinterpret_cast<const uint8_t*>(data.data());
  size_t left = data.size();
  for (; left >= 8; left -= 8, p += 8) {
    const uint32_t low = crc ^ (uint32_t(p[0]) | uint32_t(p[1]) << 8 | uint32_t(p[2]) << 16 | uint32_t(p[3]) << 24);
    crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
          tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
  }
  for (; left > 0; --left, ++p) crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
  return ~crc;
}

void ZipWriter::add(const std::string& name, std::string_view text, int alignment) {
  add(name, std::as_bytes(std::span(text.data(), text.size())), alignment);
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> data, int alignment) {
  const int64_t offset = m_file.position();
  const auto size = static_cast<int64_t>(data.size());
  const uint32_t crc = crc32(data);
  const bool wide = size >= m_zip64From;

  Record extra;
  if (wide) extra.number(1, 2).number(16, 2).number(uint64_t(size), 8).number(uint64_t(size), 8);
  // PyTorch pads with a field of its own, "FB" and then Zs.
  if (alignment > 1) {
    const int64_t start = offset + 30 + int64_t(name.size()) + int64_t(extra.bytes().size()) + 4;
    const int64_t padding = (alignment - start % alignment) % alignment;
    extra.text("FB").number(uint64_t(padding), 2).text(std::string(size_t(padding), 'Z'));
  }
  Record header;
  header.number(0x04034b50, 4).number(wide ? 45 : 20, 2).number(kUtf8Names, 2).number(0, 2).number(0, 2);
  header.number(kDate, 2).number(crc, 4).number(wide ? kFull : uint64_t(size), 4);
  header.number(wide ? kFull : uint64_t(size), 4).number(name.size(), 2).number(extra.bytes().size(), 2);
  header.text(name).text(extra.bytes());
  m_file.write(header.bytes());
  m_file.write(data.data(), data.size());
  m_written.push_back({name, offset, size, crc});
}

void ZipWriter::finish() {
  const int64_t start = m_file.position();
  for (const Written& entry : m_written) {
    const bool wideSize = entry.size >= m_zip64From, wideOffset = entry.offset >= m_zip64From;
    Record extra;
    if (wideSize || wideOffset) {
      extra.number(1, 2).number((wideSize ? 16 : 0) + (wideOffset ? 8 : 0), 2);
      if (wideSize) extra.number(uint64_t(entry.size), 8).number(uint64_t(entry.size), 8);
      if (wideOffset) extra.number(uint64_t(entry.offset), 8);
    }
    const uint64_t size = wideSize ? kFull : uint64_t(entry.size);
    Record record;
    record.number(0x02014b50, 4).number(wideSize || wideOffset ? 45 : 20, 2).number(wideSize || wideOffset ? 45 : 20, 2);
    record.number(kUtf8Names, 2).number(0, 2).number(0, 2).number(kDate, 2).number(entry.crc, 4).number(size, 4);
    record.number(size, 4).number(entry.name.size(), 2).number(extra.bytes().size(), 2);
    record.number(0, 2).number(0, 2).number(0, 2).number(0, 4);
    record.number(wideOffset ? kFull : uint64_t(entry.offset), 4).text(entry.name).text(extra.bytes());
    m_file.write(record.bytes());
  }
  const int64_t end = m_file.position(), size = end - start;
  const auto count = static_cast<int64_t>(m_written.size());
  const bool wide = start >= m_zip64From || size >= m_zip64From || count >= 0xffff;
  if (wide) {
    Record record;
    record.number(0x06064b50, 4).number(44, 8).number(45, 2).number(45, 2).number(0, 4).number(0, 4);
    record.number(uint64_t(count), 8).number(uint64_t(count), 8).number(uint64_t(size), 8).number(uint64_t(start), 8);
    record.number(0x07064b50, 4).number(0, 4).number(uint64_t(end), 8).number(1, 4);
    m_file.write(record.bytes());
  }
  Record record;
  record.number(0x06054b50, 4).number(0, 2).number(0, 2).number(wide ? 0xffff : uint64_t(count), 2);
  record.number(wide ? 0xffff : uint64_t(count), 2).number(wide ? kFull : uint64_t(size), 4);
  record.number(wide ? kFull : uint64_t(start), 4).number(0, 2);
  m_file.write(record.bytes());
}

}  // namespace sememe
