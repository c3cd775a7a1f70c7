// Numbers and texts as the old, textual pickle protocol writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sememe {

// Each gives nothing when the text is not of its form.
std::optional<int64_t> parsePickleInteger(std::string_view digits);  // also nothing beyond 64 bits
std::optional<double> parsePickleFloat(std::string_view text);       // also "inf", "-inf", "nan"
std::optional<std::string> parsePickleString(std::string_view text);   // quoted, with Python's escapes
std::optional<std::string> parsePickleUnicode(std::string_view text);  // \uXXXX and \UXXXXXXXX, else Latin-1; to UTF-8

// One code point as UTF-8. Surrogates are written as they are, as Python's "surrogatepass" does.
void appendUtf8(std::string& text, uint32_t codePoint);
// Whether the text is UTF-8 without surrogates: what Python reads as str.
bool isUtf8(std::string_view text);
// Latin-1 bytes as UTF-8, and back (nothing when a character is none of Latin-1).
std::string latin1ToUtf8(std::string_view bytes);
std::optional<std::string> utf8ToLatin1(std::string_view text);

}  // namespace sememe
