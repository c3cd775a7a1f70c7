// How a question to LLaVA becomes a prompt.
#include "core/text/prompt_format.h"

#include "core/base/files.h"
#include "core/text/chat_template.h"
#include "core/text/json_view.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

constexpr int64_t kMaxFile = 16 << 20;  // bytes

constexpr char kByHand[] =
    "; give the prompt format by hand, as in \"USER: <image>\\n{text} ASSISTANT:\", with <image> where the image goes "
    "and "
    "{text} where the question goes";

bool hasOnce(std::string_view text, std::string_view part) {
  const size_t first = text.find(part);
  return first != std::string_view::npos && text.find(part, first + part.size()) == std::string_view::npos;
}

// The template under "chat_template": a text, or a list of {"name", "template"}. Empty: there is none.
std::string templateIn(const text::JsonView& json) {
  const auto value = json.find("chat_template");
  if (!value) return {};
  if (!value->isArray()) return value->string();
  for (const auto& item : value->items())
    if (item.at("name").string() == "default") return item.at("template").string();
  value->fail(std::string("no template of the list is named \"default\"") + kByHand, ErrorCode::Unsupported);
}

}  // namespace

PromptFormat::PromptFormat(std::string format) : m_format(std::move(format)) {
  for (const std::string_view place : {kImage, kText})
    if (!hasOnce(m_format, place))
      throw Error(ErrorCode::Invalid, "the prompt format " + text::inQuotes(m_format) + " must have " +
                                          std::string(place) + " in it exactly once");
}

PromptFormat PromptFormat::fromChatTemplate(std::string_view jinja, const std::string& where) {
  if (const auto format = text::recogniseChatTemplate(jinja)) return PromptFormat(*format);
  throw Error(ErrorCode::Unsupported, std::string("this chat template is none that we know") + kByHand, where);
}

PromptFormat PromptFormat::fromFolder(const fs::path& folder) {
  const fs::path jinja = folder / "chat_template.jinja";
  if (fs::exists(jinja)) return fromChatTemplate(readTextFile(jinja, kMaxFile), jinja.string());
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    const nlohmann::json parsed = text::parseJson(readTextFile(file, kMaxFile), file.string());
    const std::string found = templateIn(text::JsonView(parsed, file.string()));
    if (!found.empty()) return fromChatTemplate(found, file.string());
  }
  throw Error(ErrorCode::NotFound,
              std::string("there is no chat template: no chat_template.jinja, and no chat_template.json or "
                          "tokenizer_config.json with the key chat_template") +
                  kByHand,
              folder.string());
}

std::string PromptFormat::prompt(std::string_view question) const {
  if (question.find(kImage) != std::string_view::npos)
    throw Error(ErrorCode::Invalid, "the question must not contain \"" + std::string(kImage) + "\"");
  std::string prompt = m_format;
  return prompt.replace(prompt.find(kText), kText.size(), question);
}

}  // namespace sememe
