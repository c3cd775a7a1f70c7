// The added tokens and where they are in a text.
#include "core/text/added_tokens.h"

#include "core/text/unicode.h"

namespace sememe::text {

AddedTokens::AddedTokens(const std::optional<JsonView>& json, const Vocabulary& model, const Normalizer* normalizer) {
  if (!json) return;
  // Of tokens whose normalised texts are equal, special ones come first.
  std::vector<std::pair<std::string, int32_t>> raw, normalizedSpecial, normalizedPlain;
  for (const JsonView& token : json->items()) {
    const std::string content = token.at("content").string();
    const auto id = static_cast<int32_t>(token.at("id").integer(0, kMaxTokenId));
    if (content.empty()) continue;
    const auto modelId = model.id(content);
    const std::string* modelText = model.text(id);
    if ((modelId && *modelId != id) || (modelText && *modelText != content))
      token.fail("the added token " + inQuotes(content) + " has the id " + std::to_string(id) +
                 ", but in the vocabulary " +
                 (modelId ? "it is " + std::to_string(*modelId) : "that is " + inQuotes(*modelText)));
    if (!m_vocabulary.add(content, id))
      token.fail("the added token " + inQuotes(content) + " or its id " + std::to_string(id) + " is there twice");

    const bool special = token.boolean("special", false);
    m_rules[id] = {token.boolean("single_word", false), token.boolean("lstrip", false), token.boolean("rstrip", false)};
    if (special) m_special.insert(id);
    if (!token.boolean("normalized", !special)) {
      raw.emplace_back(content, id);
      continue;
    }
    const std::string normalized = normalizer ? normalizer->normalize(content) : content;
    if (normalized != content) m_decoded[id] = normalized;
    (special ? normalizedSpecial : normalizedPlain).emplace_back(normalized, id);
  }
  normalizedSpecial.insert(normalizedSpecial.end(), normalizedPlain.begin(), normalizedPlain.end());
  m_raw = PrefixTable(std::move(raw));
  m_normalized = PrefixTable(std::move(normalizedSpecial));
}

const std::string* AddedTokens::decodedText(int32_t id) const {
  const auto normalized = m_decoded.find(id);
  return normalized == m_decoded.end() ? m_vocabulary.text(id) : &normalized->second;
}

std::vector<AddedTokens::Section> AddedTokens::find(std::string_view text, const PrefixTable& table) const {
  std::vector<Section> sections;
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !table.empty();) {
    // The leftmost token, and of those that start there the longest.
    size_t length = 0;
    int32_t id = 0;
    table.forEachPrefix(text.substr(at), [&](size_t entryLength, int32_t entryId) {
      length = entryLength;
      id = entryId;
    });
    if (length == 0) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + length;
    at = end;
    const Rules& rules = m_rules.at(id);
    if (rules.singleWord) {
      size_t before = begin, after = end;
      if (begin > 0 && isWordCharacter(previousCharacter(text, before))) continue;
      if (end < text.size() && isWordCharacter(nextCharacter(text, after))) continue;
    }
    if (rules.leftStrip) begin = done < begin ? begin - trailingWhiteSpace(text.substr(done, begin - done)) : done;
    if (rules.rightStrip) end += leadingWhiteSpace(text.substr(end));
    // A token found in white space that the one before has taken in is still a token; the text goes on behind it.
    if (done < begin) sections.push_back({done, begin, std::nullopt});
    sections.push_back({begin, end, id});
    done = end;
  }
  if (done < text.size()) sections.push_back({done, text.size(), std::nullopt});
  return sections;
}

}  // namespace sememe::text
