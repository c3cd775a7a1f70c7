// UTF-8 text by characters, over ICU.
#include "core/text/unicode.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <memory>

#include "core/base/error.h"

namespace sememe::text {
namespace {

void check(UErrorCode status, const char* what) {
  if (U_FAILURE(status)) throw Error(ErrorCode::Invalid, std::string(what) + ": " + u_errorName(status));
}

int32_t size32(std::string_view text) {
  if (text.size() > static_cast<size_t>(INT32_MAX)) throw Error(ErrorCode::Invalid, "the text is longer than 2 GiB");
  return static_cast<int32_t>(text.size());
}

const icu::Normalizer2& normalizer(NormalForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = form == NormalForm::NFC    ? icu::Normalizer2::getNFCInstance(status)
                                  : form == NormalForm::NFD  ? icu::Normalizer2::getNFDInstance(status)
                                  : form == NormalForm::NFKC ? icu::Normalizer2::getNFKCInstance(status)
                                                             : icu::Normalizer2::getNFKDInstance(status);
  check(status, "ICU has no normal forms");
  return *found;
}

}  // namespace

std::string toValidUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  const int32_t size = size32(text);
  for (int32_t at = 0; at < size;) {
    const int32_t start = at;
    UChar32 character;
    U8_NEXT(text.data(), at, size, character);
    if (character < 0)
      valid += "\xEF\xBF\xBD";
    else
      valid.append(text, static_cast<size_t>(start), static_cast<size_t>(at - start));
  }
  return valid;
}

bool isValidUtf8(std::string_view text) {
  const int32_t size = size32(text);
  for (int32_t at = 0; at < size;) {
    UChar32 character;
    U8_NEXT(text.data(), at, size, character);
    if (character < 0) return false;
  }
  return true;
}

size_t completeUtf8(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<uint8_t>(text[text.size() - back]);
    if (U8_IS_TRAIL(byte)) continue;
    return U8_COUNT_TRAIL_BYTES(byte) >= static_cast<int>(back) ? text.size() - back : text.size();
  }
  return text.size();
}

char32_t nextCharacter(std::string_view text, size_t& at) {
  UChar32 character;
  U8_NEXT_UNSAFE(text.data(), at, character);
  return static_cast<char32_t>(character);
}

char32_t previousCharacter(std::string_view text, size_t& end) {
  UChar32 character;
  U8_PREV_UNSAFE(text.data(), end, character);
  return static_cast<char32_t>(character);
}

void appendCharacter(std::string& text, char32_t character) {
  char bytes[U8_MAX_LENGTH];
  size_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, static_cast<UChar32>(character));
  text.append(bytes, size);
}

bool isWhiteSpace(char32_t character) { return u_isUWhiteSpace(static_cast<UChar32>(character)); }

bool isWordCharacter(char32_t character) {
  const auto c = static_cast<UChar32>(character);
  return u_isUAlphabetic(c) || (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 || c == 0x200C ||
         c == 0x200D;
}

bool isNumber(char32_t character) {
  const auto c = static_cast<UChar32>(character);
  return (U_GET_GC_MASK(c) & U_GC_N_MASK) != 0;
}

std::string toLowerCase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char32_t character = nextCharacter(text, at);
    // The one character whose lower case is two, whatever the language.
    if (character == U'\u0130')
      lower += "i\u0307";
    else
      appendCharacter(lower, static_cast<char32_t>(u_tolower(static_cast<UChar32>(character))));
  }
  return lower;
}

std::string normalise(NormalForm form, std::string_view text) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result, size32(text));
  UErrorCode status = U_ZERO_ERROR;
  normalizer(form).normalizeUTF8(0, icu::StringPiece(text.data(), size32(text)), sink, nullptr, status);
  check(status, "the text cannot be normalised");
  return result;
}

void forEachGrapheme(std::string_view text, const std::function<void(std::string_view)>& visit) {
  UErrorCode status = U_ZERO_ERROR;
  // Making one is slow (it reads its rules), copying is not, and one object serves one thread.
  static const std::unique_ptr<icu::BreakIterator> prototype(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
  if (!prototype) throw Error(ErrorCode::Invalid, "ICU has no rules for grapheme clusters");
  const std::unique_ptr<icu::BreakIterator> breaks(prototype->clone());
  UText utext = UTEXT_INITIALIZER;
  utext_openUTF8(&utext, text.data(), static_cast<int64_t>(text.size()), &status);
  const std::unique_ptr<UText, decltype(&utext_close)> close(&utext, &utext_close);
  breaks->setText(&utext, status);
  check(status, "the text cannot be split into grapheme clusters");
  int32_t start = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; start = end, end = breaks->next())
    visit(text.substr(static_cast<size_t>(start), static_cast<size_t>(end - start)));
}

size_t leadingWhiteSpace(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    if (!isWhiteSpace(nextCharacter(text, next))) break;
    at = next;
  }
  return at;
}

size_t trailingWhiteSpace(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t previous = end;
    if (!isWhiteSpace(previousCharacter(text, previous))) break;
    end = previous;
  }
  return text.size() - end;
}

}  // namespace sememe::text
