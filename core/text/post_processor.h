// The "post_processor" of a tokenizer.json: the special tokens around a text. Internal to core/text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/text/json_view.h"

namespace sememe::text {

// Immutable; any thread.
class PostProcessor {
 public:
  using TokenToId = std::function<std::optional<int32_t>(const std::string&)>;

  // TemplateProcessing (the template for a single text), RobertaProcessing, BertProcessing, ByteLevel (which changes
  // offsets only, and we have none) and Sequence. Nothing: no tokens are added.
  // Throws Error (Corrupt: a token that the vocabulary lacks, or has under another id; Unsupported: another type).
  PostProcessor(const std::optional<JsonView>& json, const TokenToId& tokenToId);

  std::vector<int32_t> apply(std::vector<int32_t> ids) const;

 private:
  // Ids in their order; nothing stands for the text.
  using Template = std::vector<std::optional<int32_t>>;
  void add(const JsonView& json, const TokenToId& tokenToId, int depth);
  static Template readTemplate(const JsonView& json, const TokenToId& tokenToId);

  std::vector<Template> m_templates;
};

}  // namespace sememe::text
