// The "pre_tokenizer" of a tokenizer.json: how a text is cut into pieces that no token crosses. Internal to core/text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/text/json_view.h"

namespace sememe::text {

struct Piece {
  std::string text;      // valid UTF-8, not empty
  bool atStart = false;  // it begins where the whole text begins
};

// Immutable; any thread.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Cuts one piece into others, appended to `pieces`. Throws Error (Unsupported) when a regular expression takes too
  // long.
  virtual void split(Piece piece, std::vector<Piece>& pieces) const = 0;
};

// ByteLevel, Metaspace, Split, WhitespaceSplit, Digits and Sequence.
// Throws Error (Corrupt; Unsupported: another type or behaviour) naming the key.
std::unique_ptr<const PreTokenizer> makePreTokenizer(const JsonView& json);

}  // namespace sememe::text
