// The text side of the demo's LLaVA: a byte-level BPE tokenizer in which each word of the chat is one token, and the
// files around it as llava-hf writes them. Internal to core/demo.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sememe {

// Ids that the model's configuration needs.
struct LlavaTokenIds {
  int64_t unknown = 0, bos = 1, eos = 2;
  int64_t image = 0, pad = 0;  // behind the words, as llava-hf has them
  int64_t size = 0;
};

// A tokenizer.json, always the same: text is put in lower case, white space becomes single blanks, and any text can be
// written, unknown words byte by byte.
std::string llavaTokenizerJson(LlavaTokenIds* ids = nullptr);

// Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja (LLaVA-1.5's),
// preprocessor_config.json, processor_config.json and generation_config.json for a text of `maxLength` positions.
// Throws Error (Io, DiskFull).
void saveLlavaText(const std::filesystem::path& folder, int64_t maxLength);

}  // namespace sememe
