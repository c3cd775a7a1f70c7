// Checked access to parsed JSON: a value that knows its place, for messages. Internal to core/text.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace sememe::text {

// A view of one value; the parsed document must outlive it. Whatever is not as asked throws Error (Corrupt) naming
// the file and the key.
class JsonView {
 public:
  // `where`: the file. `path`: the keys that lead here, as in "model.vocab"; empty for the whole document.
  JsonView(const nlohmann::json& value, std::string where, std::string path = {});

  std::optional<JsonView> find(const std::string& key) const;  // nothing when absent or null
  JsonView at(const std::string& key) const;
  std::vector<JsonView> items() const;  // of a list

  std::string string() const;
  double number() const;
  int64_t integer(int64_t least, int64_t most) const;
  bool boolean() const;
  bool isString() const { return m_value->is_string(); }
  bool isArray() const { return m_value->is_array(); }
  bool isObject() const { return m_value->is_object(); }

  // The value under `key`, or `fallback` when absent or null.
  std::string string(const std::string& key, const std::string& fallback) const;
  bool boolean(const std::string& key, bool fallback) const;
  int64_t integer(const std::string& key, int64_t fallback, int64_t least, int64_t most) const;

  // The raw value, for loops over large tables.
  const nlohmann::json& raw() const { return *m_value; }
  const std::string& where() const { return m_where; }
  const std::string& path() const { return m_path; }

  [[noreturn]] void fail(const std::string& message, ErrorCode code = ErrorCode::Corrupt) const;
  // For a "type" that we do not have: says which ones there are.
  [[noreturn]] void failUnsupported(const std::string& what, const std::string& found,
                                    const std::string& supported) const;

 private:
  const nlohmann::json* m_value;
  std::string m_where, m_path;
};

// Text from a file, fit for a message: at most 60 bytes of it, in quotes.
std::string inQuotes(const std::string& text);

// Parses a document. Throws Error (Corrupt) naming `where`.
nlohmann::json parseJson(std::string_view text, const std::string& where);

}  // namespace sememe::text
