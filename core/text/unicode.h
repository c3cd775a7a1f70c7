// UTF-8 text by characters: properties, case, normal forms, grapheme clusters. Internal to core/text; hides ICU.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace sememe::text {

// Every function takes valid UTF-8, which only toValidUtf8 makes from anything.

// The text with each ill-formed sequence (a maximal subpart, as Unicode recommends) replaced by U+FFFD.
std::string toValidUtf8(std::string_view text);
bool isValidUtf8(std::string_view text);

// How many bytes at the start of `text` stay as they are whatever bytes follow: all but a character begun at the end.
size_t completeUtf8(std::string_view text);

// The character that starts at `at`, which moves behind it.
char32_t nextCharacter(std::string_view text, size_t& at);
// The character that ends before `end` (> 0), which moves to its start.
char32_t previousCharacter(std::string_view text, size_t& end);
void appendCharacter(std::string& text, char32_t character);

bool isWhiteSpace(char32_t character);     // the property White_Space
bool isWordCharacter(char32_t character);  // what \w is in Unicode: letters, marks, digits, connectors, joiners
bool isNumber(char32_t character);         // general categories N*

// Lower case character by character, without the rules that look at a character's neighbours.
std::string toLowerCase(std::string_view text);

enum class NormalForm { NFC, NFD, NFKC, NFKD };
std::string normalise(NormalForm form, std::string_view text);

// Calls `visit` with each extended grapheme cluster in order.
void forEachGrapheme(std::string_view text, const std::function<void(std::string_view)>& visit);

// Bytes of white space at the start and at the end of the text.
size_t leadingWhiteSpace(std::string_view text);
size_t trailingWhiteSpace(std::string_view text);

}  // namespace sememe::text
