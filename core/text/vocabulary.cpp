// Token texts and their ids.
#include "core/text/vocabulary.h"

#include <utility>

namespace sememe::text {

void Vocabulary::reserve(size_t size) {
  m_ids.reserve(size);
  m_texts.reserve(size);
}

bool Vocabulary::add(std::string text, int32_t id) {
  const auto known = m_ids.find(text);
  if (known != m_ids.end()) return known->second == id;
  if (m_texts.contains(id)) return false;
  const auto added = m_ids.emplace(std::move(text), id).first;
  m_texts.emplace(id, &added->first);
  return true;
}

std::optional<int32_t> Vocabulary::id(std::string_view text) const {
  const auto found = m_ids.find(text);
  return found == m_ids.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::text(int32_t id) const {
  const auto found = m_texts.find(id);
  return found == m_texts.end() ? nullptr : found->second;
}

bool Vocabulary::appendBytes(std::string_view bytes, std::vector<int32_t>& ids) const {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  const size_t before = ids.size();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const char token[] = {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
    const auto found = id({token, sizeof token});
    if (!found) {
      ids.resize(before);
      return false;
    }
    ids.push_back(*found);
  }
  return true;
}

}  // namespace sememe::text
