// The "decoder" of a tokenizer.json, as a chain that tokens run through one by one. Internal to core/text.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json_view.h"

namespace sememe::text {

// One step of decoding. It takes the tokens' texts in order, each in one or more parts, and hands on what is certain.
class DecodeStep {
 public:
  virtual ~DecodeStep() = default;
  void setNext(DecodeStep* next) { m_next = next; }

  // A part of the current text; `last`: its end.
  virtual void part(std::string_view text, bool last) = 0;
  // There are no more texts.
  virtual void finish() { m_next->finish(); }

 protected:
  void handOn(std::string_view text, bool last) const { m_next->part(text, last); }

 private:
  DecodeStep* m_next = nullptr;
};

// Immutable; any thread.
class Decoder {
 public:
  // ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, BPEDecoder and Sequence. Nothing: tokens are joined with
  // spaces. `endOfWord`: what the model marks the end of a word with (may be empty); after ByteLevel it becomes a
  // space, and the text is stripped. Throws Error (Corrupt; Unsupported: another type) naming the key.
  Decoder(const std::optional<JsonView>& json, const std::string& endOfWord);

  // New steps for one text, in their order; the caller links them.
  std::vector<std::unique_ptr<DecodeStep>> steps() const;

 private:
  void add(const JsonView& json, int depth);

  std::vector<std::function<std::unique_ptr<DecodeStep>()>> m_makers;
  bool m_byteLevel = false;
};

}  // namespace sememe::text
