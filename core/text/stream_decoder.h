// Decoding while a model speaks: tokens go in one by one, text comes out as soon as it is certain.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/text/tokenizer.h"

namespace sememe {

namespace text {
class DecodeStep;
}

// The texts of all push() calls and finish() joined are Tokenizer::decode of all the ids, and every one of them is
// valid UTF-8: bytes of a character wait for the rest of it. (Of a tokenizer with byte fallback a row of byte tokens
// waits for its end, since one wrong byte voids all of it.) One thread at a time.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skipSpecialTokens = true);
  ~StreamDecoder();
  StreamDecoder(const StreamDecoder&) = delete;
  StreamDecoder& operator=(const StreamDecoder&) = delete;

  // The text that this token makes certain; often empty.
  std::string push(int64_t id);
  // The rest. The decoder is ready for another text then.
  std::string finish();

 private:
  friend class Tokenizer;
  StreamDecoder(const Tokenizer& tokenizer, bool skipSpecialTokens);
  void restart();

  std::shared_ptr<const Tokenizer> m_owner;
  const Tokenizer& m_tokenizer;
  bool m_skipSpecialTokens;
  std::vector<std::unique_ptr<text::DecodeStep>> m_steps;  // the last one collects
  std::string m_ready;
};

}  // namespace sememe
