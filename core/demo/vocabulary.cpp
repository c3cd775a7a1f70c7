// The demo CLIP's words: trains the byte-pair merges and writes the tokenizer's files.
#include "core/demo/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/demo/byte_pairs.h"
#include "core/demo/world.h"

namespace sememe {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kBos = "<|startoftext|>";
constexpr const char* kEos = "<|endoftext|>";
constexpr const char* kPattern =
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

std::vector<std::string> worldWords() {
  std::set<std::string> words = {"a",     "an",     "and",   "on",      "of",      "the",  "background",
                                 "thing", "object", "photo", "picture", "drawing", "image"};
  for (int i = 0; i < kWorldShapes; ++i) words.emplace(worldShape(i));
  for (int i = 0; i < kWorldColours; ++i) words.emplace(worldColour(i));
  for (int i = 0; i < kWorldTextures; ++i) words.emplace(worldTexture(i));
  for (int i = 0; i < kWorldBackgrounds; ++i) words.emplace(worldBackground(i));
  return {words.begin(), words.end()};
}

}  // namespace

DemoVocabulary::DemoVocabulary() : m_words(worldWords()) {
  m_tokens = byteAlphabet();
  for (size_t i = 0; i < 256; ++i) m_tokens.push_back(m_tokens[i] + "</w>");
  std::vector<std::vector<std::string>> split;
  for (const std::string& word : m_words) {
    std::vector<std::string> parts;
    for (const char c : word) parts.emplace_back(1, c);
    parts.back() += "</w>";
    split.push_back(std::move(parts));
  }
  m_merges = trainBytePairs(std::move(split));
  for (const BytePair& pair : m_merges) m_tokens.push_back(pair.first + pair.second);
  for (size_t id = 0; id < m_tokens.size(); ++id) {
    const std::string& token = m_tokens[id];
    if (!token.ends_with("</w>")) continue;
    const std::string word = token.substr(0, token.size() - 4);
    if (std::binary_search(m_words.begin(), m_words.end(), word)) m_wordIds[word] = static_cast<int64_t>(id);
  }
  m_tokens.emplace_back(kBos);
  m_tokens.emplace_back(kEos);
}

std::vector<int64_t> DemoVocabulary::encode(std::string_view text) const {
  std::vector<int64_t> ids = {bos()};
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    const auto found = m_wordIds.find(text.substr(0, space));
    if (found == m_wordIds.end()) {
      throw Error(ErrorCode::Invalid, "not a word of the demo world", std::string(text.substr(0, space)));
    }
    ids.push_back(found->second);
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  ids.push_back(eos());
  return ids;
}

void DemoVocabulary::save(const std::filesystem::path& folder, int64_t maxLength) const {
  Json vocab = Json::object();
  for (size_t id = 0; id < m_tokens.size(); ++id) vocab[m_tokens[id]] = id;
  std::string merges = "#version: 0.2\n";
  Json mergeList = Json::array();
  for (const BytePair& pair : m_merges) {
    merges += pair.first + " " + pair.second + "\n";
    mergeList.push_back(pair.first + " " + pair.second);
  }
  const auto special = [](const char* content, int64_t id) {
    return Json{{"id", id},        {"content", content}, {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", true}, {"special", true}};
  };
  const Json byteLevel = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json tokenizer = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", Json::array({special(kBos, bos()), special(kEos, eos())})},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         Json::array({{{"type", "NFC"}},
                      {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}},
                      {{"type", "Lowercase"}}})}}},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers", Json::array({{{"type", "Split"},
                                        {"pattern", {{"Regex", kPattern}}},
                                        {"behavior", "Removed"},
                                        {"invert", true}},
                                       byteLevel})}}},
      {"post_processor",
       {{"type", "RobertaProcessing"},
        {"sep", Json::array({kEos, eos()})},
        {"cls", Json::array({kBos, bos()})},
        {"trim_offsets", false},
        {"add_prefix_space", false}}},
      {"decoder", byteLevel},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", kEos},
        {"continuing_subword_prefix", ""},
        {"end_of_word_suffix", "</w>"},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"vocab", vocab},
        {"merges", mergeList}}}};
  const Json config = {{"add_prefix_space", false},
                       {"bos_token", kBos},
                       {"clean_up_tokenization_spaces", false},
                       {"do_lower_case", true},
                       {"eos_token", kEos},
                       {"errors", "replace"},
                       {"model_max_length", maxLength},
                       {"pad_token", kEos},
                       {"tokenizer_class", "CLIPTokenizer"},
                       {"unk_token", kEos}};
  const Json specials = {{"bos_token", kBos}, {"eos_token", kEos}, {"pad_token", kEos}, {"unk_token", kEos}};
  writeTextFile(folder / "vocab.json", vocab.dump() + "\n");
  writeTextFile(folder / "merges.txt", merges);
  writeTextFile(folder / "tokenizer.json", tokenizer.dump(1) + "\n");
  writeTextFile(folder / "tokenizer_config.json", config.dump(2) + "\n");
  writeTextFile(folder / "special_tokens_map.json", specials.dump(2) + "\n");
}

}  // namespace sememe
