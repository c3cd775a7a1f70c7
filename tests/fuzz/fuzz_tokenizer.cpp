// Fuzz target: a tokenizer.json, and after a zero byte a text that goes through it both ways.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/error.h"
#include "core/text/prompt_format.h"
#include "core/text/stream_decoder.h"
#include "core/text/tokenizer.h"

using namespace sememe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view json = input.substr(0, input.find('\0'));
  const std::string_view text =
      json.size() < size ? input.substr(json.size() + 1) : std::string_view("Hello <image> 😀\n ﬁ\u0301");
  try {
    const auto tokenizer = Tokenizer::parse(json, "fuzz");
    const std::vector<int64_t> ids = tokenizer->encode(text);
    for (const bool skip : {false, true}) {
      StreamDecoder decoder(tokenizer, skip);
      std::string streamed;
      for (const int64_t id : ids) streamed += decoder.push(id);
      streamed += decoder.finish();
      if (streamed != tokenizer->decode(ids, skip)) std::abort();
    }
  } catch (const Error&) {
  }
  try {
    PromptFormat::fromChatTemplate(json, "fuzz");
  } catch (const Error&) {
  }
  return 0;
}
