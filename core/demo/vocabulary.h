// The demo CLIP's words: a CLIP byte-pair tokenizer in which each word of the world is one token.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sememe {

// Trains its merges from the words when made, always the same ones. Read-only afterwards: any thread.
// Ids 0 … 255 are single bytes, 256 … 511 bytes that end a word, then the merges, then bos and eos, as in
// OpenAI's CLIP.
class DemoVocabulary {
 public:
  DemoVocabulary();

  int64_t size() const { return static_cast<int64_t>(m_tokens.size()); }
  int64_t bos() const { return size() - 2; }
  int64_t eos() const { return size() - 1; }
  const std::vector<std::string>& words() const { return m_words; }

  // bos, one id per word, eos. `text`: lower-case words parted by single spaces. Throws Error (Invalid) on an
  // unknown word.
  std::vector<int64_t> encode(std::string_view text) const;

  // Writes vocab.json, merges.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json for a
  // model of `maxLength` positions. Throws Error (Io, DiskFull).
  void save(const std::filesystem::path& folder, int64_t maxLength) const;

 private:
  std::vector<std::string> m_words;
  std::vector<std::string> m_tokens;                          // by id, in the byte alphabet of GPT-2
  std::vector<std::pair<std::string, std::string>> m_merges;  // in order
  std::map<std::string, int64_t, std::less<>> m_wordIds;
};

}  // namespace sememe
