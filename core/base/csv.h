// Text of a CSV file: fields quoted where they have to be, numbers as they read back.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>

namespace sememe {

class CsvText {
 public:
  CsvText& add(std::string_view text) {
    separate();
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
      m_text += text;
      return *this;
    }
    m_text += '"';
    for (const char c : text) m_text.append(c == '"' ? 2 : 1, c);
    m_text += '"';
    return *this;
  }
  CsvText& add(const char* text) { return add(std::string_view(text)); }
  // The shortest text that reads back as the number; NaN is an empty field.
  template <typename Number>
    requires std::floating_point<Number> || std::integral<Number>
  CsvText& add(Number value) {
    separate();
    if constexpr (std::floating_point<Number>) {
      if (std::isnan(value)) return *this;
    }
    char digits[40];
    m_text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    return *this;
  }
  // A field without a value.
  CsvText& skip() { return add(std::string_view()); }
  void endRow() {
    m_text += '\n';
    m_first = true;
  }
  const std::string& text() const { return m_text; }

 private:
  void separate() {
    if (!m_first) m_text += ',';
    m_first = false;
  }
  std::string m_text;
  bool m_first = true;
};

}  // namespace sememe
