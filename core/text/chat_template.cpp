// Recognises published chat templates by a normal form of their Jinja.
#include "core/text/chat_template.h"

#include <vector>

namespace sememe::text {
namespace {

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Inside a tag: no white space but within quotes, single quotes, and "\n" as a line feed.
std::string tidyTag(std::string_view tag) {
  std::string tidy;
  char quote = 0;
  for (size_t i = 0; i < tag.size(); ++i) {
    const char c = tag[i];
    if (quote == 0) {
      if (isBlank(c)) continue;
      if (c == '\'' || c == '"') quote = c;
      tidy += c == '"' ? '\'' : c;
    } else if (c == '\\' && i + 1 < tag.size()) {
      ++i;
      if (tag[i] == 'n')
        tidy += '\n';
      else
        (tidy += '\\') += tag[i];
    } else {
      if (c == quote) quote = 0;
      tidy += c == '"' ? '\'' : c;
    }
  }
  return tidy;
}

// A template as the tags and texts that count, rendered the way transformers does it: a line feed after a block or a
// comment goes, and so do blanks before one at the start of a line.
std::string normalForm(std::string_view jinja) {
  if (jinja.ends_with('\n')) jinja.remove_suffix(1);
  std::string form;
  std::string text;  // since the last tag
  size_t at = 0;
  bool afterLineFeed = true;
  const auto flush = [&] {
    form += text;
    text.clear();
  };
  while (at < jinja.size()) {
    const std::string_view rest = jinja.substr(at);
    const bool block = rest.starts_with("{%"), print = rest.starts_with("{{"), comment = rest.starts_with("{#");
    if (!block && !print && !comment) {
      text += jinja[at++];
      continue;
    }
    const std::string_view closing = block ? "%}" : print ? "}}" : "#}";
    const size_t end = rest.find(closing, 2);
    if (end == std::string_view::npos) return {};
    std::string_view inside = rest.substr(2, end - 2);
    at += end + 2;

    const bool trimBefore = inside.starts_with('-'), trimAfter = inside.ends_with('-');
    if (trimBefore) inside.remove_prefix(1);
    if (trimAfter && !inside.empty()) inside.remove_suffix(1);
    if (trimBefore) {
      while (!text.empty() && isBlank(text.back())) text.pop_back();
    } else if (!print) {
      size_t keep = text.size();
      while (keep > 0 && (text[keep - 1] == ' ' || text[keep - 1] == '\t')) --keep;
      if (keep > 0 ? text[keep - 1] == '\n' : afterLineFeed) text.resize(keep);
    }
    flush();
    const std::string tag = tidyTag(inside);
    if (!comment && tag != "generation" && tag != "endgeneration")
      form.append(print ? "{{" : "{%").append(tag).append(closing);
    afterLineFeed = false;
    if (trimAfter) {
      while (at < jinja.size() && isBlank(jinja[at])) ++at;
    } else if (!print && at < jinja.size() && jinja[at] == '\n') {
      ++at;
      afterLineFeed = true;
    }
  }
  flush();
  return form;
}

struct Known {
  std::string form, prompt;
};

// The published templates in their normal form.
std::vector<Known> makeKnownTemplates() {
  const std::string images =
      "{%forcontentinmessage['content']|selectattr('type','equalto','image')%}{{'<image>\n'}}{%endfor%}";
  const std::string texts =
      "{%forcontentinmessage['content']|selectattr('type','equalto','text')%}{{content['text']+' '}}{%endfor%}";
  const std::string role = "{{message['role'].upper()+': '}}";
  const std::string end = "{%endfor%}{%ifadd_generation_prompt%}{{'ASSISTANT:'}}{%endif%}";
  const std::string prompt = "USER: <image>\n{text} ASSISTANT:";
  return {
      // llava-hf/llava-1.5-7b-hf and its sisters; the answer's own branch only carries marks for training.
      {"{%formessageinmessages%}{%ifmessage['role']!='system'%}" + role + "{%endif%}" + images +
           "{%ifmessage['role']!='assistant'%}" + texts + "{%else%}" + texts + "{%endif%}" + end,
       prompt},
      {"{%formessageinmessages%}{%ifmessage['role']!='system'%}" + role + "{%endif%}" + images + texts + end, prompt},
      // The Vicuna style: a system message, where there is one, comes without its role.
      {"{%formessageinmessages%}{%ifmessage['role']=='system'%}{{message['content'][0]['text']}}{%else%}" + role +
           "{%endif%}" + images + texts + end,
       prompt},
  };
}

}  // namespace

std::optional<std::string> recogniseChatTemplate(std::string_view jinja) {
  static const std::vector<Known> knownTemplates = makeKnownTemplates();
  const std::string form = normalForm(jinja);
  for (const Known& known : knownTemplates)
    if (form == known.form) return known.prompt;
  return std::nullopt;
}

}  // namespace sememe::text
