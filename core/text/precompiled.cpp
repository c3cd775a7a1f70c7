// SentencePiece's precompiled character map.
#include "core/text/precompiled.h"

#include <array>

#include "core/text/unicode.h"

namespace sememe::text {
namespace {

constexpr size_t kMaxCluster = 5;  // bytes

std::string decodeBase64(const JsonView& json) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int, 256> values;
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) values[static_cast<unsigned char>(kDigits[i])] = static_cast<int>(i);

  std::string text = json.string(), bytes;
  if (text.size() % 4 != 0) json.fail("this is not base64");
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.pop_back();
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) json.fail("this is not base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

uint32_t readUint32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

// A unit of the double array (Darts-clone's layout).
bool hasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFFU; }
uint32_t label(uint32_t unit) { return unit & 0x800000FFU; }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & 0x200U) >> 6); }

}  // namespace

Charsmap::Charsmap(const JsonView& json) {
  const std::string bytes = decodeBase64(json);
  if (bytes.size() < 4) json.fail("the character map is cut off");
  const size_t size = readUint32(bytes, 0);
  if (size == 0 || size % 4 != 0 || size > bytes.size() - 4)
    json.fail("the character map's trie has " + std::to_string(size) + " bytes, of " +
              std::to_string(bytes.size() - 4));
  m_trie.reserve(size / 4);
  for (size_t at = 4; at < 4 + size; at += 4) m_trie.push_back(readUint32(bytes, at));
  m_forms = bytes.substr(4 + size);
  if (!isValidUtf8(m_forms)) json.fail("the character map's normal forms are not UTF-8");
}

std::optional<std::string_view> Charsmap::find(std::string_view chunk) const {
  uint32_t node = offset(m_trie[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    node ^= byte;
    if (node >= m_trie.size() || label(m_trie[node]) != byte) break;
    const uint32_t unit = m_trie[node];
    node ^= offset(unit);
    if (!hasLeaf(unit)) continue;
    if (node >= m_trie.size()) break;
    const size_t begin = value(m_trie[node]);
    if (begin > m_forms.size()) break;
    const std::string_view form = std::string_view(m_forms).substr(begin);
    const std::string_view found = form.substr(0, form.find('\0'));
    // A damaged map may point into the middle of a character.
    return isValidUtf8(found) ? std::optional(found) : std::nullopt;
  }
  return std::nullopt;
}

std::string Charsmap::normalize(std::string_view text) const {
  std::string result;
  result.reserve(text.size());
  forEachGrapheme(text, [&](std::string_view cluster) {
    if (cluster.size() <= kMaxCluster) {
      if (const auto form = find(cluster)) {
        result += *form;
        return;
      }
    }
    for (size_t at = 0; at < cluster.size();) {
      const size_t start = at;
      nextCharacter(cluster, at);
      const std::string_view character = cluster.substr(start, at - start);
      result += find(character).value_or(character);
    }
  });
  return result;
}

}  // namespace sememe::text
