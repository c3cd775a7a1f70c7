// Which of many texts start at a place of another text. Internal to core/text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sememe::text {

// A sorted table, searched byte by byte: it works as a trie does and takes no memory beyond the texts. Immutable.
class PrefixTable {
 public:
  PrefixTable() = default;
  // Empty texts are left out; of equal ones the first counts.
  explicit PrefixTable(std::vector<std::pair<std::string, int32_t>> entries);

  // Calls `visit(length, value)` for every entry that `text` starts with, shortest first.
  void forEachPrefix(std::string_view text, const std::function<void(size_t, int32_t)>& visit) const;

  bool empty() const { return m_entries.empty(); }

 private:
  std::vector<std::pair<std::string, int32_t>> m_entries;
  std::vector<uint32_t> m_firstByte;  // where the entries with each first byte begin: 257 places
};

}  // namespace sememe::text
