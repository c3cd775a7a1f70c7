// Checked reading of config.json: every value has a type, a range and a default. Internal to core/models.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sememe {

// Parses an object. Throws Error (Corrupt) naming `where`.
nlohmann::json parseJsonObject(const std::string& text, const std::string& where);

// One object of a config.json. A key that is absent or null has its default; a value of another type or outside its
// range throws Error (Corrupt, Invalid) naming file and key.
class ConfigReader {
 public:
  // `path`: what precedes a key in messages, e.g. "vision_config."
  ConfigReader(const nlohmann::json& object, std::string where, std::string path = {});

  bool has(const char* key) const;
  bool isNull(const char* key) const;  // said to be nothing, rather than left out
  int64_t integer(const char* key, int64_t fallback, int64_t least, int64_t most) const;
  double number(const char* key, double fallback, double least, double most) const;
  bool boolean(const char* key, bool fallback) const;
  std::string string(const char* key, const std::string& fallback) const;
  // A side in pixels: a number, or a list of two equal ones. Throws Error (Unsupported) when they differ.
  int64_t side(const char* key, int64_t fallback, int64_t most) const;
  // A token id: a number, or a list whose first one counts; any value of int64.
  int64_t token(const char* key, int64_t fallback) const;
  // A whole number or a list of them; a null is `fallback`.
  std::vector<int64_t> integers(const char* key, const std::vector<int64_t>& fallback, int64_t least, int64_t most) const;
  ConfigReader object(const char* key) const;
  bool listContains(const char* key, const std::string& value) const;

  std::string path(const char* key) const { return m_path + key; }  // as messages name it
  const std::string& where() const { return m_where; }
  [[noreturn]] void fail(const char* key, const std::string& expected) const;

 private:
  const nlohmann::json* find(const char* key) const;  // null when absent or null

  nlohmann::json m_object;
  std::string m_where, m_path;
};

}  // namespace sememe
