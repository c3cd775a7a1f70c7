// The demo CLIP's tokenizer: each word one token, whoever applies the written merges.
#include "core/demo/vocabulary.h"

#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/demo/world.h"

using namespace sememe;

class VocabularyTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void knowsEveryCaption();
  void writesMergesThatGiveItsIds();
  void refusesOtherWords();
};

void VocabularyTest::knowsEveryCaption() {
  const DemoVocabulary vocabulary;
  for (int i = 0; i < 500; ++i) {
    const std::string text = caption(sceneAt(1, i));
    const std::vector<int64_t> ids = vocabulary.encode(text);
    QCOMPARE(static_cast<int64_t>(ids.size()), std::count(text.begin(), text.end(), ' ') + 3);
    QCOMPARE(ids.front(), vocabulary.bos());
    QCOMPARE(ids.back(), vocabulary.eos());
    QVERIFY(std::all_of(ids.begin() + 1, ids.end() - 1, [&](int64_t id) { return id < vocabulary.bos(); }));
  }
  QCOMPARE(vocabulary.eos(), vocabulary.size() - 1);
  QCOMPARE(vocabulary.encode("").size(), size_t{2});
}

void VocabularyTest::writesMergesThatGiveItsIds() {
  const QTemporaryDir dir;
  const std::filesystem::path folder = dir.path().toStdString();
  const DemoVocabulary vocabulary;
  vocabulary.save(folder, 24);
  const auto ids = nlohmann::json::parse(readTextFile(folder / "vocab.json"));
  QCOMPARE(static_cast<int64_t>(ids.size()), vocabulary.size());
  QCOMPARE(ids["!"].get<int>(), 0);  // the order of OpenAI's CLIP
  QCOMPARE(ids["!</w>"].get<int>(), 256);
  QCOMPARE(ids["<|endoftext|>"].get<int64_t>(), vocabulary.eos());

  std::istringstream merges(readTextFile(folder / "merges.txt"));
  std::map<std::pair<std::string, std::string>, int> rank;
  std::string line;
  std::getline(merges, line);
  QCOMPARE(line, std::string("#version: 0.2"));
  for (int r = 0; std::getline(merges, line); ++r) {
    const size_t space = line.find(' ');
    rank[{line.substr(0, space), line.substr(space + 1)}] = r;
  }
  // Byte-pair encoding as tokenizers do it: the pair of the lowest rank first.
  for (const std::string& word : vocabulary.words()) {
    std::vector<std::string> parts;
    for (const char c : word) parts.emplace_back(1, c);
    parts.back() += "</w>";
    while (parts.size() > 1) {
      size_t best = parts.size();
      int bestRank = 1 << 30;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = rank.find({parts[i], parts[i + 1]});
        if (found != rank.end() && found->second < bestRank) {
          best = i;
          bestRank = found->second;
        }
      }
      QVERIFY2(best < parts.size(), word.c_str());
      parts[best] += parts[best + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    QCOMPARE(ids[parts[0]].get<int64_t>(), vocabulary.encode(word)[1]);
  }
  const auto tokenizer = nlohmann::json::parse(readTextFile(folder / "tokenizer.json"));
  QVERIFY(tokenizer["model"]["vocab"] == ids);
  QCOMPARE(tokenizer["model"]["merges"].size(), rank.size());
}

void VocabularyTest::refusesOtherWords() {
  const DemoVocabulary vocabulary;
  for (const char* text : {"a cat", "a  star", "A star", " "}) {
    bool thrown = false;
    try {
      vocabulary.encode(text);
    } catch (const Error& e) {
      thrown = e.code() == ErrorCode::Invalid;
    }
    QVERIFY2(thrown, text);
  }
}

QTEST_GUILESS_MAIN(VocabularyTest)
#include "vocabulary_test.moc"
