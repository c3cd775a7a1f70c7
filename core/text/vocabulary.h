// Token texts and their ids, both ways. Internal to core/text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sememe::text {

// Ids are below this in every file we read: a bound for hostile files, far above any real vocabulary.
constexpr int64_t kMaxTokenId = (int64_t{1} << 30) - 1;

class Vocabulary {
 public:
  void reserve(size_t size);
  // False, and nothing changes, when the id or the text has another partner already.
  bool add(std::string text, int32_t id);

  std::optional<int32_t> id(std::string_view text) const;
  const std::string* text(int32_t id) const;  // null: no such token
  size_t size() const { return m_ids.size(); }
  auto begin() const { return m_ids.begin(); }  // pairs of text and id
  auto end() const { return m_ids.end(); }

  // The ids of the tokens <0x00> … <0xFF> for these bytes, appended; false, and none, when one is missing.
  bool appendBytes(std::string_view bytes, std::vector<int32_t>& ids) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> m_ids;
  std::unordered_map<int32_t, const std::string*> m_texts;
};

}  // namespace sememe::text
