// Tests of tokenizers against the `tokenizers` library: ids, texts, and decoding token by token.
#include "core/text/tokenizer.h"

#include <QElapsedTimer>
#include <map>
#include <thread>

#include "core/text/stream_decoder.h"
#include "text_test_util.h"

using namespace sememe;
using namespace sememe::test;

namespace {

using Ids = std::vector<int64_t>;

std::string stream(const std::shared_ptr<const Tokenizer>& tokenizer, const Ids& ids, bool skip) {
  StreamDecoder decoder(tokenizer, skip);
  std::string text;
  const auto add = [&](const std::string& part) {
    if (nlohmann::json(part).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore) !=
        nlohmann::json(part).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
      QTest::qFail("a part is not valid UTF-8", __FILE__, __LINE__);
    text += part;
  };
  for (const int64_t id : ids) add(decoder.push(id));
  add(decoder.finish());
  return text;
}

// Names a text in a message without its control characters.
QString named(const std::string& text) {
  return QString::fromStdString(nlohmann::json(text).dump(-1, ' ', true)).left(200);
}

QString shown(const Ids& ids) { return QString::fromStdString(nlohmann::json(ids).dump()).left(400); }

}  // namespace

class TokenizerTest : public QObject {
  Q_OBJECT

  std::map<std::string, std::shared_ptr<const Tokenizer>> m_loaded;

  std::shared_ptr<const Tokenizer> load(const std::string& family) {
    auto& tokenizer = m_loaded[family];
    if (!tokenizer) tokenizer = Tokenizer::load(golden(family + ".json"));
    return tokenizer;
  }

  static void families() {
    QTest::addColumn<QString>("family");
    for (const auto& family : goldenJson("families")) {
      const auto name = family.get<std::string>();
      QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
  }

 private Q_SLOTS:
  void encodes_data() { families(); }
  void encodes() {
    QFETCH(QString, family);
    const auto tokenizer = load(family.toStdString());
    const auto texts = goldenJson("texts");
    const auto expected = goldenJson(family.toStdString() + ".expected")["encoded"];
    QVERIFY(expected.size() + 1 >= texts.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto text = texts[i].get<std::string>();
      const Ids plain = tokenizer->encode(text, false), full = tokenizer->encode(text);
      const Ids wanted = expected[i]["plain"].get<Ids>();
      QVERIFY2(plain == wanted,
               qPrintable(QStringLiteral("%1: %2, not %3").arg(named(text), shown(plain), shown(wanted))));
      if (expected[i].contains("full")) QVERIFY2(full == expected[i]["full"].get<Ids>(), qPrintable(named(text)));
    }
  }

  void decodes_data() { families(); }
  void decodes() {
    QFETCH(QString, family);
    const auto tokenizer = load(family.toStdString());
    const auto expected = goldenJson(family.toStdString() + ".expected");
    for (const char* part : {"encoded", "decoded"})
      for (const auto& item : expected[part]) {
        const auto ids = item[item.contains("ids") ? "ids" : item.contains("full") ? "full" : "plain"].get<Ids>();
        const auto text = item["text"].get<std::string>();
        const auto skipped = item.value("skipped", text);
        QCOMPARE(named(tokenizer->decode(ids, false)), named(text));
        QCOMPARE(named(tokenizer->decode(ids)), named(skipped));
        QVERIFY(tokenizer->decode(ids, false) == text && tokenizer->decode(ids) == skipped);
        QVERIFY2(stream(tokenizer, ids, false) == text, qPrintable(named(text)));
        QVERIFY2(stream(tokenizer, ids, true) == skipped, qPrintable(named(skipped)));
      }
  }

  void knowsItsTokens() {
    const auto tokenizer = load("llama_legacy");
    QCOMPARE(tokenizer->tokenToId("<s>"), std::optional<int64_t>(1));
    const int64_t image = tokenizer->tokenToId("<image>").value();
    QCOMPARE(tokenizer->idToToken(image).value(), std::string("<image>"));
    QVERIFY(tokenizer->isSpecial(image));
    QVERIFY(!tokenizer->isSpecial(300));
    QVERIFY(!tokenizer->tokenToId("no such token"));
    for (const int64_t id : {int64_t{-1}, int64_t{1} << 40, tokenizer->vocabSize()}) {
      QVERIFY(!tokenizer->idToToken(id));
      QVERIFY(!tokenizer->isSpecial(id));
      QCOMPARE(tokenizer->decode(Ids{id}), std::string());
    }
    QVERIFY(tokenizer->idToToken(tokenizer->vocabSize() - 1));
  }

  void streamsWholeCharacters() {
    const auto tokenizer = load("gpt2");
    const Ids ids = tokenizer->encode("a 😀", false);
    QVERIFY(ids.size() >= 5);
    StreamDecoder decoder(tokenizer);
    QCOMPARE(decoder.push(ids[0]), std::string("a"));
    std::string held;
    for (size_t i = 1; i + 1 < ids.size(); ++i) held += decoder.push(ids[i]);
    QVERIFY(held.empty() || held == " ");
    QCOMPARE(held + decoder.push(ids.back()), std::string(" 😀"));
    QCOMPARE(decoder.finish(), std::string());
    // Half a character at the end is replaced, and the decoder starts afresh.
    const int64_t lead = ids[ids.size() - 4];
    QVERIFY(decoder.push(lead).find("\uFFFD") == std::string::npos);
    QVERIFY(decoder.finish().ends_with("\uFFFD"));
    QCOMPARE(decoder.push(ids[0]), std::string("a"));
  }

  void streamsWordsAtOnce() {
    const auto tokenizer = load("llama_legacy");
    StreamDecoder decoder(tokenizer);
    std::string shown;
    for (const int64_t id : tokenizer->encode("hello world")) {
      const std::string part = decoder.push(id);
      shown += part;
      QVERIFY(!part.empty() || tokenizer->isSpecial(id) || tokenizer->idToToken(id) == "▁");
    }
    QCOMPARE(shown, std::string("hello world"));
  }

  void replacesIllFormedText() {
    const auto tokenizer = load("gpt2");
    for (const std::string text : {"a\xFF"
                                   "b",
                                   "\xE4\xBD", "\xF0\x9F\x98", "\xC0\x80", "\xED\xA0\x80", "\x80\x80"}) {
      const std::string decoded = tokenizer->decode(tokenizer->encode(text, false));
      QVERIFY(decoded.find("\uFFFD") != std::string::npos);
      QVERIFY(tokenizer->encode(decoded, false) == tokenizer->encode(text, false));
    }
  }

  void takesLongTexts_data() { families(); }
  void takesLongTexts() {
    // A quadratic step would need minutes for these.
    QFETCH(QString, family);
    const auto tokenizer = load(family.toStdString());
    for (const std::string unit : {"a", " ", "ab ", "😀", "\n", "<image>", "e\u0301", "'", "▁"}) {
      std::string text;
      while (text.size() < 200000) text += unit;
      QElapsedTimer timer;
      timer.start();
      const Ids ids = tokenizer->encode(text, false);
      stream(tokenizer, ids, false);
      QVERIFY2(timer.elapsed() < 5000, qPrintable(QStringLiteral("%1: %2 ms").arg(named(unit)).arg(timer.elapsed())));
    }
  }

  void refusesHugeTexts() {
    QVERIFY(isError(errorOf([&] { load("gpt2")->encode(std::string((64 << 20) + 1, 'a')); }), ErrorCode::Invalid,
                    {"bytes"}));
  }

  void servesManyThreads() {
    const auto tokenizer = load("siglip");
    const auto texts = goldenJson("texts");
    const auto expected = goldenJson("siglip.expected")["encoded"];
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (size_t i = 0; i + 1 < texts.size(); ++i)
          if (tokenizer->encode(texts[i].get<std::string>(), false) != expected[i]["plain"].get<Ids>()) ++wrong;
      });
    for (auto& thread : threads) thread.join();
    QCOMPARE(wrong.load(), 0);
  }
};

QTEST_GUILESS_MAIN(TokenizerTest)
#include "tokenizer_test.moc"
