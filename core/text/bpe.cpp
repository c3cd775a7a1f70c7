// Byte-pair encoding (Sennrich et al., 2016), with byte fallback: merges in the order of their rank.
#include <queue>
#include <tuple>
#include <unordered_map>

#include "core/text/model.h"
#include "core/text/unicode.h"

namespace sememe::text {
namespace {

struct Merge {
  int32_t rank;  // lower merges first
  int32_t result;
};

// Tokens of a word as a linked list, so that a merge costs nothing but its two neighbours.
struct Symbol {
  int32_t id;
  int32_t previous, next;  // −1: none
  bool merged = false;     // into the symbol on its left
};

// A pair that may be merged, the left one at `position`. Stale ones are recognised when they come up.
struct Candidate {
  int32_t rank, position, result;
  bool operator<(const Candidate& other) const {
    return std::tie(other.rank, other.position) < std::tie(rank, position);
  }
};

class Bpe : public Model {
 public:
  explicit Bpe(const JsonView& json)
      : m_unknown(json.string("unk_token", {})),
        m_prefix(json.string("continuing_subword_prefix", {})),
        m_suffix(json.string("end_of_word_suffix", {})),
        m_fuseUnknown(json.boolean("fuse_unk", false)),
        m_byteFallback(json.boolean("byte_fallback", false)),
        m_ignoreMerges(json.boolean("ignore_merges", false)) {
    readVocabulary(json.at("vocab"));
    readMerges(json.at("merges"));
  }

  const Vocabulary& vocabulary() const override { return m_vocabulary; }
  std::string endOfWord() const override { return m_suffix; }

  void tokenize(std::string_view piece, std::vector<int32_t>& ids) const override {
    if (m_ignoreMerges) {
      if (const auto whole = m_vocabulary.id(piece)) {
        ids.push_back(*whole);
        return;
      }
    }
    std::vector<int32_t> characters;
    characters.reserve(piece.size());
    splitCharacters(piece, characters);
    mergeAll(characters, ids);
  }

 private:
  static uint64_t pair(int32_t left, int32_t right) {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  }

  void readVocabulary(const JsonView& json) {
    if (!json.isObject()) json.fail("an object was expected");
    m_vocabulary.reserve(json.raw().size());
    for (const auto& [token, id] : json.raw().items()) {
      if (!id.is_number_integer() || id < 0 || id > kMaxTokenId)
        json.fail("the token " + inQuotes(token) + " has no id from 0 to " + std::to_string(kMaxTokenId));
      if (!m_vocabulary.add(token, id.get<int32_t>()))
        json.fail("the token " + inQuotes(token) + " has the id " + id.dump() + ", which another token has already");
    }
  }

  // Each merge is "LEFT RIGHT" or ["LEFT", "RIGHT"]; the result must be a token.
  void readMerges(const JsonView& json) {
    if (!json.isArray()) json.fail("a list was expected");
    m_merges.reserve(json.raw().size());
    int32_t rank = 0;
    for (const auto& merge : json.raw()) {
      const auto fail = [&](const std::string& message) {
        json.fail("merge " + std::to_string(rank) + ": " + message);
      };
      std::string left, right;
      if (merge.is_string()) {
        const auto& text = merge.get_ref<const std::string&>();
        const size_t space = text.find(' ');
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
          fail(inQuotes(text) + " is not two tokens with a space between them");
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      } else {
        fail("a text or a list of two texts was expected");
      }
      if (right.size() < m_prefix.size()) fail(inQuotes(right) + " lacks the prefix " + inQuotes(m_prefix));
      const auto known = [&](const std::string& token) {
        const auto id = m_vocabulary.id(token);
        if (!id) fail("the token " + inQuotes(token) + " is not in the vocabulary");
        return *id;
      };
      const int32_t leftId = known(left), rightId = known(right);
      m_merges[pair(leftId, rightId)] = {rank, known(left + right.substr(m_prefix.size()))};
      ++rank;
    }
  }

  int32_t unknownId() const {
    const auto id = m_vocabulary.id(m_unknown);
    if (!id)
      throw Error(ErrorCode::Corrupt, "the tokenizer's unk_token " + inQuotes(m_unknown) + " is not in its vocabulary");
    return *id;
  }

  // The ids of the single characters. One that is no token becomes its bytes, or else the unknown token, or nothing
  // where there is none. An unknown token waits, so that the next ones can fuse with it; bytes do not end the wait.
  void splitCharacters(std::string_view piece, std::vector<int32_t>& ids) const {
    bool unknownWaits = false;
    std::string spelled;
    for (size_t at = 0; at < piece.size();) {
      const size_t begin = at;
      nextCharacter(piece, at);
      std::string_view character = piece.substr(begin, at - begin);
      if ((begin > 0 && !m_prefix.empty()) || (at == piece.size() && !m_suffix.empty())) {
        spelled = begin > 0 ? m_prefix : std::string();
        spelled += character;
        if (at == piece.size()) spelled += m_suffix;
        character = spelled;
      }
      if (const auto id = m_vocabulary.id(character)) {
        if (unknownWaits) ids.push_back(unknownId());
        unknownWaits = false;
        ids.push_back(*id);
        continue;
      }
      if (m_byteFallback && m_vocabulary.appendBytes(character, ids)) continue;
      if (m_unknown.empty()) continue;
      if (unknownWaits && !m_fuseUnknown) ids.push_back(unknownId());
      unknownWaits = true;
    }
    if (unknownWaits) ids.push_back(unknownId());
  }

  void mergeAll(const std::vector<int32_t>& characters, std::vector<int32_t>& ids) const {
    const auto count = static_cast<int32_t>(characters.size());
    std::vector<Symbol> symbols(characters.size());
    for (int32_t i = 0; i < count; ++i)
      symbols[static_cast<size_t>(i)] = {characters[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1};
    const auto symbol = [&](int32_t position) -> Symbol& { return symbols[static_cast<size_t>(position)]; };

    std::priority_queue<Candidate> queue;
    const auto consider = [&](int32_t position) {
      if (position < 0 || symbol(position).next < 0) return;
      const auto merge = m_merges.find(pair(symbol(position).id, symbol(symbol(position).next).id));
      if (merge != m_merges.end()) queue.push({merge->second.rank, position, merge->second.result});
    };
    for (int32_t i = 0; i + 1 < count; ++i) consider(i);

    while (!queue.empty()) {
      const Candidate best = queue.top();
      queue.pop();
      Symbol& left = symbol(best.position);
      if (left.merged || left.next < 0) continue;
      Symbol& right = symbol(left.next);
      const auto merge = m_merges.find(pair(left.id, right.id));
      if (merge == m_merges.end() || merge->second.result != best.result) continue;  // it has changed since
      left.id = best.result;
      right.merged = true;
      left.next = right.next;
      if (left.next >= 0) symbol(left.next).previous = best.position;
      consider(left.previous);
      consider(best.position);
    }
    for (int32_t i = 0; i < count; ++i)
      if (!symbol(i).merged) ids.push_back(symbol(i).id);
  }

  Vocabulary m_vocabulary;
  std::unordered_map<uint64_t, Merge> m_merges;
  std::string m_unknown, m_prefix, m_suffix;
  bool m_fuseUnknown, m_byteFallback, m_ignoreMerges;
};

}  // namespace

std::unique_ptr<const Model> makeBpe(const JsonView& json) { return std::make_unique<Bpe>(json); }

std::unique_ptr<const Model> makeModel(const JsonView& json) {
  const auto type = json.find("type");
  // The oldest files do not say it; their BPE has merges, their Unigram an unk_id.
  const std::string name = type ? type->string() : json.find("merges") ? "BPE" : json.find("unk_id") ? "Unigram" : "";
  if (name == "BPE") return makeBpe(json);
  if (name == "Unigram") return makeUnigram(json);
  json.failUnsupported("model type", name, "BPE, Unigram");
}

}  // namespace sememe::text
