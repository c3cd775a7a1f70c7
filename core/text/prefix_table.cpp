// Which of many texts start at a place of another text.
#include "core/text/prefix_table.h"

#include <algorithm>

namespace sememe::text {
namespace {

unsigned char byteAt(const std::pair<std::string, int32_t>& entry, size_t depth) {
  return static_cast<unsigned char>(entry.first[depth]);
}

}  // namespace

PrefixTable::PrefixTable(std::vector<std::pair<std::string, int32_t>> entries) : m_entries(std::move(entries)) {
  std::erase_if(m_entries, [](const auto& entry) { return entry.first.empty(); });
  std::stable_sort(m_entries.begin(), m_entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  m_entries.erase(
      std::unique(m_entries.begin(), m_entries.end(), [](const auto& a, const auto& b) { return a.first == b.first; }),
      m_entries.end());
  m_firstByte.assign(257, 0);
  for (const auto& entry : m_entries) ++m_firstByte[byteAt(entry, 0) + 1U];
  for (size_t i = 1; i < m_firstByte.size(); ++i) m_firstByte[i] += m_firstByte[i - 1];
}

void PrefixTable::forEachPrefix(std::string_view text, const std::function<void(size_t, int32_t)>& visit) const {
  if (text.empty() || m_entries.empty()) return;
  const auto first = static_cast<unsigned char>(text[0]);
  auto begin = m_entries.begin() + m_firstByte[first], end = m_entries.begin() + m_firstByte[first + 1U];
  for (size_t depth = 1; begin != end; ++depth) {
    // All of [begin, end) start with text[0 … depth); the one that ends there sorts first.
    if (begin->first.size() == depth) {
      visit(depth, begin->second);
      ++begin;
    }
    if (depth == text.size()) return;
    const auto byte = static_cast<unsigned char>(text[depth]);
    begin = std::lower_bound(begin, end, byte,
                             [depth](const auto& entry, unsigned char b) { return byteAt(entry, depth) < b; });
    end = std::upper_bound(begin, end, byte,
                           [depth](unsigned char b, const auto& entry) { return b < byteAt(entry, depth); });
  }
}

}  // namespace sememe::text
