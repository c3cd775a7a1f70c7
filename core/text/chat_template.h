// Recognises published chat templates. Internal to core/text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sememe::text {

// The prompt format (see PromptFormat) that a template gives one question about one image; nothing for a template that
// we do not know. Layout, comments, quotes and marks for training do not count.
std::optional<std::string> recogniseChatTemplate(std::string_view jinja);

}  // namespace sememe::text
