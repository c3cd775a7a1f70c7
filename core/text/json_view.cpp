// Checked access to parsed JSON.
#include "core/text/json_view.h"

#include <algorithm>

namespace sememe::text {

using nlohmann::json;

JsonView::JsonView(const json& value, std::string where, std::string path)
    : m_value(&value), m_where(std::move(where)), m_path(std::move(path)) {}

std::optional<JsonView> JsonView::find(const std::string& key) const {
  if (!m_value->is_object()) fail("an object was expected");
  const auto found = m_value->find(key);
  if (found == m_value->end() || found->is_null()) return std::nullopt;
  return JsonView(*found, m_where, m_path.empty() ? key : m_path + "." + key);
}

JsonView JsonView::at(const std::string& key) const {
  if (auto found = find(key)) return *std::move(found);
  fail("the key \"" + key + "\" is missing");
}

std::vector<JsonView> JsonView::items() const {
  if (!m_value->is_array()) fail("a list was expected");
  std::vector<JsonView> items;
  items.reserve(m_value->size());
  for (size_t i = 0; i < m_value->size(); ++i)
    items.emplace_back((*m_value)[i], m_where, m_path + "[" + std::to_string(i) + "]");
  return items;
}

std::string JsonView::string() const {
  if (!m_value->is_string()) fail("a text was expected");
  return m_value->get<std::string>();
}

double JsonView::number() const {
  if (!m_value->is_number()) fail("a number was expected");
  return m_value->get<double>();
}

int64_t JsonView::integer(int64_t least, int64_t most) const {
  const bool whole = m_value->is_number_integer();
  const bool huge = m_value->is_number_unsigned() && m_value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const int64_t number = whole && !huge ? m_value->get<int64_t>() : 0;
  if (!whole || huge || number < least || number > most)
    fail("a whole number from " + std::to_string(least) + " to " + std::to_string(most) + " was expected");
  return number;
}

bool JsonView::boolean() const {
  if (!m_value->is_boolean()) fail("true or false was expected");
  return m_value->get<bool>();
}

std::string JsonView::string(const std::string& key, const std::string& fallback) const {
  const auto found = find(key);
  return found ? found->string() : fallback;
}

bool JsonView::boolean(const std::string& key, bool fallback) const {
  const auto found = find(key);
  return found ? found->boolean() : fallback;
}

int64_t JsonView::integer(const std::string& key, int64_t fallback, int64_t least, int64_t most) const {
  const auto found = find(key);
  return found ? found->integer(least, most) : fallback;
}

void JsonView::fail(const std::string& message, ErrorCode code) const {
  throw Error(code, message, m_path.empty() ? m_where : m_where + ", key " + m_path);
}

void JsonView::failUnsupported(const std::string& what, const std::string& found, const std::string& supported) const {
  fail("the " + what + " " + inQuotes(found) + " is not supported; these are: " + supported, ErrorCode::Unsupported);
}

std::string inQuotes(const std::string& text) {
  constexpr size_t kMost = 60;
  size_t end = std::min(text.size(), kMost);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  std::string quoted = "\"";
  quoted.append(text, 0, end).append(end < text.size() ? "…\"" : "\"");
  return quoted;
}

json parseJson(std::string_view text, const std::string& where) {
  json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) throw Error(ErrorCode::Corrupt, "this is not JSON", where);
  return parsed;
}

}  // namespace sememe::text
