// The "normalizer" of a tokenizer.json: what happens to the text before anything else. Internal to core/text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/text/json_view.h"

namespace sememe::text {

// Immutable; any thread. Takes and gives valid UTF-8.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string normalize(std::string_view text) const = 0;
};

// NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Precompiled and Sequence.
// Throws Error (Corrupt; Unsupported: another type) naming the key.
std::unique_ptr<const Normalizer> makeNormalizer(const JsonView& json);

// Sequences may be nested this deep, in every part of the file.
constexpr int kMaxSequenceDepth = 8;

}  // namespace sememe::text
