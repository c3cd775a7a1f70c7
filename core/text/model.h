// The "model" of a tokenizer.json: from a piece of text to token ids. Internal to core/text.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json_view.h"
#include "core/text/vocabulary.h"

namespace sememe::text {

// Immutable; any thread.
class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of the piece (valid UTF-8, not empty). Throws Error (Corrupt) when the file has no token for what
  // it does not know.
  virtual void tokenize(std::string_view piece, std::vector<int32_t>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  // What marks the end of a word inside its last token (CLIP's "</w>"); empty for most.
  virtual std::string endOfWord() const { return {}; }
};

// BPE and Unigram. A file without "type" is told by its keys. Throws Error (Corrupt; Unsupported) naming the key.
std::unique_ptr<const Model> makeModel(const JsonView& json);

std::unique_ptr<const Model> makeBpe(const JsonView& json);
std::unique_ptr<const Model> makeUnigram(const JsonView& json);

}  // namespace sememe::text
