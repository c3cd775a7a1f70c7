// Hugging Face tokenizers: the stages in their order.
#include "core/text/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "core/base/files.h"
#include "core/text/stream_decoder.h"
#include "core/text/tokenizer_parts.h"
#include "core/text/unicode.h"

namespace sememe {
namespace text {
namespace {

constexpr int64_t kMaxFile = int64_t{128} << 20;  // bytes; Gemma's, the largest one about, has 34 MB
constexpr size_t kMaxText = size_t{64} << 20;     // bytes
constexpr size_t kMaxCachedWord = 64;             // bytes

std::unique_ptr<const Normalizer> normalizerOf(const JsonView& json) {
  const auto part = json.find("normalizer");
  return part ? makeNormalizer(*part) : nullptr;
}

std::unique_ptr<const PreTokenizer> preTokenizerOf(const JsonView& json) {
  const auto part = json.find("pre_tokenizer");
  return part ? makePreTokenizer(*part) : nullptr;
}

// One text on its way through the model; words that come again are tokenized once.
class Encoding {
 public:
  explicit Encoding(const TokenizerParts& parts) : m_parts(parts) {}

  void add(std::string_view text, bool atStart) {
    const std::string normalized = m_parts.normalizer ? m_parts.normalizer->normalize(text) : std::string(text);
    for (const auto& section : m_parts.added.findNormalized(normalized)) {
      if (section.token) {
        ids.push_back(*section.token);
        continue;
      }
      Piece piece{normalized.substr(section.begin, section.end - section.begin), atStart && section.begin == 0};
      if (m_parts.preTokenizer)
        m_parts.preTokenizer->split(std::move(piece), m_pieces);
      else
        m_pieces.push_back(std::move(piece));
      for (const Piece& word : m_pieces) tokenize(word.text);
      m_pieces.clear();
    }
  }

  std::vector<int32_t> ids;

 private:
  void tokenize(const std::string& word) {
    if (word.size() > kMaxCachedWord) {
      m_parts.model->tokenize(word, ids);
      return;
    }
    const auto [place, isNew] = m_known.try_emplace(word);
    if (isNew) m_parts.model->tokenize(word, place->second);
    ids.insert(ids.end(), place->second.begin(), place->second.end());
  }

  const TokenizerParts& m_parts;
  std::vector<Piece> m_pieces;
  std::unordered_map<std::string, std::vector<int32_t>> m_known;
};

}  // namespace

TokenizerParts::TokenizerParts(const JsonView& json)
    : normalizer(normalizerOf(json)),
      preTokenizer(preTokenizerOf(json)),
      model(makeModel(json.at("model"))),
      added(json.find("added_tokens"), model->vocabulary(), normalizer.get()),
      postProcessor(json.find("post_processor"), [this](const std::string& token) { return tokenToId(token); }),
      decoder(json.find("decoder"), model->endOfWord()) {}

std::optional<int32_t> TokenizerParts::tokenToId(std::string_view token) const {
  const auto id = added.vocabulary().id(token);
  return id ? id : model->vocabulary().id(token);
}

const std::string* TokenizerParts::idToToken(int64_t id) const {
  if (id < 0 || id > kMaxTokenId) return nullptr;
  const std::string* token = added.vocabulary().text(static_cast<int32_t>(id));
  return token ? token : model->vocabulary().text(static_cast<int32_t>(id));
}

const std::string* TokenizerParts::decodedText(int64_t id) const {
  if (id < 0 || id > kMaxTokenId) return nullptr;
  const std::string* text = added.decodedText(static_cast<int32_t>(id));
  return text ? text : model->vocabulary().text(static_cast<int32_t>(id));
}

}  // namespace text

Tokenizer::Tokenizer(std::unique_ptr<const text::TokenizerParts> parts) : m_parts(std::move(parts)) {}

Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  const auto file = std::filesystem::is_directory(path) ? path / "tokenizer.json" : path;
  return parse(readTextFile(file, text::kMaxFile), file.string());
}

std::shared_ptr<const Tokenizer> Tokenizer::parse(std::string_view json, const std::string& where) {
  const nlohmann::json parsed = text::parseJson(json, where);
  return std::shared_ptr<const Tokenizer>(
      new Tokenizer(std::make_unique<const text::TokenizerParts>(text::JsonView(parsed, where))));
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool addSpecialTokens) const {
  if (text.size() > text::kMaxText)
    throw Error(ErrorCode::Invalid, "the text has " + std::to_string(text.size()) + " bytes, at most " +
                                        std::to_string(text::kMaxText) + " expected");
  const std::string valid = text::toValidUtf8(text);
  text::Encoding encoding(*m_parts);
  for (const auto& section : m_parts->added.findRaw(valid)) {
    if (section.token)
      encoding.ids.push_back(*section.token);
    else
      encoding.add(std::string_view(valid).substr(section.begin, section.end - section.begin), section.begin == 0);
  }
  if (addSpecialTokens) encoding.ids = m_parts->postProcessor.apply(std::move(encoding.ids));
  return {encoding.ids.begin(), encoding.ids.end()};
}

std::string Tokenizer::decode(std::span<const int64_t> ids, bool skipSpecialTokens) const {
  StreamDecoder decoder(*this, skipSpecialTokens);
  std::string result;
  for (const int64_t id : ids) result += decoder.push(id);
  return result + decoder.finish();
}

std::optional<int64_t> Tokenizer::tokenToId(std::string_view token) const { return m_parts->tokenToId(token); }

std::optional<std::string> Tokenizer::idToToken(int64_t id) const {
  const std::string* token = m_parts->idToToken(id);
  return token ? std::optional(*token) : std::nullopt;
}

bool Tokenizer::isSpecial(int64_t id) const {
  return id >= 0 && id <= text::kMaxTokenId && m_parts->added.isSpecial(static_cast<int32_t>(id));
}

int64_t Tokenizer::vocabSize() const {
  const auto& model = m_parts->model->vocabulary();
  size_t size = model.size();
  for (const auto& [token, id] : m_parts->added.vocabulary())
    if (!model.id(token)) ++size;
  return static_cast<int64_t>(size);
}

}  // namespace sememe
