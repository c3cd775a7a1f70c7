// Literals and regular expressions, the latter run by ICU.
#include "core/text/pattern.h"

#include <unicode/regex.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

namespace sememe::text {
namespace {

// Steps of the matching engine for one match, about a millisecond each: expressions that blow up end here.
constexpr int32_t kTimeLimit = 2000;
constexpr size_t kMaxPattern = 10000;  // bytes

// The same expression for ICU, whose classes differ: its \s lacks two characters, its \h is white space.
std::string forIcu(const std::string& onig) {
  std::string icu;
  for (size_t i = 0; i < onig.size(); ++i) {
    if (onig[i] != '\\' || i + 1 == onig.size()) {
      icu += onig[i];
      continue;
    }
    const char escaped = onig[++i];
    switch (escaped) {
      case 's':
        icu += "\\p{White_Space}";
        break;
      case 'S':
        icu += "\\P{White_Space}";
        break;
      case 'w':
        icu += "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
        break;
      case 'W':
        icu += "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
        break;
      case 'h':
        icu += "[0-9a-fA-F]";
        break;
      case 'H':
        icu += "[^0-9a-fA-F]";
        break;
      default:
        icu += '\\';
        icu += escaped;
    }
  }
  return icu;
}

// Whether a "+" follows an interval, as in x{2,3}+: for Ruby it repeats the interval, for ICU it forbids backtracking.
bool repeatsInterval(const std::string& onig) {
  for (size_t open = onig.find('{'); open != std::string::npos; open = onig.find('{', open + 1)) {
    const size_t close = onig.find_first_not_of("0123456789,", open + 1);
    if (close != std::string::npos && onig.compare(close, 2, "}+") == 0) return true;
  }
  return false;
}

}  // namespace

struct Pattern::Regex {
  std::unique_ptr<icu::RegexPattern> compiled;
  std::string error;

  explicit Regex(const std::string& onig) {
    UErrorCode status = U_ZERO_ERROR;
    UParseError place{};
    // Ruby's ^ and $ hold at every line, and only \n ends one.
    compiled.reset(icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(forIcu(onig)),
                                              UREGEX_MULTILINE | UREGEX_UNIX_LINES, place, status));
    if (U_FAILURE(status)) error = u_errorName(status);
  }
};

Pattern::Pattern(const JsonView& json) {
  if (const auto literal = json.find("String")) {
    m_literal = literal->string();
    if (m_literal.empty()) literal->fail("an empty text cannot be looked for");
    return;
  }
  const auto regex = json.find("Regex");
  if (!regex) json.fail("a pattern with \"String\" or \"Regex\" was expected");
  const std::string expression = regex->string();
  if (expression.size() > kMaxPattern)
    regex->fail("the expression has more than " + std::to_string(kMaxPattern) + " bytes", ErrorCode::Unsupported);
  if (repeatsInterval(expression))
    regex->fail("the expression has an interval followed by \"+\", which is not supported", ErrorCode::Unsupported);
  m_regex = std::make_unique<Regex>(expression);
  if (!m_regex->error.empty())
    regex->fail("the expression cannot be compiled: " + m_regex->error, ErrorCode::Unsupported);
}

Pattern::Pattern(const std::string& regex) : m_regex(std::make_unique<Regex>(regex)) {
  if (!m_regex->error.empty()) throw Error(ErrorCode::Invalid, "the expression cannot be compiled: " + m_regex->error);
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

void Pattern::forEachMatch(std::string_view text, const std::function<void(size_t, size_t)>& visit) const {
  if (!m_regex) {
    for (size_t at = text.find(m_literal); at != std::string_view::npos;
         at = text.find(m_literal, at + m_literal.size()))
      visit(at, at + m_literal.size());
    return;
  }
  // ICU searches UTF-16. Matches come in order, so the two positions walk side by side.
  const auto utf16 = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(m_regex->compiled->matcher(utf16, status));
  if (U_SUCCESS(status)) matcher->setTimeLimit(kTimeLimit, status);
  int32_t wide = 0;
  size_t narrow = 0;
  const auto walkTo = [&](int32_t target) {
    while (wide < target) {
      UChar32 character;
      U16_NEXT(utf16.getBuffer(), wide, utf16.length(), character);
      narrow += static_cast<size_t>(U8_LENGTH(character));
    }
    return narrow;
  };
  while (U_SUCCESS(status) && matcher->find(status)) {
    const int32_t begin = matcher->start(status), end = matcher->end(status);
    if (U_FAILURE(status)) break;
    const size_t first = walkTo(begin);
    visit(first, walkTo(end));
  }
  if (U_FAILURE(status))
    throw Error(ErrorCode::Unsupported,
                std::string("the tokenizer's regular expression fails on this text: ") + u_errorName(status));
}

std::string Pattern::replaceAll(std::string_view text, std::string_view content) const {
  std::string result;
  result.reserve(text.size());
  size_t done = 0;
  forEachMatch(text, [&](size_t begin, size_t end) {
    result.append(text, done, begin - done);
    result += content;
    done = end;
  });
  result.append(text, done);
  return result;
}

}  // namespace sememe::text
