// Experiment files: what they say, and what a slip of the pen comes to.
#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/experiment.h"

using namespace sememe;

namespace {

const char* kGood = R"({
  "name": "tiny", "model": "$MODELS/clip", "layers": [1, -1],
  "train": {"images": "world", "split": "train", "tokens": "random:2"},
  "evaluate": {"images": "world", "split": "val", "tokens": "mean"},
  "encoders": {"B": "/b", "A": "/a"},
  "saes": [{"preset": "paper-matryoshka", "k": [4, 8], "expansions": [0.5, 2], "steps": 12}],
  "measures": ["hierarchy"]
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? std::string() : text.replace(at, from.size(), to);
}

}  // namespace

class ExperimentTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;
  Experiment read(const std::string& text, const std::map<std::string, std::string>& definitions = {{"MODELS", "/m"}}) {
    const std::filesystem::path file = std::filesystem::path(m_folder.path().toStdString()) / "experiment.json";
    writeTextFile(file, text);
    return readExperiment(file, definitions);
  }

 private Q_SLOTS:
  void readsAll() {
    const Experiment e = read(kGood);
    const std::filesystem::path folder = m_folder.path().toStdString();
    QCOMPARE(e.name, std::string("tiny"));
    QCOMPARE(e.model.string(), std::string("/m/clip"));
    QCOMPARE(e.layers, (std::vector<int>{1, -1}));
    QCOMPARE(e.train.images, folder / "world");  // relative to the file
    QCOMPARE(e.train.tokens, std::string("random:2"));
    QCOMPARE(e.evaluate.split, std::string("val"));
    QCOMPARE(e.encoders.size(), size_t(2));
    QCOMPARE(e.encoders[0].name, std::string("B"));  // in the file's order
    QVERIFY(e.raw && e.hierarchy && !e.uniqueness);
    QCOMPARE(e.saes.size(), size_t(1));
    QCOMPARE(e.saes[0].types, (std::vector<std::string>{"matryoshka_batch_topk"}));
    QCOMPARE(e.saes[0].ks, (std::vector<int64_t>{4, 8}));
    QCOMPARE(e.saes[0].expansions, (std::vector<double>{0.5, 2}));
    QCOMPARE(e.saes[0].settings.steps, 12);           // said here
    QCOMPARE(e.saes[0].settings.auxkAlpha, 0.03);     // the preset's
    QCOMPARE(e.saes[0].settings.decayStart, 109'999);
  }

  void readsSteering() {
    std::string text = replaced(kGood, "[1, -1]", "[1]");
    text = replaced(text, "[\"hierarchy\"]", "[\"steering\"], \"steering\": {\"model\": \"$MODELS/llava\", \"encoder\": \"A\", \"images\": \"asked\", \"neurons\": 3, \"value\": -20, \"precision\": \"f16\"}");
    const Experiment e = read(text);
    QVERIFY(e.steering && !e.hierarchy);
    QCOMPARE(e.steering->model.string(), std::string("/m/llava"));
    QCOMPARE(e.steering->encoder, std::string("A"));
    QCOMPARE(e.steering->images, std::filesystem::path(m_folder.path().toStdString()) / "asked");
    QCOMPARE(e.steering->neurons, 3);
    QCOMPARE(e.steering->value, -20.0);
    QCOMPARE(e.steering->precision, std::string("f16"));
    const struct {
      const char *from, *to, *names;
    } slips[] = {{"\"A\"", "\"C\"", "steering.encoder"},       {"\"neurons\": 3", "\"neurons\": 0", "steering.neurons"},
                 {"[1]", "[1, -1]", "steering"},                {"\"images\": \"asked\"", "\"batch\": 4", "steering.images"},
                 {"[\"steering\"]", "[]", "steering"}, {"\"value\"", "\"valeu\"", "steering.valeu"}};
    for (const auto& slip : slips) {
      try {
        read(replaced(text, slip.from, slip.to));
        QFAIL("it was taken");
      } catch (const Error& error) {
        QVERIFY2(std::string(error.what()).find(slip.names) != std::string::npos, error.what());
      }
    }
  }

  void takesNamesFromTheEnvironment() {
    qputenv("MODELS", "/from/environment");
    QCOMPARE(read(kGood, {}).model.string(), std::string("/from/environment/clip"));
    qunsetenv("MODELS");
  }

  void refuses_data() {
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("names");
    QTest::newRow("unknown key") << "\"model\"" << "\"modle\"" << "model";
    QTest::newRow("unknown key in an SAE") << "\"steps\"" << "\"stepps\"" << "stepps";
    QTest::newRow("unknown key in images") << "\"split\": \"val\"" << "\"spilt\": \"val\"" << "evaluate.spilt";
    QTest::newRow("another kind") << "[1, -1]" << "[1, \"x\"]" << "layers";
    QTest::newRow("layer twice") << "[1, -1]" << "[1, 1]" << "layers";
    QTest::newRow("layer below") << "[1, -1]" << "[-2]" << "layers";
    QTest::newRow("tokens") << "random:2" << "random:0" << "train.tokens";
    QTest::newRow("many rows per image") << "\"mean\"" << "\"all\"" << "evaluate.tokens";
    QTest::newRow("preset") << "paper-matryoshka" << "paper" << "saes[0].preset";
    QTest::newRow("k") << "[4, 8]" << "[0]" << "saes[0].k";
    QTest::newRow("steps as text") << "12" << "\"many\"" << "steps";
    QTest::newRow("own field") << "\"steps\": 12" << "\"dict_size\": 12" << "saes[0].dict_size";
    QTest::newRow("measure") << "[\"hierarchy\"]" << "[\"height\"]" << "measures";
    QTest::newRow("name") << "\"tiny\"" << "\"../tiny\"" << "name";
    QTest::newRow("no encoder") << "{\"B\": \"/b\", \"A\": \"/a\"}" << "{}" << "encoders";
    QTest::newRow("undefined") << "$MODELS" << "$NOBODY_DEFINED_THIS" << "NOBODY_DEFINED_THIS";
    QTest::newRow("no JSON") << "]\n}" << "" << "JSON";
  }
  void refuses() {
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(QString, names);
    const std::string text = replaced(kGood, from.toStdString(), to.toStdString());
    QVERIFY(!text.empty());
    try {
      read(text);
      QFAIL("it was taken");
    } catch (const Error& error) {
      const QString said = QString::fromUtf8(error.what());
      QVERIFY2(said.contains(names), qPrintable(said));
      QVERIFY2(said.contains(QStringLiteral("experiment.json")), qPrintable(said));
    }
  }

  void readyFilesAreGood_data() {
    QTest::addColumn<QString>("file");
    for (const char* name : {"paper-monosemanticity", "paper-hierarchy", "paper-steering", "demo"}) QTest::newRow(name) << name;
  }
  void readyFilesAreGood() {
    QFETCH(QString, file);
    const std::map<std::string, std::string> somewhere = {{"CLIP", "/c"},      {"CLIP336", "/c"}, {"CLIPB32", "/b"}, {"LLAVA", "/l"}, {"ASKED", "/a"}, {"DINOV2", "/d"}, {"IMAGENET", "/i"},
                                                          {"INATURALIST", "/n"}, {"WORLD", "/w"},  {"MODELS", "/m"}};
    const Experiment e = readExperiment(std::filesystem::path(RESOURCES_DIR) / "experiments" / (file.toStdString() + ".json"), somewhere);
    QCOMPARE(QString::fromStdString(e.name), file);
    QVERIFY(!e.description.empty());
    QVERIFY(!e.saes.empty());
  }
};

QTEST_GUILESS_MAIN(ExperimentTest)
#include "experiment_test.moc"
