// Writes the tokenizer, chat template and processor of the demo's LLaVA.
#include "core/demo/llava_tokenizer.h"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "core/base/files.h"
#include "core/demo/byte_pairs.h"
#include "core/demo/questions.h"
#include "core/demo/train_parts.h"

namespace sememe {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char *kUnknown = "<unk>", *kBos = "<s>", *kEos = "</s>", *kImage = "<image>", *kPad = "<pad>";
constexpr const char* kBlank = "Ġ";  // GPT-2's stand-in for the byte of a blank

// LLaVA-1.5's, as published by llava-hf.
constexpr const char* kChatTemplate =
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\\n' }}{% endfor %}{# Render all text next #}{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}"
    "{% endfor %}{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

struct Vocabulary {
  std::vector<std::string> tokens;  // by id
  std::vector<BytePair> merges;
};

// Words by themselves first, then each with the blank before it, so that both are one token.
Vocabulary makeVocabulary() {
  std::vector<std::vector<std::string>> split;
  const std::vector<std::string> words = chatWords();
  for (const std::string& word : words) {
    split.emplace_back();
    for (const char c : word) split.back().emplace_back(1, c);
  }
  Vocabulary vocabulary{{kUnknown, kBos, kEos}, trainBytePairs(std::move(split))};
  for (const std::string& word : words) vocabulary.merges.emplace_back(kBlank, word);
  for (std::string& byte : byteAlphabet()) vocabulary.tokens.push_back(std::move(byte));
  std::unordered_set<std::string> known(vocabulary.tokens.begin(), vocabulary.tokens.end());
  for (const BytePair& pair : vocabulary.merges)
    if (known.insert(pair.first + pair.second).second) vocabulary.tokens.push_back(pair.first + pair.second);
  return vocabulary;
}

}  // namespace

std::string llavaTokenizerJson(LlavaTokenIds* ids) {
  const Vocabulary vocabulary = makeVocabulary();
  LlavaTokenIds found;
  found.image = static_cast<int64_t>(vocabulary.tokens.size());
  found.pad = found.image + 1;
  found.size = found.pad + 1;
  if (ids) *ids = found;

  Json vocab = Json::object(), merges = Json::array();
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) vocab[vocabulary.tokens[id]] = id;
  for (const BytePair& pair : vocabulary.merges) merges.push_back(pair.first + " " + pair.second);
  const auto added = [](const char* content, int64_t id) {
    return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  const auto byteLevel = [](bool regex) {
    return Json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", regex}};
  };
  const Json bos = {{"SpecialToken", {{"id", kBos}, {"type_id", 0}}}};
  const auto sequence = [](const char* id, int type) { return Json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
  const Json tokenizer = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", Json::array({added(kUnknown, found.unknown), added(kBos, found.bos), added(kEos, found.eos),
                                    added(kImage, found.image), added(kPad, found.pad)})},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers", Json::array({{{"type", "NFC"}},
                                     {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}},
                                     {{"type", "Lowercase"}}})}}},
      {"pre_tokenizer", byteLevel(true)},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", Json::array({bos, sequence("A", 0)})},
        {"pair", Json::array({bos, sequence("A", 0), bos, sequence("B", 1)})},
        {"special_tokens", {{kBos, {{"id", kBos}, {"ids", Json::array({found.bos})}, {"tokens", Json::array({kBos})}}}}}}},
      {"decoder", byteLevel(true)},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", vocab},
        {"merges", merges}}}};
  return tokenizer.dump(1) + "\n";
}

void saveLlavaText(const std::filesystem::path& folder, int64_t maxLength) {
  LlavaTokenIds ids;
  writeTextFile(folder / "tokenizer.json", llavaTokenizerJson(&ids));
  const Json specials = {{"bos_token", kBos}, {"eos_token", kEos}, {"pad_token", kPad}, {"unk_token", kUnknown}};
  Json config = specials;
  config.update({{"add_bos_token", true},
                 {"clean_up_tokenization_spaces", false},
                 {"extra_special_tokens", {{"image_token", kImage}}},
                 {"image_token", kImage},
                 {"model_max_length", maxLength},
                 {"padding_side", "left"},
                 {"processor_class", "LlavaProcessor"},
                 {"tokenizer_class", "PreTrainedTokenizerFast"}});
  writeTextFile(folder / "tokenizer_config.json", config.dump(2) + "\n");
  Json map = specials;
  map["image_token"] = kImage;
  writeTextFile(folder / "special_tokens_map.json", map.dump(2) + "\n");
  writeTextFile(folder / "chat_template.jinja", std::string(kChatTemplate) + "\n");
  writeTextFile(folder / "preprocessor_config.json", clipPreprocessor());
  const Json processor = {{"image_token", kImage},
                          {"num_additional_image_tokens", 1},
                          {"patch_size", kWorldSide / kWorldPatches},
                          {"processor_class", "LlavaProcessor"},
                          {"vision_feature_select_strategy", "default"}};
  writeTextFile(folder / "processor_config.json", processor.dump(2) + "\n");
  const Json generation = {
      {"_from_model_config", true}, {"bos_token_id", ids.bos}, {"eos_token_id", ids.eos}, {"pad_token_id", ids.pad}};
  writeTextFile(folder / "generation_config.json", generation.dump(2) + "\n");
}

}  // namespace sememe
