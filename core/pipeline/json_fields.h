// Reading a JSON file strictly: every key is known or refused, so that a slip of the pen does not change what is done.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <type_traits>

#include "core/base/error.h"

namespace sememe {

// The whole text. Throws Error (Corrupt).
inline nlohmann::ordered_json parseJson(const std::string& text, const std::string& file) {
  try {
    return nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::Corrupt, std::string("this is no JSON: ") + error.what(), file);
  }
}

// One object of the file: its keys are taken one by one, and what is left over is an error. Errors (Invalid) name the file and
// the key.
class JsonFields {
 public:
  using Json = nlohmann::ordered_json;

  // json, file: they stay where they are while this is used. where: the object's own key; empty at the top.
  JsonFields(const Json& json, std::string where, const std::string& file) : m_json(json), m_where(std::move(where)), m_file(file) {
    if (!json.is_object()) fail("", "an object was expected");
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw Error(ErrorCode::Invalid, what, m_file + (m_where.empty() && key.empty() ? "" : ", " + name(key)));
  }

  const Json* find(const std::string& key) {
    m_known.insert(key);
    const auto found = m_json.find(key);
    return found == m_json.end() ? nullptr : &*found;
  }

  // kind: what is expected there, in words. Whether the key is there.
  template <typename Value>
  bool read(const std::string& key, Value& value, const char* kind) {
    const Json* json = find(key);
    if (!json) return false;
    try {
      if (!fits<Value>(*json)) fail(key, std::string(kind) + " was expected");
      value = json->get<Value>();
    } catch (const nlohmann::json::exception&) {
      fail(key, std::string(kind) + " was expected");
    }
    return true;
  }

  template <typename Value>
  void require(const std::string& key, Value& value, const char* kind) {
    if (!read(key, value, kind)) fail(key, std::string("it is missing; ") + kind + " was expected");
  }

  // What was not taken.
  Json rest() const {
    Json rest = Json::object();
    for (const auto& [key, value] : m_json.items())
      if (!m_known.contains(key)) rest[key] = value;
    return rest;
  }

  void finish() const {
    for (const auto& [key, value] : m_json.items()) {
      if (m_known.contains(key)) continue;
      std::string known;
      for (const std::string& k : m_known) known += (known.empty() ? "" : ", ") + k;
      fail(key, "no such key; there are " + known);
    }
  }

  std::string name(const std::string& key) const { return m_where + (m_where.empty() || key.empty() ? "" : ".") + key; }
  const std::string& file() const { return m_file; }

 private:
  // The library turns 1.5, true and 2^40 into an int; a person did not mean that.
  template <typename Value>
  static bool fits(const Json& json) {
    if constexpr (std::is_same_v<Value, bool>) {
      return json.is_boolean();
    } else if constexpr (std::is_floating_point_v<Value>) {
      return json.is_number();
    } else if constexpr (std::is_integral_v<Value>) {
      using Limits = std::numeric_limits<Value>;
      if (json.is_number_unsigned()) return json.get<uint64_t>() <= uint64_t(Limits::max());
      return json.is_number_integer() && json.get<int64_t>() >= int64_t(Limits::min());
    } else {
      return true;
    }
  }

  const Json& m_json;
  std::string m_where;
  const std::string& m_file;
  std::set<std::string> m_known;
};

}  // namespace sememe
