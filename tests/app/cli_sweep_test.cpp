// sememe-cli sweep and scores: whole experiments, interrupted and taken up.
#include <QDirIterator>
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

  // SAEs of a LLaVA's tower, which then steer it.
  void steersWithWhatItTrained() {
    const QString golden = QStringLiteral(GOLDEN_DIR), llava = path("llava");
    QVERIFY(QDir().mkpath(llava));
    for (const auto& [from, names] : {std::pair{golden + QStringLiteral("/models/llava"), QStringList{QStringLiteral("config.json"), QStringLiteral("model.safetensors")}},
                                      {golden + QStringLiteral("/steering_score/processor"), QDir(golden + QStringLiteral("/steering_score/processor")).entryList(QDir::Files)}})
      for (const QString& name : names) QVERIFY(QFile::copy(from + QLatin1Char('/') + name, llava + QLatin1Char('/') + name));
    writeFile(path("steering.json"), R"({"name": "steering", "model": "$G/steering_score/clip", "layers": [2], "raw": false,
      "train": {"images": "$G/pipeline/images", "tokens": "random:2"}, "evaluate": {"images": "$G/pipeline/images", "tokens": "mean"},
      "encoders": {"CLIP": "$G/steering_score/clip"},
      "saes": [{"types": ["topk", "matryoshka_batch_topk"], "k": [4], "expansions": [1], "batch": 4, "steps": 5, "warmup": 1}],
      "measures": ["steering"],
      "steering": {"model": "$LLAVA", "encoder": "CLIP", "images": "$G/steering_score/images", "neurons": 5, "value": 60}})");
    const QStringList arguments = {QStringLiteral("sweep"), path("steering.json"), QStringLiteral("--define"), QStringLiteral("G=") + golden, QStringLiteral("--define"),
                                   QStringLiteral("LLAVA=") + llava, QStringLiteral("--out"), path("steering"), QStringLiteral("--json")};
    const CliRun run = runCli(arguments);
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QVERIFY(run.err.contains(QStringLiteral("Asking LLaVA")));
    const QStringList rows = lines(path("steering/steering.csv"));
    QCOMPARE(rows.size(), 3);
    for (const QString& row : rows.mid(1)) {
      QVERIFY2(row.section(QLatin1Char(','), 1, 2) == QStringLiteral("5,4"), qPrintable(row));
      QVERIFY(!row.section(QLatin1Char(','), 3, 3).isEmpty());
    }
    // The paper's files of each SAE, and the table with the workspace's scores.
    QDirIterator found(path("steering/steering"), {QStringLiteral("steering_scores.csv")}, QDir::Files, QDirIterator::Subdirectories);
    int tables = 0;
    while (found.hasNext()) {
      const QString table = found.next();
      QCOMPARE(lines(table).size(), 6);
      QCOMPARE(lines(QFileInfo(table).path() + QStringLiteral("/labels.txt")).size(), 20);
      ++tables;
    }
    QCOMPARE(tables, 2);
    const CliRun again = runCli(arguments);
    QCOMPARE(again.out, run.out);
    QVERIFY(!again.err.contains(QStringLiteral("Asking LLaVA")));
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
