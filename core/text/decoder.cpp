// The decoders of tokenizer.json.
#include "core/text/decoder.h"

#include "core/text/byte_level.h"
#include "core/text/normalizer.h"
#include "core/text/pattern.h"
#include "core/text/unicode.h"

namespace sememe::text {
namespace {

// A step that has to see a text whole.
class WholeStep : public DecodeStep {
 public:
  void part(std::string_view text, bool last) override {
    m_text += text;
    if (!last) return;
    const std::string whole = std::exchange(m_text, {});
    take(whole);
  }

 protected:
  virtual void take(const std::string& text) = 0;

 private:
  std::string m_text;
};

// A change of each text by itself.
class MapStep : public WholeStep {
 public:
  explicit MapStep(std::function<std::string(const std::string&)> map) : m_map(std::move(map)) {}

 protected:
  void take(const std::string& text) override { handOn(m_map(text), true); }

 private:
  std::function<std::string(const std::string&)> m_map;
};

// The value of a token <0x00> … <0xFF>; −1 for others.
int byteOfToken(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with(">")) return -1;
  int byte = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    byte = byte * 16 + digit;
  }
  return byte;
}

// Byte tokens in a row are one text. A single wrong byte makes each of them U+FFFD, so none is certain before the last.
class ByteFallbackStep : public WholeStep {
 public:
  void finish() override {
    flush();
    DecodeStep::finish();
  }

 protected:
  void take(const std::string& text) override {
    const int byte = byteOfToken(text);
    if (byte >= 0) {
      m_bytes += static_cast<char>(byte);
      return;
    }
    flush();
    handOn(text, true);
  }

 private:
  void flush() {
    if (m_bytes.empty()) return;
    if (isValidUtf8(m_bytes))
      handOn(m_bytes, true);
    else
      for (size_t i = 0; i < m_bytes.size(); ++i) handOn("\uFFFD", true);
    m_bytes.clear();
  }

  std::string m_bytes;
};

// All texts become one.
class FuseStep : public DecodeStep {
 public:
  void part(std::string_view text, bool) override {
    if (!text.empty()) handOn(text, false);
  }
  void finish() override {
    handOn({}, true);
    DecodeStep::finish();
  }
};

// Takes up to `start` characters off the start of each text and up to `stop` off its end.
class StripStep : public DecodeStep {
 public:
  StripStep(std::string content, size_t start, size_t stop)
      : m_content(std::move(content)), m_start(start), m_stop(stop) {}

  void part(std::string_view text, bool last) override {
    if (m_inStart) {
      m_held += text;
      size_t at = 0;
      while (m_cut < m_start && std::string_view(m_held).substr(at).starts_with(m_content)) {
        at += m_content.size();
        ++m_cut;
      }
      m_held.erase(0, at);
      if (m_held.empty() && !last && m_cut < m_start) return;
      m_inStart = false;
    } else {
      m_held += text;
    }
    // What may yet be cut off the end is held back.
    size_t keep = m_held.size();
    for (size_t i = 0; i < m_stop && std::string_view(m_held).substr(0, keep).ends_with(m_content); ++i)
      keep -= m_content.size();
    handOn(std::string_view(m_held).substr(0, keep), last);
    m_held.erase(0, keep);
    if (!last) return;
    m_held.clear();
    m_inStart = true;
    m_cut = 0;
  }

 private:
  std::string m_content;  // one character
  size_t m_start, m_stop;
  std::string m_held;
  size_t m_cut = 0;
  bool m_inStart = true;
};

class MetaspaceStep : public WholeStep {
 public:
  MetaspaceStep(std::string replacement, bool dropFirst) : m_replacement(std::move(replacement)), m_drop(dropFirst) {}

 protected:
  void take(const std::string& text) override {
    std::string result;
    size_t done = 0;
    for (size_t at = text.find(m_replacement); at != std::string::npos; at = text.find(m_replacement, done)) {
      result.append(text, done, at - done);
      if (!m_drop) result += ' ';
      done = at + m_replacement.size();
    }
    result.append(text, done);
    m_drop = false;
    handOn(result, true);
  }

 private:
  std::string m_replacement;  // one character
  bool m_drop;                // in the first text it stands for nothing
};

// The tokens' stand-ins become bytes, and these one text, in which ill-formed UTF-8 is U+FFFD.
class ByteLevelStep : public WholeStep {
 public:
  void finish() override {
    handOn(toValidUtf8(m_bytes), true);
    DecodeStep::finish();
  }

 protected:
  void take(const std::string& text) override {
    m_bytes += standInsToBytes(text).value_or(text);
    const size_t complete = completeUtf8(m_bytes);
    if (complete == 0) return;
    handOn(toValidUtf8(std::string_view(m_bytes).substr(0, complete)), false);
    m_bytes.erase(0, complete);
  }

 private:
  std::string m_bytes;
};

// The mark at the end of a word becomes a space, at the end of the last token nothing.
class WordEndStep : public WholeStep {
 public:
  explicit WordEndStep(std::string suffix) : m_suffix(std::move(suffix)) {}
  void finish() override {
    if (m_waiting) handOn(replace(*m_waiting, ""), true);
    DecodeStep::finish();
  }

 protected:
  void take(const std::string& text) override {
    if (m_waiting) handOn(replace(*m_waiting, " "), true);
    m_waiting = text;
  }

 private:
  std::string replace(const std::string& text, std::string_view by) const {
    std::string result;
    size_t done = 0;
    for (size_t at = text.find(m_suffix); at != std::string::npos; at = text.find(m_suffix, done)) {
      result.append(text, done, at - done).append(by);
      done = at + m_suffix.size();
    }
    return result.append(text, done);
  }

  std::string m_suffix;
  std::optional<std::string> m_waiting;
};

// What CLIP's tokenizer does to a decoded text: marks become spaces, white space around it goes (Python's kind, which
// counts the separators U+001C … U+001F).
std::string tidyWords(const std::string& text, const std::string& mark) {
  std::string spaced;
  size_t done = 0;
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, done)) {
    spaced.append(text, done, at - done).append(" ");
    done = at + mark.size();
  }
  spaced.append(text, done);
  const auto isSpace = [](char32_t c) { return isWhiteSpace(c) || (c >= 0x1C && c <= 0x1F); };
  size_t begin = 0, end = spaced.size();
  for (size_t next = 0; begin < end && isSpace(nextCharacter(spaced, next)); begin = next) {
  }
  for (size_t previous = end; end > begin && isSpace(previousCharacter(spaced, previous)); end = previous) {
  }
  return spaced.substr(begin, end - begin);
}

class JoinStep : public DecodeStep {
 public:
  void part(std::string_view text, bool last) override {
    if (std::exchange(m_atStart, false) && !std::exchange(m_first, false)) handOn(" ", true);
    handOn(text, last);
    m_atStart = last;
  }

 private:
  bool m_first = true, m_atStart = true;
};

std::string oneCharacter(const JsonView& json) {
  const std::string text = json.string();
  size_t end = 0;
  if (!text.empty()) nextCharacter(text, end);
  if (text.empty() || end != text.size()) json.fail("one character was expected");
  return text;
}

constexpr int64_t kMaxStrip = 1000;

}  // namespace

Decoder::Decoder(const std::optional<JsonView>& json, const std::string& endOfWord) {
  if (json)
    add(*json, 0);
  else
    m_makers.push_back([] { return std::make_unique<JoinStep>(); });
  if (m_byteLevel && !endOfWord.empty())
    m_makers.push_back([endOfWord] {
      return std::make_unique<MapStep>([endOfWord](const std::string& text) { return tidyWords(text, endOfWord); });
    });
}

void Decoder::add(const JsonView& json, int depth) {
  const std::string type = json.at("type").string();
  if (type == "Sequence") {
    if (depth == kMaxSequenceDepth) json.fail("sequences are nested too deep", ErrorCode::Unsupported);
    for (const JsonView& step : json.at("decoders").items()) add(step, depth + 1);
  } else if (type == "ByteLevel") {
    m_byteLevel = true;
    m_makers.push_back([] { return std::make_unique<ByteLevelStep>(); });
  } else if (type == "ByteFallback") {
    m_makers.push_back([] { return std::make_unique<ByteFallbackStep>(); });
  } else if (type == "Fuse") {
    m_makers.push_back([] { return std::make_unique<FuseStep>(); });
  } else if (type == "Strip") {
    m_makers.push_back([content = oneCharacter(json.at("content")),
                        start = static_cast<size_t>(json.integer("start", 0, 0, kMaxStrip)),
                        stop = static_cast<size_t>(json.integer("stop", 0, 0, kMaxStrip))] {
      return std::make_unique<StripStep>(content, start, stop);
    });
  } else if (type == "Replace") {
    const auto pattern = std::make_shared<const Pattern>(json.at("pattern"));
    m_makers.push_back([pattern, content = json.at("content").string()] {
      return std::make_unique<MapStep>(
          [pattern, content](const std::string& text) { return pattern->replaceAll(text, content); });
    });
  } else if (type == "Metaspace") {
    const bool prefix = json.boolean("add_prefix_space", true);
    const bool drop = json.string("prepend_scheme", prefix ? "always" : "never") != "never";
    m_makers.push_back([replacement = oneCharacter(json.at("replacement")), drop] {
      return std::make_unique<MetaspaceStep>(replacement, drop);
    });
  } else if (type == "BPEDecoder") {
    const std::string suffix = json.string("suffix", "</w>");
    if (suffix.empty()) json.at("suffix").fail("an empty suffix marks nothing");
    m_makers.push_back([suffix] { return std::make_unique<WordEndStep>(suffix); });
  } else {
    json.failUnsupported("decoder", type,
                         "ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, BPEDecoder, Sequence");
  }
}

std::vector<std::unique_ptr<DecodeStep>> Decoder::steps() const {
  std::vector<std::unique_ptr<DecodeStep>> steps;
  for (const auto& make : m_makers) steps.push_back(make());
  return steps;
}

}  // namespace sememe::text
