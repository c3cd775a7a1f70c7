// The normalisers of tokenizer.json.
#include "core/text/normalizer.h"

#include "core/text/pattern.h"
#include "core/text/precompiled.h"
#include "core/text/unicode.h"

namespace sememe::text {
namespace {

class Form : public Normalizer {
 public:
  explicit Form(NormalForm form) : m_form(form) {}
  std::string normalize(std::string_view text) const override { return normalise(m_form, text); }

 private:
  NormalForm m_form;
};

class Lowercase : public Normalizer {
 public:
  std::string normalize(std::string_view text) const override { return toLowerCase(text); }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(const JsonView& json) : m_prefix(json.at("prepend").string()) {}
  std::string normalize(std::string_view text) const override {
    return text.empty() ? std::string() : m_prefix + std::string(text);
  }

 private:
  std::string m_prefix;
};

class Replace : public Normalizer {
 public:
  explicit Replace(const JsonView& json) : m_pattern(json.at("pattern")), m_content(json.at("content").string()) {}
  std::string normalize(std::string_view text) const override { return m_pattern.replaceAll(text, m_content); }

 private:
  Pattern m_pattern;
  std::string m_content;
};

class Strip : public Normalizer {
 public:
  explicit Strip(const JsonView& json)
      : m_left(json.boolean("strip_left", true)), m_right(json.boolean("strip_right", true)) {}
  std::string normalize(std::string_view text) const override {
    if (m_left) text.remove_prefix(leadingWhiteSpace(text));
    if (m_right) text.remove_suffix(trailingWhiteSpace(text));
    return std::string(text);
  }

 private:
  bool m_left, m_right;
};

class Precompiled : public Normalizer {
 public:
  explicit Precompiled(const JsonView& json) : m_charsmap(json.at("precompiled_charsmap")) {}
  std::string normalize(std::string_view text) const override { return m_charsmap.normalize(text); }

 private:
  Charsmap m_charsmap;
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const Normalizer>> steps) : m_steps(std::move(steps)) {}
  std::string normalize(std::string_view text) const override {
    std::string result(text);
    for (const auto& step : m_steps) result = step->normalize(result);
    return result;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> m_steps;
};

std::unique_ptr<const Normalizer> make(const JsonView& json, int depth) {
  const std::string type = json.at("type").string();
  if (type == "NFC") return std::make_unique<Form>(NormalForm::NFC);
  if (type == "NFD") return std::make_unique<Form>(NormalForm::NFD);
  if (type == "NFKC") return std::make_unique<Form>(NormalForm::NFKC);
  if (type == "NFKD") return std::make_unique<Form>(NormalForm::NFKD);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Prepend") return std::make_unique<Prepend>(json);
  if (type == "Replace") return std::make_unique<Replace>(json);
  if (type == "Strip") return std::make_unique<Strip>(json);
  if (type == "Precompiled") return std::make_unique<Precompiled>(json);
  if (type == "Sequence") {
    if (depth == kMaxSequenceDepth) json.fail("sequences are nested too deep", ErrorCode::Unsupported);
    std::vector<std::unique_ptr<const Normalizer>> steps;
    for (const JsonView& step : json.at("normalizers").items()) steps.push_back(make(step, depth + 1));
    return std::make_unique<Sequence>(std::move(steps));
  }
  json.failUnsupported("normalizer", type,
                       "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Precompiled, Sequence");
}

}  // namespace

std::unique_ptr<const Normalizer> makeNormalizer(const JsonView& json) { return make(json, 0); }

}  // namespace sememe::text
