// sememe-cli sweep and scores: whole experiments, interrupted and taken up.
#include <QtTest>

#include <csignal>

#include "tests/app/cli_fixture.h"

using namespace sememe;

namespace {

QByteArray content(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QStringList lines(const QString& path) { return QString::fromUtf8(content(path)).split(QLatin1Char('\n'), Qt::SkipEmptyParts); }

}  // namespace

class CliSweepTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  QString path(const char* name) const { return m_dir.filePath(QString::fromLatin1(name)); }
  QStringList demo(const QString& out) const {
    return {QStringLiteral("sweep"),    QStringLiteral(RESOURCES_DIR "/experiments/demo.json"),
            QStringLiteral("--define"), QStringLiteral("WORLD=") + path("demo/world"),
            QStringLiteral("--define"), QStringLiteral("MODELS=" RESOURCES_DIR "/demo"),
            QStringLiteral("--out"),    out,
            QStringLiteral("--json")};
  }

 private Q_SLOTS:
  void initTestCase() {
    const CliRun made = runCli({QStringLiteral("demo"), QStringLiteral("--out"), path("demo"), QStringLiteral("--images"), QStringLiteral("400")});
    QVERIFY2(made.status == 0, qPrintable(made.err));
  }

  void demoExperiment() {
    const CliRun run = runCli(demo(path("whole")));
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QVERIFY(run.err.contains(QStringLiteral("[32/32]")) && !run.err.contains(QStringLiteral("[33/")));
    const QJsonArray scores = run.json()[QStringLiteral("scores")].toArray(), saes = run.json()[QStringLiteral("saes")].toArray();
    // 2 layers x (raw + 2 types x 2 expansions) x 2 encoders.
    QCOMPARE(scores.size(), 20);
    QCOMPARE(saes.size(), 8);
    for (const QJsonValue& value : scores) {
      const QJsonObject row = value.toObject();
      QVERIFY(row[QStringLiteral("best")].toDouble() >= row[QStringLiteral("mean")].toDouble());
      QVERIFY(row[QStringLiteral("worst")].toDouble() <= row[QStringLiteral("quantiles")].toObject()[QStringLiteral("5")].toDouble());
      QVERIFY(row[QStringLiteral("dead")].toInt() < row[QStringLiteral("neurons")].toInt());
    }
    for (const QJsonValue& value : saes) {
      QVERIFY(QFile::exists(value.toObject()[QStringLiteral("dictionary")].toString()));
      QVERIFY(value.toObject()[QStringLiteral("explained_variance")].toDouble() > 0.5);
    }
    QCOMPARE(lines(path("whole/table.csv")).size(), 21);
    QCOMPARE(lines(path("whole/saes.csv")).size(), 9);
    QCOMPARE(lines(path("whole/uniqueness.csv")).size(), 9);
    QCOMPARE(lines(path("whole/hierarchy.csv")).size(), 1 + 4 * 4);  // the Matryoshka SAEs' four groups
    const QStringList curves = lines(path("whole/curves.csv"));
    int scored = 0;
    for (const QJsonValue& value : scores)
      scored += value.toObject()[QStringLiteral("neurons")].toInt() - value.toObject()[QStringLiteral("dead")].toInt();
    QCOMPARE(curves.size(), 1 + scored);
    const QString table = QString::fromUtf8(content(path("whole/table.md")));
    QVERIFY2(table.contains(QStringLiteral("| SAE | no SAE | ×1 | ×4 |")), qPrintable(table));
    QCOMPARE(table.count(QStringLiteral("| layer 2, Matryoshka BatchTopK k 8 |")), 4);  // two tables of two encoders

    // Once more: nothing is done again, and the files say the same.
    const CliRun again = runCli(demo(path("whole")));
    QCOMPARE(again.status, 0);
    QCOMPARE(again.out, run.out);
  }

  void killedExperimentEndsTheSame() {
    QStringList arguments = demo(path("killed"));
    for (const int ms : {1500, 2500, 4000}) {
      QProcess process;
      process.start(QStringLiteral(SEMEME_CLI), arguments);
      QVERIFY(process.waitForStarted());
      if (!process.waitForFinished(ms)) process.kill();
      process.waitForFinished();
    }
    const CliRun run = runCli(arguments);
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(content(path("killed/table.csv")), content(path("whole/table.csv")));
    QCOMPARE(content(path("killed/saes.csv")), content(path("whole/saes.csv")));
  }

  // Trained on tokens of other images, judged by the mean over the tokens' latents.
  void otherTokensThanTrained() {
    writeFile(path("tokens.json"), R"({"name": "tokens", "model": "$M/clip", "layers": [1], "raw": false,
      "train": {"images": "$M/images", "tokens": "random:2"}, "evaluate": {"images": "$M/images", "tokens": "mean"},
      "encoders": {"CLIP": "$M/clip"}, "saes": [{"types": ["topk"], "k": [2], "expansions": [2], "batch": 4, "steps": 5, "warmup": 1}]})");
    const CliRun run = runCli({QStringLiteral("sweep"), path("tokens.json"), QStringLiteral("--define"), QStringLiteral("M=") + kGoldenFolder,
                               QStringLiteral("--out"), path("tokens"), QStringLiteral("--json")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(run.json()[QStringLiteral("scores")].toArray().size(), 1);
    QCOMPARE(run.json()[QStringLiteral("scores")].toArray().first().toObject()[QStringLiteral("tokens")].toString(), QStringLiteral("mean"));
    // The training rows lie in the paper's layout.
    QCOMPARE(QDir(path("tokens/activations/layer_1")).entryList({QStringLiteral("*_post_mlp_residual_part1.pt")}).size(), 1);
    QVERIFY(run.err.contains(QStringLiteral("[5/5]")) && !run.err.contains(QStringLiteral("[6/")));
  }

  void changedSettingsAreNotPassedOff() {
    QByteArray text = content(QStringLiteral(RESOURCES_DIR "/experiments/demo.json"));
    text.replace("\"steps\": 1500", "\"steps\": 1400");
    writeFile(path("changed.json"), text);
    QStringList arguments = demo(path("whole"));
    arguments[1] = path("changed.json");
    const CliRun run = runCli(arguments);
    QCOMPARE(run.status, 1);
    QVERIFY2(run.err.contains(QStringLiteral("layer_2")), qPrintable(run.err));
  }

  void refinementsOfAMatryoshka() {
    QString matryoshka, flat;
    for (const QString& line : lines(path("whole/saes.csv"))) {
      if (line.contains(QStringLiteral(",matryoshka_batch_topk,8,4,512,"))) matryoshka = line.section(QLatin1Char(','), 0, 0);
      if (line.contains(QStringLiteral(",batch_topk,8,4,512,"))) flat = line.section(QLatin1Char(','), 0, 0);
    }
    const auto hierarchy = [&](const QString& run) {
      return runCli({QStringLiteral("hierarchy"), QStringLiteral("--run"), path("whole/demo.sememe") + QLatin1Char('#') + run, QStringLiteral("--refinements"), path("refined.csv")});
    };
    const CliRun run = hierarchy(matryoshka);
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const QStringList rows = lines(path("refined.csv"));
    QCOMPARE(rows.size(), 513);
    int parents = 0;
    for (const QString& row : rows.mid(1)) {
      const QStringList fields = row.split(QLatin1Char(','));
      QCOMPARE(fields.size(), 5);
      if (fields[2].isEmpty()) continue;
      ++parents;
      const int group = fields[1].toInt(), ends[] = {32, 96, 224, 512};
      QVERIFY(group > 0 && fields[2].toInt() < ends[group - 1] && (group == 1 || fields[2].toInt() >= ends[group - 2]));
      QVERIFY(fields[3].toDouble() > 0.1 && fields[3].toDouble() <= 1);
    }
    QVERIFY(parents > 10);
    const CliRun none = hierarchy(flat);
    QCOMPARE(none.status, 1);
    QVERIFY2(none.err.contains(QStringLiteral("nested groups")), qPrintable(none.err));
  }

  void scoresOfAWorkspace() {
    const QString workspace = path("whole/demo.sememe");
    const CliRun all = runCli({QStringLiteral("scores"), workspace, QStringLiteral("--json"), QStringLiteral("--table"), path("all.csv")});
    QVERIFY2(all.status == 0, qPrintable(all.err));
    QCOMPARE(all.json()[QStringLiteral("scores")].toArray().size(), 20);
    QCOMPARE(lines(path("all.csv")).size(), 21);
    const CliRun one = runCli({QStringLiteral("scores"), workspace, QStringLiteral("--encoder"), QStringLiteral("CLIP"), QStringLiteral("--curves"),
                               path("clip.csv"), QStringLiteral("--json")});
    QCOMPARE(one.json()[QStringLiteral("scores")].toArray().size(), 10);
    QVERIFY(lines(path("clip.csv")).size() > 10);
    for (const char* name : {"clip.svg", "clip.png"}) {
      const CliRun figure = runCli({QStringLiteral("scores"), workspace, QStringLiteral("--curves"), path(name)});
      QVERIFY2(figure.status == 0, qPrintable(figure.err));
    }
    QVERIFY(content(path("clip.svg")).contains("polyline"));
    QVERIFY(content(path("clip.png")).startsWith("\x89PNG"));
    const CliRun none = runCli({QStringLiteral("scores"), workspace, QStringLiteral("--encoder"), QStringLiteral("nobody")});
    QCOMPARE(none.status, 1);
    const CliRun ending = runCli({QStringLiteral("scores"), workspace, QStringLiteral("--curves"), path("clip.doc")});
    QCOMPARE(ending.status, 2);
  }
};

QTEST_GUILESS_MAIN(CliSweepTest)
#include "cli_sweep_test.moc"
