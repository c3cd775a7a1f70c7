// SentencePiece's precompiled character map: a double-array trie from spellings to their normal form. Internal to
// core/text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json_view.h"

namespace sememe::text {

class Charsmap {
 public:
  // `json`: the map in base64: the trie's size in bytes (uint32, little-endian), the trie (uint32 units), then the
  // normal forms, each ended by a zero byte. Throws Error (Corrupt).
  explicit Charsmap(const JsonView& json);

  // Replaces grapheme clusters of at most 5 bytes as a whole where the map has them (or a spelling that starts them),
  // and otherwise each of their characters. This is how the `tokenizers` library reads the map; SentencePiece itself
  // takes the longest match.
  std::string normalize(std::string_view text) const;

 private:
  std::optional<std::string_view> find(std::string_view chunk) const;

  std::vector<uint32_t> m_trie;
  std::string m_forms;
};

}  // namespace sememe::text
