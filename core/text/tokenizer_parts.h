// What a tokenizer is made of. Internal to core/text.
#pragma once

#include <memory>

#include "core/text/added_tokens.h"
#include "core/text/decoder.h"
#include "core/text/model.h"
#include "core/text/normalizer.h"
#include "core/text/post_processor.h"
#include "core/text/pre_tokenizer.h"

namespace sememe::text {

struct TokenizerParts {
  std::unique_ptr<const Normalizer> normalizer;      // may be null
  std::unique_ptr<const PreTokenizer> preTokenizer;  // may be null
  std::unique_ptr<const Model> model;
  AddedTokens added;
  PostProcessor postProcessor;
  Decoder decoder;

  explicit TokenizerParts(const JsonView& json);

  std::optional<int32_t> tokenToId(std::string_view token) const;
  const std::string* idToToken(int64_t id) const;    // null: no such token
  const std::string* decodedText(int64_t id) const;  // what goes into the decoder; null: no such token
};

}  // namespace sememe::text
