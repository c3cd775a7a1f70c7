// Hugging Face tokenizers: text to token ids and back, as tokenizer.json says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sememe {

namespace text {
struct TokenizerParts;
}

// A tokenizer: byte-level BPE (CLIP, GPT-2, Llama 3), BPE with byte fallback (Llama, Gemma, SigLIP 2) or Unigram (T5,
// SigLIP). Gives the ids and texts that the `tokenizers` library gives for the same file, but: the file's "truncation"
// and "padding" are not applied; added tokens have the ids that the file gives them; Metaspace's scheme "first" means
// the start of the normalised text; and characters are what ICU's version of Unicode has them be, which the library's
// several versions differ from in a few hundred rare ones. Immutable: any thread may use it.
class Tokenizer {
 public:
  // `path`: a tokenizer.json, or the model folder that holds it. Throws Error naming the file and the key: NotFound,
  // Io; Corrupt (broken content, or more than 128 MiB of it); Unsupported (a part of a kind that we do not have).
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& path);
  // From a file's content; `where` names it in messages.
  static std::shared_ptr<const Tokenizer> parse(std::string_view json, const std::string& where);
  ~Tokenizer();

  // The token ids of a text of at most 64 MiB, with the special tokens around it (such as <s>) or without. Special
  // tokens that the text spells are found in either case. Ill-formed UTF-8 counts as U+FFFD.
  // Throws Error (Invalid: longer; Corrupt, Unsupported: the file cannot cope with this text).
  std::vector<int64_t> encode(std::string_view text, bool addSpecialTokens = true) const;

  // The text of token ids, always valid UTF-8; ids that are no token are left out, special tokens too where asked.
  std::string decode(std::span<const int64_t> ids, bool skipSpecialTokens = true) const;

  std::optional<int64_t> tokenToId(std::string_view token) const;
  std::optional<std::string> idToToken(int64_t id) const;
  bool isSpecial(int64_t id) const;
  int64_t vocabSize() const;  // tokens, added ones too; ids may have gaps, so the largest one can be above it

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::unique_ptr<const text::TokenizerParts> parts);

  std::unique_ptr<const text::TokenizerParts> m_parts;
};

}  // namespace sememe
