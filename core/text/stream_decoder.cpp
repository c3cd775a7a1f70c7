// Decoding while a model speaks.
#include "core/text/stream_decoder.h"

#include <utility>

#include "core/text/tokenizer_parts.h"

namespace sememe {
namespace {

// The end of the chain.
class Collector : public text::DecodeStep {
 public:
  explicit Collector(std::string& target) : m_target(target) {}
  void part(std::string_view text, bool) override { m_target += text; }
  void finish() override {}

 private:
  std::string& m_target;
};

}  // namespace

StreamDecoder::StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skipSpecialTokens)
    : StreamDecoder(*tokenizer, skipSpecialTokens) {
  m_owner = std::move(tokenizer);
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skipSpecialTokens)
    : m_tokenizer(tokenizer), m_skipSpecialTokens(skipSpecialTokens) {
  restart();
}

StreamDecoder::~StreamDecoder() = default;

void StreamDecoder::restart() {
  m_steps = m_tokenizer.m_parts->decoder.steps();
  m_steps.push_back(std::make_unique<Collector>(m_ready));
  for (size_t i = 0; i + 1 < m_steps.size(); ++i) m_steps[i]->setNext(m_steps[i + 1].get());
}

std::string StreamDecoder::push(int64_t id) {
  const std::string* token = m_tokenizer.m_parts->decodedText(id);
  if (token && !(m_skipSpecialTokens && m_tokenizer.isSpecial(id))) m_steps.front()->part(*token, true);
  return std::exchange(m_ready, {});
}

std::string StreamDecoder::finish() {
  m_steps.front()->finish();
  restart();
  return std::exchange(m_ready, {});
}

}  // namespace sememe
