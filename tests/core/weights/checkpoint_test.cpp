// Tests of core/weights/checkpoint.h: the four ways to store a model, the ledger of keys, and broken indexes.
#include "core/weights/checkpoint.h"

#include "core/weights/torch_file.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;

class CheckpointTest : public QObject {
  Q_OBJECT

  const std::map<std::string, at::Tensor> m_tensors = {{"a.weight", expected({3, 4}, at::kFloat)},
                                                       {"a.bias", expected({3}, at::kHalf)},
                                                       {"b.weight", expected({2, 2}, at::kBFloat16)}};

  static void writeIndex(const fs::path& path, const std::string& entries) {
    writeTextFile(path, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {" + entries + "}}");
  }

  // Writes the tensors in the given layout.
  void fill(const Folder& folder, const QString& layout) {
    const auto part = [&](bool first) {
      std::map<std::string, at::Tensor> result;
      for (const auto& item : m_tensors)
        if ((item.first[0] == 'a') == first) result.insert(item);
      return result;
    };
    const auto state = [](const std::map<std::string, at::Tensor>& tensors) {
      return stateDictValue(NamedTensors(tensors.begin(), tensors.end()));
    };
    if (layout == QStringLiteral("safetensors")) {
      writeSafetensors(folder / "model.safetensors", m_tensors);
    } else if (layout == QStringLiteral("bin")) {
      writeTorchFile(folder / "pytorch_model.bin", state(m_tensors));
    } else if (layout == QStringLiteral("sharded safetensors")) {
      writeSafetensors(folder / "model-00001-of-00002.safetensors", part(true));
      writeSafetensors(folder / "model-00002-of-00002.safetensors", part(false));
      writeIndex(folder / "model.safetensors.index.json",
                 R"("a.weight": "model-00001-of-00002.safetensors", "a.bias": "model-00001-of-00002.safetensors",)"
                 R"("b.weight": "model-00002-of-00002.safetensors")");
    } else {
      writeTorchFile(folder / "pytorch_model-00001-of-00002.bin", state(part(true)));
      writeTorchFile(folder / "pytorch_model-00002-of-00002.bin", state(part(false)));
      writeIndex(folder / "pytorch_model.bin.index.json",
                 R"("a.weight": "pytorch_model-00001-of-00002.bin", "a.bias": "pytorch_model-00001-of-00002.bin",)"
                 R"("b.weight": "pytorch_model-00002-of-00002.bin")");
    }
  }

 private Q_SLOTS:
  void everyLayout_data() {
    QTest::addColumn<QString>("layout");
    for (const char* name : {"safetensors", "bin", "sharded safetensors", "sharded bin"})
      QTest::newRow(name) << QString::fromLatin1(name);
  }

  void everyLayout() {
    QFETCH(QString, layout);
    Folder folder;
    fill(folder, layout);
    Checkpoint checkpoint = Checkpoint::open(folder.path());
    QCOMPARE(checkpoint.keys(), (std::vector<std::string>{"a.bias", "a.weight", "b.weight"}));
    QVERIFY(checkpoint.contains("a.bias") && !checkpoint.contains("a"));
    QCOMPARE(checkpoint.info("a.weight").dtype, std::string("float32"));
    QVERIFY((checkpoint.info("a.weight").shape == std::vector<int64_t>{3, 4}));
    QCOMPARE(checkpoint.bytes(), int64_t(48 + 6 + 8));
    QCOMPARE(checkpoint.unused().size(), size_t(3));
    for (const auto& [key, tensor] : m_tensors) QVERIFY2(same(checkpoint.take(key), tensor), key.c_str());
    QVERIFY(checkpoint.unused().empty());
  }

  void theLedgerCountsWhatWasTaken() {
    Folder folder;
    fill(folder, QStringLiteral("safetensors"));
    Checkpoint checkpoint = Checkpoint::open(folder.path());
    checkpoint.take("a.weight");
    checkpoint.take("a.weight");
    QCOMPARE(checkpoint.unused(), (std::vector<std::string>{"a.bias", "b.weight"}));
    const std::string message = messageOf([&] { checkpoint.take("c.weight"); });
    QVERIFY2(message.find("'c.weight'") != message.npos && message.find("model.safetensors") != message.npos,
             message.c_str());
    QCOMPARE(codeOf([&] { checkpoint.take("c.weight"); }), int(ErrorCode::NotFound));
  }

  void tensorsOutliveTheCheckpoint() {
    Folder folder;
    fill(folder, QStringLiteral("bin"));
    at::Tensor tensor;
    {
      Checkpoint checkpoint = Checkpoint::open(folder.path());
      tensor = checkpoint.take("a.weight");
    }
    QVERIFY(same(tensor, m_tensors.at("a.weight")));
  }

  void safetensorsComeFirst() {
    Folder folder;
    writeTorchFile(folder / "pytorch_model.bin", stateDictValue({{"old", at::ones({1})}}));
    fill(folder, QStringLiteral("sharded safetensors"));
    QVERIFY(!Checkpoint::open(folder.path()).contains("old"));
  }

  void theFingerprintFollowsTheContent() {
    Folder one, two;
    fill(one, QStringLiteral("sharded safetensors"));
    fill(two, QStringLiteral("sharded safetensors"));
    const std::string before = Checkpoint::open(one.path()).fingerprint();
    QCOMPARE(Checkpoint::open(two.path()).fingerprint(), before);
    writeSafetensors(two / "model-00002-of-00002.safetensors", {{"b.weight", at::zeros({2, 2}, at::kBFloat16)}});
    QVERIFY(Checkpoint::open(two.path()).fingerprint() != before);
  }

  void whatIsMissingIsNamed() {
    Folder folder;
    QCOMPARE(codeOf([&] { Checkpoint::open(folder.path()); }), int(ErrorCode::NotFound));
    QCOMPARE(codeOf([&] { Checkpoint::open(folder / "absent"); }), int(ErrorCode::NotFound));
    fill(folder, QStringLiteral("sharded safetensors"));
    fs::remove(folder / "model-00002-of-00002.safetensors");
    const std::string message = messageOf([&] { Checkpoint::open(folder.path()); });
    QVERIFY2(message.find("model-00002-of-00002.safetensors") != message.npos, message.c_str());
    QCOMPARE(codeOf([&] { Checkpoint::open(folder.path()); }), int(ErrorCode::NotFound));
    writeSafetensors(folder / "model-00002-of-00002.safetensors", {{"c.weight", at::ones({1})}});
    QVERIFY(messageOf([&] { Checkpoint::open(folder.path()); }).find("'b.weight'") != message.npos);
  }

  void brokenIndexes_data() {
    QTest::addColumn<QString>("text");
    QTest::newRow("empty") << QString();
    QTest::newRow("no JSON") << QStringLiteral("nonsense");
    QTest::newRow("a list") << QStringLiteral("[]");
    QTest::newRow("no map") << QStringLiteral("{}");
    QTest::newRow("map is a list") << QStringLiteral("{\"weight_map\": []}");
    QTest::newRow("file is a number") << QStringLiteral("{\"weight_map\": {\"a\": 1}}");
    QTest::newRow("file above") << QStringLiteral("{\"weight_map\": {\"a\": \"../x.safetensors\"}}");
    QTest::newRow("file elsewhere") << QStringLiteral("{\"weight_map\": {\"a\": \"/etc/passwd\"}}");
    QTest::newRow("no name") << QStringLiteral("{\"weight_map\": {\"a\": \"\"}}");
    QTest::newRow("folder above") << QStringLiteral("{\"weight_map\": {\"a\": \"..\"}}");
    QTest::newRow("deep") << QString(100'000, QLatin1Char('['));
  }

  void brokenIndexes() {
    QFETCH(QString, text);
    Folder folder;
    writeBytes(folder / "model.safetensors.index.json", text.toStdString());
    QCOMPARE(codeOf([&] { Checkpoint::open(folder.path()); }), int(ErrorCode::Corrupt));
  }

  void brokenShards() {
    for (const char* name : {"model.safetensors", "pytorch_model.bin"}) {
      Folder folder;
      writeBytes(folder / name, "not weights");
      QCOMPARE(codeOf([&] { Checkpoint::open(folder.path()); }), int(ErrorCode::Corrupt));
    }
  }
};

QTEST_GUILESS_MAIN(CheckpointTest)
#include "checkpoint_test.moc"
