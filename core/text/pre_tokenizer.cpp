// The pre-tokenizers of tokenizer.json.
#include "core/text/pre_tokenizer.h"

#include <algorithm>
#include <functional>

#include "core/text/byte_level.h"
#include "core/text/normalizer.h"
#include "core/text/pattern.h"
#include "core/text/unicode.h"

namespace sememe::text {
namespace {

enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

Behavior parseBehavior(const JsonView& json) {
  const std::string name = json.string();
  if (name == "Removed") return Behavior::Removed;
  if (name == "Isolated") return Behavior::Isolated;
  if (name == "MergedWithPrevious") return Behavior::MergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::MergedWithNext;
  if (name == "Contiguous") return Behavior::Contiguous;
  json.failUnsupported("behavior", name, "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

// A stretch of the text: a delimiter or what lies between two.
struct Span {
  size_t begin, end;
  bool delimiter;
};

// The whole text as spans: the pattern's matches and what lies between them; `invert` swaps their roles.
std::vector<Span> findSpans(const Pattern& pattern, std::string_view text, bool invert) {
  std::vector<Span> spans;
  size_t done = 0;
  pattern.forEachMatch(text, [&](size_t begin, size_t end) {
    if (done < begin) spans.push_back({done, begin, invert});
    spans.push_back({begin, end, !invert});
    done = end;
  });
  if (done < text.size()) spans.push_back({done, text.size(), invert});
  return spans;
}

// Joins spans as the behaviour wants it. A delimiter joins one neighbour at most once: of two delimiters in a row, only
// the one that touches the other kind does.
std::vector<Span> join(std::vector<Span> spans, Behavior behavior) {
  if (behavior == Behavior::Isolated || behavior == Behavior::Removed) return spans;
  const bool backwards = behavior == Behavior::MergedWithNext;
  if (backwards) std::reverse(spans.begin(), spans.end());
  std::vector<Span> joined;
  bool previous = false;
  for (const Span& span : spans) {
    const bool joins = behavior == Behavior::Contiguous ? span.delimiter == previous : span.delimiter && !previous;
    previous = span.delimiter;
    if (!joins || joined.empty())
      joined.push_back(span);
    else if (backwards)
      joined.back().begin = span.begin;
    else
      joined.back().end = span.end;
  }
  if (backwards) std::reverse(joined.begin(), joined.end());
  return joined;
}

void cut(const Piece& piece, std::vector<Span> spans, Behavior behavior, std::vector<Piece>& pieces) {
  for (const Span& span : join(std::move(spans), behavior)) {
    if (span.begin == span.end || (behavior == Behavior::Removed && span.delimiter)) continue;
    pieces.push_back({piece.text.substr(span.begin, span.end - span.begin), piece.atStart && span.begin == 0});
  }
}

class Split : public PreTokenizer {
 public:
  explicit Split(const JsonView& json)
      : m_pattern(json.at("pattern")),
        m_behavior(parseBehavior(json.at("behavior"))),
        m_invert(json.boolean("invert", false)) {}
  void split(Piece piece, std::vector<Piece>& pieces) const override {
    cut(piece, findSpans(m_pattern, piece.text, m_invert), m_behavior, pieces);
  }

 private:
  Pattern m_pattern;
  Behavior m_behavior;
  bool m_invert;
};

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const JsonView& json)
      : m_addPrefixSpace(json.boolean("add_prefix_space", true)), m_useRegex(json.boolean("use_regex", true)) {}
  void split(Piece piece, std::vector<Piece>& pieces) const override {
    if (m_addPrefixSpace && !piece.text.starts_with(' ')) piece.text.insert(0, 1, ' ');
    const size_t first = pieces.size();
    if (m_useRegex)
      cut(piece, findSpans(gpt2(), piece.text, false), Behavior::Isolated, pieces);
    else
      pieces.push_back(std::move(piece));
    for (size_t i = first; i < pieces.size(); ++i) pieces[i].text = bytesToStandIns(pieces[i].text);
  }

 private:
  // GPT-2's words: contractions; letters, digits or signs, with a space before them; white space.
  static const Pattern& gpt2() {
    static const Pattern pattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
    return pattern;
  }

  bool m_addPrefixSpace, m_useRegex;
};

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(const JsonView& json)
      : m_replacement(json.at("replacement").string()), m_split(json.boolean("split", true)) {
    size_t end = 0;
    if (!m_replacement.empty()) nextCharacter(m_replacement, end);
    if (m_replacement.empty() || end != m_replacement.size()) json.at("replacement").fail("one character was expected");
    // Older files say add_prefix_space instead.
    const bool prefix = json.boolean("add_prefix_space", true);
    m_scheme = json.string("prepend_scheme", prefix ? "always" : "never");
    if (!prefix && m_scheme != "never") json.fail("add_prefix_space and prepend_scheme contradict each other");
    if (m_scheme != "first" && m_scheme != "always" && m_scheme != "never")
      json.at("prepend_scheme").failUnsupported("prepend_scheme", m_scheme, "first, always, never");
  }
  void split(Piece piece, std::vector<Piece>& pieces) const override {
    std::string text;
    for (const char c : piece.text) {
      if (c == ' ')
        text += m_replacement;
      else
        text += c;
    }
    if (!text.starts_with(m_replacement) && (m_scheme == "always" || (m_scheme == "first" && piece.atStart)))
      text.insert(0, m_replacement);
    piece.text = std::move(text);
    if (!m_split) {
      pieces.push_back(std::move(piece));
      return;
    }
    std::vector<Span> spans;
    size_t done = 0;
    for (size_t at = piece.text.find(m_replacement); at != std::string::npos;
         at = piece.text.find(m_replacement, done)) {
      if (done < at) spans.push_back({done, at, false});
      done = at + m_replacement.size();
      spans.push_back({at, done, true});
    }
    if (done < piece.text.size()) spans.push_back({done, piece.text.size(), false});
    cut(piece, std::move(spans), Behavior::MergedWithNext, pieces);
  }

 private:
  std::string m_replacement, m_scheme;
  bool m_split;
};

// Cuts at characters of one kind.
class CharacterSplit : public PreTokenizer {
 public:
  CharacterSplit(bool (*isDelimiter)(char32_t), Behavior behavior) : m_isDelimiter(isDelimiter), m_behavior(behavior) {}
  void split(Piece piece, std::vector<Piece>& pieces) const override {
    std::vector<Span> spans;
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const bool delimiter = m_isDelimiter(nextCharacter(piece.text, at));
      if (!delimiter && !spans.empty() && !spans.back().delimiter)
        spans.back().end = at;
      else
        spans.push_back({begin, at, delimiter});
    }
    cut(piece, std::move(spans), m_behavior, pieces);
  }

 private:
  bool (*m_isDelimiter)(char32_t);
  Behavior m_behavior;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const PreTokenizer>> steps) : m_steps(std::move(steps)) {}
  void split(Piece piece, std::vector<Piece>& pieces) const override {
    std::vector<Piece> current{std::move(piece)};
    for (const auto& step : m_steps) {
      std::vector<Piece> next;
      for (Piece& part : current) step->split(std::move(part), next);
      current = std::move(next);
    }
    std::move(current.begin(), current.end(), std::back_inserter(pieces));
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> m_steps;
};

std::unique_ptr<const PreTokenizer> make(const JsonView& json, int depth) {
  const std::string type = json.at("type").string();
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(json);
  if (type == "Metaspace") return std::make_unique<Metaspace>(json);
  if (type == "Split") return std::make_unique<Split>(json);
  if (type == "WhitespaceSplit") return std::make_unique<CharacterSplit>(isWhiteSpace, Behavior::Removed);
  if (type == "Digits")
    return std::make_unique<CharacterSplit>(
        isNumber, json.boolean("individual_digits", false) ? Behavior::Isolated : Behavior::Contiguous);
  if (type == "Sequence") {
    if (depth == kMaxSequenceDepth) json.fail("sequences are nested too deep", ErrorCode::Unsupported);
    std::vector<std::unique_ptr<const PreTokenizer>> steps;
    for (const JsonView& step : json.at("pretokenizers").items()) steps.push_back(make(step, depth + 1));
    return std::make_unique<Sequence>(std::move(steps));
  }
  json.failUnsupported("pre-tokenizer", type, "ByteLevel, Metaspace, Split, WhitespaceSplit, Digits, Sequence");
}

}  // namespace

std::unique_ptr<const PreTokenizer> makePreTokenizer(const JsonView& json) { return make(json, 0); }

}  // namespace sememe::text
