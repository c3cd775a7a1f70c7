// sememe-cli steer against transformers: from an image file and a question to the words of the answer.
#include <QtTest>

#include "tests/app/cli_fixture.h"

using namespace sememe;

namespace {

const QString kSteering = QStringLiteral(GOLDEN_DIR "/steering");

}  // namespace

class CliSteerTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  QJsonObject m_expected;

  CliRun steer(const QStringList& more) const {
    return runCli(QStringList{QStringLiteral("steer"), QStringLiteral("--model"), m_dir.path(), QStringLiteral("--sae"), kSteering + QStringLiteral("/llava_sae"),
                              QStringLiteral("--image"), kSteering + QStringLiteral("/image.png"), QStringLiteral("--prompt"),
                              m_expected[QLatin1String("question")].toString(), QStringLiteral("--max-tokens"), QStringLiteral("12"), QStringLiteral("--json")} +
                  more);
  }

  static void compare(const QJsonObject& found, const QJsonObject& expected) {
    QCOMPARE(found[QLatin1String("answer")], expected[QLatin1String("answer")]);
    QCOMPARE(found[QLatin1String("tokens")], expected[QLatin1String("tokens")]);
    const QJsonArray first = found[QLatin1String("first_token_top")].toArray(), wanted = expected[QLatin1String("first")].toArray();
    QCOMPARE(first.size(), 12);
    for (int i = 0; i < 12; ++i) QVERIFY(std::abs(first[i][QLatin1String("probability")].toDouble() - wanted[i].toDouble()) < 1e-4);
  }

 private Q_SLOTS:
  void initTestCase() {
    for (const auto& [folder, name] : {std::pair{"/models/llava/", "config.json"}, {"/models/llava/", "model.safetensors"},
                                       {"/steering/processor/", "tokenizer.json"}, {"/steering/processor/", "tokenizer_config.json"},
                                       {"/steering/processor/", "chat_template.jinja"}, {"/steering/processor/", "preprocessor_config.json"}})
      QVERIFY(QFile::copy(QStringLiteral(GOLDEN_DIR) + QLatin1String(folder) + QLatin1String(name), m_dir.filePath(QLatin1String(name))));
    QFile file(kSteering + QStringLiteral("/spoken.json"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    m_expected = QJsonDocument::fromJson(file.readAll()).object();
  }

  void answersAsTransformers() {
    const CliRun run = steer({QStringLiteral("--set"), QStringLiteral("5=30"), QStringLiteral("--baseline")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const QJsonObject json = run.json();
    QCOMPARE(json[QLatin1String("tap")].toString(), QStringLiteral("2_post_mlp_residual"));
    compare(json, m_expected[QLatin1String("steered")].toObject());
    compare(json[QLatin1String("original")].toObject(), m_expected[QLatin1String("original")].toObject());
    compare(json[QLatin1String("reconstruction")].toObject(), m_expected[QLatin1String("reconstruction")].toObject());
  }

  void editsAddAndScale() {
    // Edits that change nothing, with the SAE's error kept: the original.
    const CliRun run = steer({QStringLiteral("--set"), QStringLiteral("5+=0"), QStringLiteral("--set"), QStringLiteral("6*=1"), QStringLiteral("--mode"), QStringLiteral("keep-error"), QStringLiteral("--baseline")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    compare(run.json(), m_expected[QLatin1String("original")].toObject());
    compare(run.json()[QLatin1String("reconstruction")].toObject(), m_expected[QLatin1String("reconstruction")].toObject());
    const CliRun scaled = steer({QStringLiteral("--set"), QStringLiteral("5=10"), QStringLiteral("--set"), QStringLiteral("5*=2.5"), QStringLiteral("--set"), QStringLiteral("5+=5")});
    compare(scaled.json(), m_expected[QLatin1String("steered")].toObject());
  }

  void refuses_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("word");
    const auto row = [](const char* name, const QStringList& arguments, int status, const char* word) { QTest::newRow(name) << arguments << status << QString::fromLatin1(word); };
    row("no value", {QStringLiteral("--set"), QStringLiteral("5")}, 2, "NEURON=VALUE");
    row("no neuron", {QStringLiteral("--set"), QStringLiteral("+=5")}, 2, "NEURON=VALUE");
    row("not a number", {QStringLiteral("--set"), QStringLiteral("5=much")}, 2, "NEURON=VALUE");
    row("no such neuron", {QStringLiteral("--set"), QStringLiteral("64=5")}, 1, "no neuron 64");
    row("infinite", {QStringLiteral("--set"), QStringLiteral("5=inf")}, 1, "finite");
    row("behind what is read", {QStringLiteral("--layer"), QStringLiteral("3")}, 1, "change nothing");
    row("no such mode", {QStringLiteral("--mode"), QStringLiteral("both")}, 2, "keep-error");
    row("an image's place in the question", {QStringLiteral("--prompt"), QStringLiteral("<image>")}, 1, "<image>");
  }

  void refuses() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, word);
    QStringList line = arguments;
    CliRun run;
    if (arguments.front() == QStringLiteral("--prompt"))
      run = runCli(QStringList{QStringLiteral("steer"), QStringLiteral("--model"), m_dir.path(), QStringLiteral("--sae"), kSteering + QStringLiteral("/llava_sae"),
                               QStringLiteral("--image"), kSteering + QStringLiteral("/image.png")} + line);
    else
      run = steer(line);
    QCOMPARE(run.status, status);
    QVERIFY2(run.err.contains(word), qPrintable(run.err));
  }
};

QTEST_GUILESS_MAIN(CliSteerTest)
#include "cli_steer_test.moc"
