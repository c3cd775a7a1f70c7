// The special tokens around a text.
#include "core/text/post_processor.h"

#include "core/text/normalizer.h"
#include "core/text/vocabulary.h"

namespace sememe::text {
namespace {

int32_t checkedId(const JsonView& json, const std::string& token, int64_t id,
                  const PostProcessor::TokenToId& tokenToId) {
  const auto known = tokenToId(token);
  if (!known) json.fail("the token " + inQuotes(token) + " is not in the vocabulary");
  if (*known != id)
    json.fail("the token " + inQuotes(token) + " has the id " + std::to_string(id) + " here and " +
              std::to_string(*known) + " in the vocabulary");
  return *known;
}

// ["TOKEN", ID]
int32_t readPair(const JsonView& json, const PostProcessor::TokenToId& tokenToId) {
  const auto items = json.items();
  if (items.size() != 2) json.fail("a token and its id were expected");
  return checkedId(json, items[0].string(), items[1].integer(0, kMaxTokenId), tokenToId);
}

}  // namespace

PostProcessor::PostProcessor(const std::optional<JsonView>& json, const TokenToId& tokenToId) {
  if (json) add(*json, tokenToId, 0);
}

void PostProcessor::add(const JsonView& json, const TokenToId& tokenToId, int depth) {
  const std::string type = json.at("type").string();
  if (type == "TemplateProcessing") {
    m_templates.push_back(readTemplate(json, tokenToId));
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    m_templates.push_back({readPair(json.at("cls"), tokenToId), std::nullopt, readPair(json.at("sep"), tokenToId)});
  } else if (type == "Sequence") {
    if (depth == kMaxSequenceDepth) json.fail("sequences are nested too deep", ErrorCode::Unsupported);
    for (const JsonView& step : json.at("processors").items()) add(step, tokenToId, depth + 1);
  } else if (type != "ByteLevel") {
    json.failUnsupported("post-processor", type,
                         "TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel, Sequence");
  }
}

PostProcessor::Template PostProcessor::readTemplate(const JsonView& json, const TokenToId& tokenToId) {
  Template parts;
  for (const JsonView& part : json.at("single").items()) {
    if (const auto sequence = part.find("Sequence")) {
      if (sequence->at("id").string() != "A") sequence->at("id").fail("a single text is the sequence A");
      parts.push_back(std::nullopt);
      continue;
    }
    // One special token may stand for several ids.
    const auto special = json.at("special_tokens").at(part.at("SpecialToken").at("id").string());
    const auto ids = special.at("ids").items();
    const auto tokens = special.at("tokens").items();
    if (ids.size() != tokens.size()) special.fail("there are not as many ids as tokens");
    for (size_t i = 0; i < ids.size(); ++i)
      parts.emplace_back(checkedId(special, tokens[i].string(), ids[i].integer(0, kMaxTokenId), tokenToId));
  }
  return parts;
}

std::vector<int32_t> PostProcessor::apply(std::vector<int32_t> ids) const {
  for (const Template& parts : m_templates) {
    std::vector<int32_t> framed;
    for (const auto& part : parts) {
      if (part)
        framed.push_back(*part);
      else
        framed.insert(framed.end(), ids.begin(), ids.end());
    }
    ids = std::move(framed);
  }
  return ids;
}

}  // namespace sememe::text
