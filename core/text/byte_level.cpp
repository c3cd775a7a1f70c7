// GPT-2's printable stand-ins for the 256 bytes.
#include "core/text/byte_level.h"

#include <array>

#include "core/text/unicode.h"

namespace sememe::text {
namespace {

// Bytes that are printable in Latin-1 stand for themselves; the others, in order, are U+0100 and on.
struct Table {
  std::array<char32_t, 256> characters{};
  std::array<int, 0x144> bytes{};  // −1: no stand-in

  Table() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      characters[byte] = printable ? byte : next++;
      bytes[characters[byte]] = static_cast<int>(byte);
    }
  }
};

const Table& table() {
  static const Table table;
  return table;
}

}  // namespace

std::string bytesToStandIns(std::string_view text) {
  std::string result;
  result.reserve(text.size() * 2);
  for (const char c : text) appendCharacter(result, table().characters[static_cast<unsigned char>(c)]);
  return result;
}

std::optional<std::string> standInsToBytes(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const char32_t character = nextCharacter(text, at);
    const int byte = character < table().bytes.size() ? table().bytes[character] : -1;
    if (byte < 0) return std::nullopt;
    result += static_cast<char>(byte);
  }
  return result;
}

}  // namespace sememe::text
