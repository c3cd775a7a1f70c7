// Checked reading of config.json.
#include "core/models/config_json.h"

#include <cmath>
#include <sstream>
#include <utility>

#include "core/base/error.h"

namespace sememe {

nlohmann::json parseJsonObject(const std::string& text, const std::string& where) {
  nlohmann::json parsed = nlohmann::json::parse(text, nullptr, false);
  if (parsed.is_discarded()) throw Error(ErrorCode::Corrupt, "this is not JSON", where);
  if (!parsed.is_object()) throw Error(ErrorCode::Corrupt, "this is not a JSON object", where);
  return parsed;
}

ConfigReader::ConfigReader(const nlohmann::json& object, std::string where, std::string path)
    : m_object(object), m_where(std::move(where)), m_path(std::move(path)) {}

const nlohmann::json* ConfigReader::find(const char* key) const {
  const auto found = m_object.find(key);
  return found == m_object.end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::fail(const char* key, const std::string& expected) const {
  const nlohmann::json* value = find(key);
  // A hostile value may be huge or no valid UTF-8.
  std::string found =
      value ? value->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 60) : "nothing";
  throw Error(ErrorCode::Invalid, m_path + key + " is " + found + ", expected " + expected, m_where);
}

bool ConfigReader::has(const char* key) const { return find(key) != nullptr; }

bool ConfigReader::isNull(const char* key) const {
  const auto found = m_object.find(key);
  return found != m_object.end() && found->is_null();
}

int64_t ConfigReader::integer(const char* key, int64_t fallback, int64_t least, int64_t most) const {
  const nlohmann::json* value = find(key);
  if (!value) return fallback;
  const std::string expected = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value->is_number_integer()) fail(key, expected);
  if (value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) fail(key, expected);
  const auto number = value->get<int64_t>();
  if (number < least || number > most) fail(key, expected);
  return number;
}

double ConfigReader::number(const char* key, double fallback, double least, double most) const {
  const nlohmann::json* value = find(key);
  if (!value) return fallback;
  std::ostringstream expected;
  expected << "a number from " << least << " to " << most;
  if (!value->is_number()) fail(key, expected.str());
  const auto number = value->get<double>();
  if (!(number >= least && number <= most)) fail(key, expected.str());
  return number;
}

bool ConfigReader::boolean(const char* key, bool fallback) const {
  const nlohmann::json* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) fail(key, "true or false");
  return value->get<bool>();
}

std::string ConfigReader::string(const char* key, const std::string& fallback) const {
  const nlohmann::json* value = find(key);
  if (!value) return fallback;
  if (!value->is_string()) fail(key, "a text");
  return value->get<std::string>();
}

int64_t ConfigReader::side(const char* key, int64_t fallback, int64_t most) const {
  const nlohmann::json* value = find(key);
  if (!value || !value->is_array()) return integer(key, fallback, 1, most);
  if (value->size() != 2 || !(*value)[0].is_number_integer() || !(*value)[1].is_number_integer())
    fail(key, "a whole number or two");
  if ((*value)[0] != (*value)[1])
    throw Error(ErrorCode::Unsupported, m_path + key + " is not square; only square images and patches are supported",
                m_where);
  return ConfigReader({{key, (*value)[0]}}, m_where, m_path).integer(key, fallback, 1, most);
}

int64_t ConfigReader::token(const char* key, int64_t fallback) const {
  const nlohmann::json* value = find(key);
  if (!value || !value->is_array()) return integer(key, fallback, INT64_MIN, INT64_MAX);
  if (value->empty()) return fallback;
  return ConfigReader({{key, (*value)[0]}}, m_where, m_path).integer(key, fallback, INT64_MIN, INT64_MAX);
}

std::vector<int64_t> ConfigReader::integers(const char* key, const std::vector<int64_t>& fallback, int64_t least,
                                            int64_t most) const {
  const nlohmann::json* value = find(key);
  if (!value) return fallback;
  if (!value->is_array()) return {integer(key, 0, least, most)};
  std::vector<int64_t> numbers;
  for (const auto& item : *value) {
    if (!item.is_number_integer()) fail(key, "whole numbers");
    numbers.push_back(ConfigReader({{key, item}}, m_where, m_path).integer(key, 0, least, most));
  }
  return numbers;
}

ConfigReader ConfigReader::object(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value && !value->is_object()) fail(key, "an object");
  return {value ? *value : nlohmann::json::object(), m_where, m_path + key + "."};
}

bool ConfigReader::listContains(const char* key, const std::string& wanted) const {
  const nlohmann::json* value = find(key);
  if (!value || !value->is_array()) return false;
  for (const auto& item : *value)
    if (item.is_string() && item.get<std::string>() == wanted) return true;
  return false;
}

}  // namespace sememe
