// What normalisers, pre-tokenizers and decoders look for in a text: a literal or a regular expression. Internal to
// core/text.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/text/json_view.h"

namespace sememe::text {

// Immutable; any thread may search with it.
class Pattern {
 public:
  // From {"String": …} or {"Regex": …}, the latter in the syntax of Oniguruma (Ruby), which the files are written for.
  // Throws Error (Corrupt, Unsupported) naming the key.
  explicit Pattern(const JsonView& json);
  // A regular expression of our own.
  explicit Pattern(const std::string& regex);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  // Calls `visit(begin, end)`, byte positions, for every match from left to right; matches do not overlap.
  // Throws Error (Unsupported) when the expression takes too long on this text.
  void forEachMatch(std::string_view text, const std::function<void(size_t, size_t)>& visit) const;

  std::string replaceAll(std::string_view text, std::string_view content) const;

 private:
  struct Regex;
  std::string m_literal;
  std::unique_ptr<Regex> m_regex;  // null: the literal
};

}  // namespace sememe::text
