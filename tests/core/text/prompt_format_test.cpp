// Tests of prompt formats: published chat templates give transformers' text, others are refused.
#include "core/text/prompt_format.h"

#include "text_test_util.h"

using namespace sememe;
using namespace sememe::test;

class PromptFormatTest : public QObject {
  Q_OBJECT

  QTemporaryDir m_dir;

  // A new folder with these files.
  fs::path folder(const std::vector<std::pair<std::string, std::string>>& files) {
    static int count = 0;
    const fs::path path = fs::path(m_dir.path().toStdString()) / std::to_string(++count);
    fs::create_directories(path);
    for (const auto& [name, content] : files) writeTextFile(path / name, content);
    return path;
  }

  static std::string llava() { return goldenJson("chat")[0]["template"].get<std::string>(); }

 private Q_SLOTS:
  void rendersAsTransformersDoes() {
    for (const auto& item : goldenJson("chat")) {
      const auto format = PromptFormat::fromChatTemplate(item["template"].get<std::string>(), "test");
      QCOMPARE(format.prompt(item["question"].get<std::string>()), item["prompt"].get<std::string>());
    }
  }

  void readsModelFolders() {
    const std::string jinja = llava(), wanted = "USER: <image>\nhi ASSISTANT:";
    const auto json = [](const nlohmann::json& value) { return nlohmann::json{{"chat_template", value}}.dump(); };
    const nlohmann::json named = {{{"name", "tool"}, {"template", "x"}}, {{"name", "default"}, {"template", jinja}}};
    QCOMPARE(PromptFormat::fromFolder(folder({{"chat_template.jinja", jinja}})).prompt("hi"), wanted);
    QCOMPARE(PromptFormat::fromFolder(folder({{"chat_template.json", json(jinja)}})).prompt("hi"), wanted);
    QCOMPARE(PromptFormat::fromFolder(folder({{"tokenizer_config.json", json(jinja)}})).prompt("hi"), wanted);
    QCOMPARE(PromptFormat::fromFolder(folder({{"tokenizer_config.json", json(named)}})).prompt("hi"), wanted);
    // The .jinja comes first; a file without a template is passed over.
    QCOMPARE(PromptFormat::fromFolder(folder({{"chat_template.jinja", jinja}, {"chat_template.json", "broken"}}))
                 .prompt("hi"),
             wanted);
    QCOMPARE(PromptFormat::fromFolder(folder({{"chat_template.json", "{}"}, {"tokenizer_config.json", json(jinja)}}))
                 .prompt("hi"),
             wanted);
  }

  void refusesOthers() {
    const std::string jinja = llava();
    std::string changed = jinja;
    changed.replace(changed.find("ASSISTANT"), 9, "BOT");
    for (const std::string& unknown :
         {std::string(), changed, jinja + "x", "x" + jinja, jinja.substr(0, jinja.size() - 1), std::string("{{"),
          std::string("{%--%}"), std::string("{{ 'a' }}")})
      QVERIFY(isError(errorOf([&] { PromptFormat::fromChatTemplate(unknown, "a.jinja"); }), ErrorCode::Unsupported,
                      {"a.jinja", "by hand", "<image>", "{text}"}));
    QVERIFY(isError(errorOf([&] { PromptFormat::fromFolder(folder({})); }), ErrorCode::NotFound, {"no chat template"}));
    QVERIFY(isError(errorOf([&] { PromptFormat::fromFolder(folder({{"chat_template.json", "{"}})); }),
                    ErrorCode::Corrupt, {"chat_template.json", "not JSON"}));
    QVERIFY(
        isError(errorOf([&] { PromptFormat::fromFolder(folder({{"chat_template.json", R"({"chat_template":5})"}})); }),
                ErrorCode::Corrupt, {"chat_template.json", "key chat_template"}));
    QVERIFY(isError(errorOf([&] {
                      PromptFormat::fromFolder(
                          folder({{"tokenizer_config.json", R"({"chat_template":[{"name":"tool","template":"x"}]})"}}));
                    }),
                    ErrorCode::Unsupported, {"default"}));
  }

  void takesFormatsByHand() {
    QCOMPARE(PromptFormat("<image>Q: {text}\nA:").prompt("why {text}?"), std::string("<image>Q: why {text}?\nA:"));
    for (const char* broken : {"", "{text}", "<image>", "<image><image>{text}", "<image>{text}{text}"})
      QVERIFY(isError(errorOf([&] { PromptFormat{broken}; }), ErrorCode::Invalid, {"exactly once"}));
    QVERIFY(
        isError(errorOf([] { PromptFormat("<image>{text}").prompt("an <image>"); }), ErrorCode::Invalid, {"<image>"}));
  }
};

QTEST_GUILESS_MAIN(PromptFormatTest)
#include "prompt_format_test.moc"
