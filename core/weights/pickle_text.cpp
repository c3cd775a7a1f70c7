// Numbers and texts as the old, textual pickle protocol writes them.
#include "core/weights/pickle_text.h"

#include <charconv>

namespace sememe {
namespace {

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `count` hexadecimal digits of `text` from `at`; −1 when they are not there.
int64_t hexNumber(std::string_view text, size_t at, size_t count) {
  if (at > text.size() || count > text.size() - at) return -1;
  int64_t value = 0;
  for (size_t i = at; i < at + count; ++i) {
    const int digit = hexDigit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

template <typename Number>
std::optional<Number> parseWhole(std::string_view text) {
  Number value{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> parsePickleInteger(std::string_view digits) { return parseWhole<int64_t>(digits); }

std::optional<double> parsePickleFloat(std::string_view text) { return parseWhole<double>(text); }

std::optional<std::string> parsePickleString(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"'))
    return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case 'n':
        result += '\n';
        break;
      case 't':
        result += '\t';
        break;
      case 'r':
        result += '\r';
        break;
      case '\\':
      case '\'':
      case '"':
        result += text[i];
        break;
      case 'x': {
        const int64_t value = hexNumber(text, i + 1, 2);
        if (value < 0) return std::nullopt;
        result += static_cast<char>(value);
        i += 2;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return result;
}

std::optional<std::string> parsePickleUnicode(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'u' || text[i + 1] == 'U');
    if (!escape) {
      appendUtf8(result, static_cast<uint8_t>(text[i]));
      continue;
    }
    const size_t digits = text[i + 1] == 'u' ? 4 : 8;
    const int64_t value = hexNumber(text, i + 2, digits);
    if (value < 0 || value > 0x10ffff) return std::nullopt;
    appendUtf8(result, static_cast<uint32_t>(value));
    i += 1 + digits;
  }
  return result;
}

void appendUtf8(std::string& text, uint32_t codePoint) {
  const auto add = [&](uint32_t byte) { text += static_cast<char>(static_cast<uint8_t>(byte)); };
  if (codePoint < 0x80) {
    add(codePoint);
  } else if (codePoint < 0x800) {
    add(0xc0 | codePoint >> 6);
    add(0x80 | (codePoint & 0x3f));
  } else if (codePoint < 0x10000) {
    add(0xe0 | codePoint >> 12);
    add(0x80 | (codePoint >> 6 & 0x3f));
    add(0x80 | (codePoint & 0x3f));
  } else {
    add(0xf0 | codePoint >> 18);
    add(0x80 | (codePoint >> 12 & 0x3f));
    add(0x80 | (codePoint >> 6 & 0x3f));
    add(0x80 | (codePoint & 0x3f));
  }
}

bool isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > text.size() - i) return false;
    uint32_t value = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<uint8_t>(text[i + k]);
      if (next >> 6 != 2) return false;
      value = value << 6 | (next & 0x3fu);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return false;
    i += length;
  }
  return true;
}

std::string latin1ToUtf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) appendUtf8(text, static_cast<uint8_t>(c));
  return text;
}

std::optional<std::string> utf8ToLatin1(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
      continue;
    }
    if ((lead != 0xc2 && lead != 0xc3) || ++i == text.size()) return std::nullopt;
    const auto next = static_cast<uint8_t>(text[i]);
    if (next >> 6 != 2) return std::nullopt;
    bytes += static_cast<char>(static_cast<uint8_t>((lead & 3) << 6 | (next & 0x3f)));
  }
  return bytes;
}

}  // namespace sememe
