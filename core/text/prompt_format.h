// How a question to LLaVA becomes a prompt.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace sememe {

// A prompt with one place for the image and one for the question. Immutable: any thread may use it.
class PromptFormat {
 public:
  static constexpr std::string_view kImage = "<image>";  // the image's place; stays in the prompt
  static constexpr std::string_view kText = "{text}";    // the question's place

  // `format`: as in "USER: <image>\n{text} ASSISTANT:". Throws Error (Invalid) unless each place is there exactly once.
  explicit PromptFormat(std::string format);

  // From a chat template, written in Jinja. Templates are recognised, not run: the ones published with LLaVA-1.5 and
  // LLaVA-1.6-Vicuna, however they are laid out. `where` names the file in messages.
  // Throws Error (Unsupported: any other template; its message says how to give a format by hand).
  static PromptFormat fromChatTemplate(std::string_view jinja, const std::string& where);

  // From a model folder: chat_template.jinja, chat_template.json or tokenizer_config.json, the first that has a
  // template; of several named ones, the one named "default". Throws Error as above, and NotFound when there is none.
  static PromptFormat fromFolder(const std::filesystem::path& folder);

  // The prompt for a question, the image's place still in it. Throws Error (Invalid) when the question holds one too.
  std::string prompt(std::string_view question) const;

  const std::string& format() const { return m_format; }

 private:
  std::string m_format;
};

}  // namespace sememe
