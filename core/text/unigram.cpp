// The unigram language model (Kudo, 2018): the most probable way to cut a piece into tokens, found by Viterbi.
#include <algorithm>
#include <limits>

#include "core/text/model.h"
#include "core/text/prefix_table.h"
#include "core/text/unicode.h"

namespace sememe::text {
namespace {

constexpr double kUnknownPenalty = 10;  // how much less an unknown character scores than the worst token

class Unigram : public Model {
 public:
  explicit Unigram(const JsonView& json) : m_byteFallback(json.boolean("byte_fallback", false)) {
    const JsonView vocabulary = json.at("vocab");
    if (!vocabulary.isArray()) vocabulary.fail("a list was expected");
    const auto& list = vocabulary.raw();
    if (static_cast<int64_t>(list.size()) > kMaxTokenId) vocabulary.fail("there are too many tokens");
    m_vocabulary.reserve(list.size());
    m_scores.reserve(list.size());
    std::vector<std::pair<std::string, int32_t>> entries;
    entries.reserve(list.size());
    for (const auto& entry : list) {
      const auto id = static_cast<int32_t>(m_scores.size());
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
        vocabulary.fail("entry " + std::to_string(id) + " is not [text, score]");
      const auto& text = entry[0].get_ref<const std::string&>();
      if (!m_vocabulary.add(text, id)) vocabulary.fail("the token " + inQuotes(text) + " is there twice");
      m_scores.push_back(entry[1].get<double>());
      m_lowest = std::min(m_lowest, m_scores.back());
      entries.emplace_back(text, id);
    }
    m_table = PrefixTable(std::move(entries));
    if (const auto unknown = json.find("unk_id")) {
      if (m_scores.empty()) vocabulary.fail("the vocabulary is empty");
      m_unknown = static_cast<int32_t>(unknown->integer(0, static_cast<int64_t>(m_scores.size()) - 1));
    }
  }

  const Vocabulary& vocabulary() const override { return m_vocabulary; }

  void tokenize(std::string_view piece, std::vector<int32_t>& ids) const override {
    const std::vector<Node> best = viterbi(piece);
    // The path runs backwards; unknown characters in a row are one token.
    std::vector<std::string_view> tokens;
    size_t unknownEnd = 0;
    for (size_t end = piece.size(); end > 0; end = best[end].begin) {
      const size_t begin = best[end].begin;
      const bool unknown = m_unknown && best[end].id == *m_unknown;
      if (unknown && unknownEnd > 0)
        tokens.back() = piece.substr(begin, unknownEnd - begin);
      else
        tokens.push_back(piece.substr(begin, end - begin));
      unknownEnd = !unknown ? 0 : unknownEnd > 0 ? unknownEnd : end;
    }
    std::reverse(tokens.begin(), tokens.end());
    for (const std::string_view token : tokens) {
      if (const auto id = m_vocabulary.id(token))
        ids.push_back(*id);
      else if (!m_byteFallback || !m_vocabulary.appendBytes(token, ids))
        ids.push_back(unknownId());
    }
  }

 private:
  // The best way to have cut the text before a place.
  struct Node {
    double score = 0;
    size_t begin = kNone;  // of the last token
    int32_t id = 0;
  };
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  int32_t unknownId() const {
    if (!m_unknown)
      throw Error(ErrorCode::Corrupt, "the tokenizer has no unk_id, and the text has a character it does not know");
    return *m_unknown;
  }

  std::vector<Node> viterbi(std::string_view piece) const {
    std::vector<Node> best(piece.size() + 1);
    for (size_t begin = 0; begin < piece.size();) {
      size_t next = begin;
      nextCharacter(piece, next);
      const auto offer = [&, score = best[begin].score](size_t end, double tokenScore, int32_t id) {
        if (best[end].begin == kNone || score + tokenScore > best[end].score)
          best[end] = {score + tokenScore, begin, id};
      };
      bool single = false;  // a token of just this character
      m_table.forEachPrefix(piece.substr(begin), [&](size_t length, int32_t id) {
        offer(begin + length, m_scores[static_cast<size_t>(id)], id);
        single = single || begin + length == next;
      });
      if (!single) offer(next, m_lowest - kUnknownPenalty, unknownId());
      begin = next;
    }
    return best;
  }

  Vocabulary m_vocabulary;
  std::vector<double> m_scores;
  PrefixTable m_table;
  std::optional<int32_t> m_unknown;
  double m_lowest = std::numeric_limits<double>::infinity();
  bool m_byteFallback;
};

}  // namespace

std::unique_ptr<const Model> makeUnigram(const JsonView& json) { return std::make_unique<Unigram>(json); }

}  // namespace sememe::text
