// The "added_tokens" of a tokenizer.json: texts such as <image> that are found before the model sees the rest. Internal
// to core/text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/text/json_view.h"
#include "core/text/normalizer.h"
#include "core/text/prefix_table.h"
#include "core/text/vocabulary.h"

namespace sememe::text {

// Immutable; any thread.
class AddedTokens {
 public:
  // A stretch of a text: a token, or text without one. Never empty.
  struct Section {
    size_t begin = 0, end = 0;
    std::optional<int32_t> token;
  };

  // `json`: the list, or nothing. `normalizer` (may be null) is applied to the texts of tokens marked "normalized".
  // Throws Error (Corrupt: an id or text that contradicts another one or the model's vocabulary).
  AddedTokens(const std::optional<JsonView>& json, const Vocabulary& model, const Normalizer* normalizer);

  // Where the tokens are that are looked for in the text as it is, and in the normalised text.
  std::vector<Section> findRaw(std::string_view text) const { return find(text, m_raw); }
  std::vector<Section> findNormalized(std::string_view text) const { return find(text, m_normalized); }

  const Vocabulary& vocabulary() const { return m_vocabulary; }
  bool isSpecial(int32_t id) const { return m_special.contains(id); }
  // What a token decodes to: its text, normalised where it is looked for in normalised text (as the library's
  // newer versions have it). Null: no such token.
  const std::string* decodedText(int32_t id) const;

 private:
  // Which white space a token takes in, and whether it may touch letters.
  struct Rules {
    bool singleWord = false, leftStrip = false, rightStrip = false;
  };
  std::vector<Section> find(std::string_view text, const PrefixTable& table) const;

  Vocabulary m_vocabulary;
  std::unordered_map<int32_t, Rules> m_rules;
  std::unordered_map<int32_t, std::string> m_decoded;  // where it is not the text itself
  std::unordered_set<int32_t> m_special;
  PrefixTable m_raw, m_normalized;
};

}  // namespace sememe::text
