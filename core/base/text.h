// Text without what stands around it.
#pragma once

#include <string_view>

namespace sememe {

// Without white space at either end; a part of `text`.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// A field of a line that was cut at its separators: the same without the pair of quotes around it, if there is one.
inline std::string_view fieldText(std::string_view text) {
  text = trimmed(text);
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? trimmed(text.substr(1, text.size() - 2)) : text;
}

}  // namespace sememe
