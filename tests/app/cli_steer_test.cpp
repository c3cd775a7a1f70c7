// sememe-cli steer against transformers: from an image file and a question to the words of the answer.
#include <QtTest>

#include "tests/app/cli_fixture.h"
#include "tests/support/golden_llava.h"

using namespace sememe;

class CliSteerTest : public QObject {
  Q_OBJECT

 private:
  GoldenLlava m_llava;

  CliRun steer(const QStringList& more) const {
    return runCli(QStringList{QStringLiteral("steer"), QStringLiteral("--model"), m_llava.folder(), QStringLiteral("--sae"), m_llava.sae(),
                              QStringLiteral("--image"), m_llava.image(), QStringLiteral("--prompt"),
                              m_llava.question(), QStringLiteral("--max-tokens"), QStringLiteral("12"), QStringLiteral("--json")} +
                  more);
  }

  static QJsonObject edit(int neuron, double value, bool enabled) {
    return {{QStringLiteral("neuron"), neuron}, {QStringLiteral("op"), QStringLiteral("set")}, {QStringLiteral("value"), value}, {QStringLiteral("enabled"), enabled}};
  }

  static void compare(const QJsonObject& found, const QJsonObject& expected) {
    QCOMPARE(found[QLatin1String("answer")], expected[QLatin1String("answer")]);
    QCOMPARE(found[QLatin1String("tokens")], expected[QLatin1String("tokens")]);
    const QJsonArray first = found[QLatin1String("first_token_top")].toArray(), wanted = expected[QLatin1String("first")].toArray();
    QCOMPARE(first.size(), 12);
    for (int i = 0; i < 12; ++i) QVERIFY(std::abs(first[i][QLatin1String("probability")].toDouble() - wanted[i].toDouble()) < 1e-4);
  }

 private Q_SLOTS:
  void answersAsTransformers() {
    const CliRun run = steer({QStringLiteral("--set"), QStringLiteral("5=30"), QStringLiteral("--baseline")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const QJsonObject json = run.json();
    QCOMPARE(json[QLatin1String("tap")].toString(), QStringLiteral("2_post_mlp_residual"));
    compare(json, m_llava.spoken("steered"));
    compare(json[QLatin1String("original")].toObject(), m_llava.spoken("original"));
    compare(json[QLatin1String("reconstruction")].toObject(), m_llava.spoken("reconstruction"));
  }

  void editsAddAndScale() {
    // Edits that change nothing, with the SAE's error kept: the original.
    const CliRun run = steer({QStringLiteral("--set"), QStringLiteral("5+=0"), QStringLiteral("--set"), QStringLiteral("6*=1"), QStringLiteral("--mode"), QStringLiteral("keep-error"), QStringLiteral("--baseline")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    compare(run.json(), m_llava.spoken("original"));
    compare(run.json()[QLatin1String("reconstruction")].toObject(), m_llava.spoken("reconstruction"));
    const CliRun scaled = steer({QStringLiteral("--set"), QStringLiteral("5=10"), QStringLiteral("--set"), QStringLiteral("5*=2.5"), QStringLiteral("--set"), QStringLiteral("5+=5")});
    compare(scaled.json(), m_llava.spoken("steered"));
  }

  // Everything from the file, as the window exports it; then with one thing after the other said on the command line.
  void takesAPreset() {
    QTemporaryDir dir;
    const QString file = dir.filePath(QStringLiteral("flower.json"));
    QVERIFY(QFile::copy(m_llava.image(), dir.filePath(QStringLiteral("picture.png"))));
    QJsonObject preset{{QStringLiteral("format"), QStringLiteral("sememe-steering")},
                       {QStringLiteral("version"), 1},
                       {QStringLiteral("name"), QStringLiteral("flower")},
                       {QStringLiteral("image"), QStringLiteral("picture.png")},
                       {QStringLiteral("question"), m_llava.question()},
                       {QStringLiteral("neurons"), QJsonArray{edit(5, 30, true), edit(9, 80, false)}},
                       {QStringLiteral("sampling"), QJsonObject{{QStringLiteral("max_tokens"), 12}}}};
    const auto run = [&](const QStringList& more) {
      writeFile(file, QJsonDocument(preset).toJson());
      return runCli(QStringList{QStringLiteral("steer"), QStringLiteral("--model"), m_llava.folder(), QStringLiteral("--sae"), m_llava.sae(),
                                QStringLiteral("--preset"), file, QStringLiteral("--json")} + more);
    };
    const CliRun whole = run({});
    QVERIFY2(whole.status == 0, qPrintable(whole.err));
    compare(whole.json(), m_llava.spoken("steered"));
    compare(run({QStringLiteral("--set"), QStringLiteral("5*=0.5"), QStringLiteral("--set"), QStringLiteral("5+=15")}).json(), m_llava.spoken("steered"));
    QCOMPARE(run({QStringLiteral("--max-tokens"), QStringLiteral("3")}).json()[QLatin1String("tokens")].toArray().size(), 3);
    QVERIFY(run({QStringLiteral("--prompt"), QStringLiteral("what is this")}).json()[QLatin1String("first_token_top")] != whole.json()[QLatin1String("first_token_top")]);
    QVERIFY(run({QStringLiteral("--mode"), QStringLiteral("keep-error")}).json()[QLatin1String("first_token_top")] != whole.json()[QLatin1String("first_token_top")]);

    // Painted patches: all of the four, one that changes less, one that is not there.
    const QString mask = QStringLiteral("mask");
    preset[mask] = QJsonArray{0, 1, 2, 3};
    compare(run({}).json(), m_llava.spoken("steered"));
    preset[mask] = QJsonArray{1};
    QVERIFY(run({}).json()[QLatin1String("first_token_top")] != whole.json()[QLatin1String("first_token_top")]);
    preset[mask] = QJsonArray{4};
    const CliRun outside = run({});
    QCOMPARE(outside.status, 1);
    QVERIFY2(outside.err.contains(QLatin1String("patch 4 is painted")), qPrintable(outside.err));
    preset.remove(mask);

    // What a file may lack, and what it may not.
    preset.remove(QStringLiteral("image"));
    const CliRun imageless = run({});
    QCOMPARE(imageless.status, 2);
    QVERIFY2(imageless.err.contains(QLatin1String("--image is required")), qPrintable(imageless.err));
    compare(run({QStringLiteral("--image"), m_llava.image()}).json(), m_llava.spoken("steered"));
    preset[QStringLiteral("colour")] = QStringLiteral("red");
    const CliRun slip = run({});
    QCOMPARE(slip.status, 1);
    QVERIFY2(slip.err.contains(QLatin1String("flower.json")) && slip.err.contains(QLatin1String("colour")), qPrintable(slip.err));
  }

  void needsAnImageAndAQuestion() {
    const QStringList line{QStringLiteral("steer"), QStringLiteral("--model"), m_llava.folder(), QStringLiteral("--sae"), m_llava.sae()};
    const CliRun image = runCli(line + QStringList{QStringLiteral("--prompt"), QStringLiteral("what")});
    QCOMPARE(image.status, 2);
    QVERIFY2(image.err.contains(QLatin1String("--image is required")), qPrintable(image.err));
    const CliRun prompt = runCli(line + QStringList{QStringLiteral("--image"), m_llava.image()});
    QCOMPARE(prompt.status, 2);
    QVERIFY2(prompt.err.contains(QLatin1String("--prompt is required")), qPrintable(prompt.err));
  }

  void patchesAlone() {
    const QStringList edit{QStringLiteral("--set"), QStringLiteral("5=30"), QStringLiteral("--patches")};
    // All of them, in any way of saying it; CLS counts for nothing at the layer that LLaVA reads.
    const CliRun all = steer(edit + QStringList{QStringLiteral("3,0-2,1")});
    QVERIFY2(all.status == 0, qPrintable(all.err));
    compare(all.json(), m_llava.spoken("steered"));
    const CliRun one = steer(edit + QStringList{QStringLiteral("0")});
    QVERIFY2(one.status == 0, qPrintable(one.err));
    QVERIFY(one.json()[QLatin1String("first_token_top")] != all.json()[QLatin1String("first_token_top")]);
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
    row("no such patch", {QStringLiteral("--set"), QStringLiteral("5=30"), QStringLiteral("--patches"), QStringLiteral("2-4")}, 1, "patch");
    row("no patches", {QStringLiteral("--patches"), QStringLiteral("3-1")}, 2, "3,5-9");
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
      run = runCli(QStringList{QStringLiteral("steer"), QStringLiteral("--model"), m_llava.folder(), QStringLiteral("--sae"), m_llava.sae(),
                               QStringLiteral("--image"), m_llava.image()} + line);
    else
      run = steer(line);
    QCOMPARE(run.status, status);
    QVERIFY2(run.err.contains(word), qPrintable(run.err));
  }
};

QTEST_GUILESS_MAIN(CliSteerTest)
#include "cli_steer_test.moc"
