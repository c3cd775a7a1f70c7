// Bounds-checked reading of a file's bytes, for the parsers of image containers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace sememe {

// A view of bytes that belongs to somebody else. Reading beyond the end throws Error (Corrupt) naming the file.
class ByteView {
 public:
  ByteView(std::span<const uint8_t> bytes, std::string_view name) : m_bytes(bytes), m_name(name) {}

  size_t size() const { return m_bytes.size(); }
  std::span<const uint8_t> bytes() const { return m_bytes; }
  bool has(size_t offset, size_t count) const {
    return offset <= m_bytes.size() && count <= m_bytes.size() - offset;
  }
  bool startsWith(size_t offset, std::string_view text) const {
    if (!has(offset, text.size())) return false;
    for (size_t i = 0; i < text.size(); ++i) {
      if (m_bytes[offset + i] != static_cast<uint8_t>(text[i])) return false;
    }
    return true;
  }

  uint8_t u8(size_t at) const { return need(at, 1)[0]; }
  uint32_t be16(size_t at) const {
    const uint8_t* p = need(at, 2);
    return static_cast<uint32_t>(p[0]) << 8 | p[1];
  }
  uint32_t le16(size_t at) const {
    const uint8_t* p = need(at, 2);
    return static_cast<uint32_t>(p[1]) << 8 | p[0];
  }
  uint32_t le24(size_t at) const {
    const uint8_t* p = need(at, 3);
    return static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[0];
  }
  uint32_t be32(size_t at) const { return be16(at) << 16 | be16(at + 2); }
  uint32_t le32(size_t at) const { return le16(at + 2) << 16 | le16(at); }

  ByteView part(size_t offset, size_t count) const {
    if (!has(offset, count)) truncated();
    return {m_bytes.subspan(offset, count), m_name};
  }

  [[noreturn]] void truncated() const { corrupt("the image is truncated: its file ends too early"); }
  [[noreturn]] void corrupt(const std::string& what) const {
    throw Error(ErrorCode::Corrupt, what, std::string(m_name));
  }
  [[noreturn]] void unsupported(const std::string& what) const {
    throw Error(ErrorCode::Unsupported, what, std::string(m_name));
  }

 private:
  const uint8_t* need(size_t at, size_t count) const {
    if (!has(at, count)) truncated();
    return m_bytes.data() + at;
  }

  std::span<const uint8_t> m_bytes;
  std::string_view m_name;
};

}  // namespace sememe
