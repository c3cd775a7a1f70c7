// sememe-cli steering-score against the paper's program, killed and taken up again; and steer's sweep of strengths.
#include <QtTest>

#include <cmath>

#include "core/store/workspace.h"
#include "tests/app/cli_fixture.h"

using namespace sememe;

namespace {

const QString kGolden = QStringLiteral(GOLDEN_DIR);
const QString kScore = kGolden + QStringLiteral("/steering_score");

QByteArray content(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class CliSteeringScoreTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  QString path(const char* name) const { return m_dir.filePath(QString::fromLatin1(name)); }
  QString model() const { return path("llava"); }

  QStringList arguments(const QString& out, const QStringList& more = {}) const {
    return QStringList{QStringLiteral("steering-score"), QStringLiteral("--model"), model(), QStringLiteral("--sae"), kGolden + QStringLiteral("/steering/llava_sae"),
                       QStringLiteral("--top"), kScore + QStringLiteral("/hai_indices_16.npy"), QStringLiteral("--embeddings"), kScore + QStringLiteral("/embeddings.pt"),
                       QStringLiteral("--text-model"), kScore + QStringLiteral("/clip"), QStringLiteral("--images"), kScore + QStringLiteral("/images"),
                       QStringLiteral("--neurons"), QStringLiteral("6"), QStringLiteral("--out"), out, QStringLiteral("--json")} + more;
  }

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(QDir().mkpath(model()));
    for (const char* name : {"config.json", "model.safetensors"})
      QVERIFY(QFile::copy(kGolden + QStringLiteral("/models/llava/") + QLatin1String(name), model() + QLatin1Char('/') + QLatin1String(name)));
    for (const QString& name : QDir(kScore + QStringLiteral("/processor")).entryList(QDir::Files))
      QVERIFY(QFile::copy(kScore + QStringLiteral("/processor/") + name, model() + QLatin1Char('/') + name));
  }

  void equalsThePaper() {
    const CliRun run = runCli(arguments(path("steer")));
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(content(path("steer/labels.txt")), content(kScore + QStringLiteral("/steer/labels.txt")));
    const QJsonObject json = run.json();
    const double expected = content(kScore + QStringLiteral("/steer/metric.txt")).split('\n').first().split(':').last().toDouble();
    QVERIFY(std::abs(json[QStringLiteral("mean")].toDouble() - expected) < 1e-5);
    QCOMPARE(json[QStringLiteral("test")].toString(), QStringLiteral("steered"));
    QCOMPARE(json[QStringLiteral("images")].toInt(), 4);
    QCOMPARE(json[QStringLiteral("neurons")].toArray().size(), 6);
    QVERIFY(json[QStringLiteral("control")].isDouble() && json[QStringLiteral("before")].toObject()[QStringLiteral("mean")].isDouble());
    for (const QJsonValue& file : json[QStringLiteral("files")].toArray()) QVERIFY(QFile::exists(file.toString()));
    QVERIFY(run.err.contains(QStringLiteral("Asking LLaVA")));

    // Once more, for a person: nothing is asked again.
    QStringList again = arguments(path("steer"));
    again.removeAll(QStringLiteral("--json"));
    const CliRun text = runCli(again);
    QVERIFY2(text.status == 0, qPrintable(text.err));
    QVERIFY(!text.err.contains(QStringLiteral("Asking LLaVA")));
    for (const char* word : {"6 neurons at 2_post_mlp_residual, 4 images", "score: ", "unsteered: ", "control: ", "wrote "})
      QVERIFY2(text.out.contains(QLatin1String(word)), qPrintable(text.out));
    const CliRun other = runCli(arguments(path("steer"), {QStringLiteral("--value"), QStringLiteral("50")}));
    QCOMPARE(other.status, 1);
    QVERIFY2(other.err.contains(QStringLiteral("another set-up")), qPrintable(other.err));
  }

  void killedItEndsTheSame() {
    const QStringList line = arguments(path("killed"), {QStringLiteral("--batch"), QStringLiteral("1"), QStringLiteral("--threads"), QStringLiteral("1")});
    const auto answers = [&] { return content(path("killed/answers.jsonl")).count('\n') - 1; };
    int kills = 0;
    for (const int wanted : {0, 1, 2, 9, 20}) {
      QProcess process;
      process.start(QStringLiteral(SEMEME_CLI), line);
      while (process.state() != QProcess::NotRunning && answers() < wanted) process.waitForFinished(1);
      process.kill();
      process.waitForFinished();
      kills += process.exitStatus() == QProcess::CrashExit && answers() > 0;
    }
    QVERIFY(kills > 0);
    const CliRun run = runCli(line);
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(content(path("killed/labels.txt")), content(kScore + QStringLiteral("/steer/labels.txt")));
    QCOMPARE(content(path("killed/answers.jsonl")).count('\n'), 1 + 4 * 7);
    qInfo("%d kills with answers behind them", kills);
  }

  void otherTests() {
    const CliRun plain = runCli(arguments(path("plain"), {QStringLiteral("--no-steer")}));
    QVERIFY2(plain.status == 0, qPrintable(plain.err));
    QCOMPARE(content(path("plain/labels.txt")), content(kScore + QStringLiteral("/no_steer/labels.txt")));
    QVERIFY(plain.json()[QStringLiteral("before")].isNull());
    const CliRun mixed = runCli(arguments(path("plain"), {QStringLiteral("--suppress")}));
    QCOMPARE(mixed.status, 1);  // there are 40 embeddings and 4 images
    QVERIFY2(mixed.err.contains(QStringLiteral("the same images")), qPrintable(mixed.err));
    for (const QStringList& wrong : {QStringList{QStringLiteral("--no-steer"), QStringLiteral("--suppress")}, QStringList{QStringLiteral("--no-steer"), QStringLiteral("--value=3")},
                                     QStringList{QStringLiteral("--only"), QStringLiteral("1,2")}})
      QCOMPARE(runCli(arguments(path("wrong"), wrong)).status, 2);
    QVERIFY(!QFile::exists(path("wrong")));
  }

  // The demo's template has other roles than the paper's program cuts at: words all the same, and kept with the run.
  void scoresTheDemo() {
    const CliRun made = runCli({QStringLiteral("demo"), QStringLiteral("--out"), path("demo"), QStringLiteral("--images"), QStringLiteral("100")});
    QVERIFY2(made.status == 0, qPrintable(made.err));
    const QString workspace = path("demo/demo.sememe"), resources = QStringLiteral(RESOURCES_DIR "/demo");
    int64_t latents = 0, embeddings = 0;
    QStringList firing;
    {
      const Workspace file = Workspace::open(workspace.toStdString(), OpenMode::ReadOnly);
      for (const RunInfo& run : file.runs().list()) {
        if (run.saePath.find("sae-patch") != std::string::npos) latents = run.id;
        if (run.kind == RunKind::Embeddings && run.dim == 64) embeddings = run.id;
      }
      for (int64_t neuron = 0; neuron < 1024 && firing.size() < 2; ++neuron)
        if (!file.neurons().detail(latents, neuron).top.empty()) firing << QString::number(neuron);
    }
    QVERIFY(latents > 0 && embeddings > 0);
    const CliRun run = runCli({QStringLiteral("steering-score"), QStringLiteral("--model"), resources + QStringLiteral("/llava"), QStringLiteral("--sae"),
                               resources + QStringLiteral("/sae-patch"), QStringLiteral("--top"), QStringLiteral("%1#%2").arg(workspace).arg(latents),
                               QStringLiteral("--embeddings"), QStringLiteral("%1#%2").arg(workspace).arg(embeddings), QStringLiteral("--text-model"),
                               resources + QStringLiteral("/clip"), QStringLiteral("--images"), kGolden + QStringLiteral("/demo_llava"), QStringLiteral("--prompt"),
                               QStringLiteral("what color is it? answer with one word."), QStringLiteral("--only"), firing.join(QLatin1Char(',')), QStringLiteral("--value"),
                               QStringLiteral("60"), QStringLiteral("--out"), path("demo-score"), QStringLiteral("--json")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const Workspace file = Workspace::open(workspace.toStdString(), OpenMode::ReadOnly);
    const std::vector<SteeringScoreSet> sets = file.steeringScores().list();
    QCOMPARE(sets.size(), size_t(1));
    QCOMPARE(sets[0].id, int64_t(run.json()[QStringLiteral("set")].toInteger()));
    QCOMPARE(sets[0].run, latents);
    for (const SteeredNeuron& neuron : file.steeringScores().neurons(sets[0].id)) {
      QVERIFY2(!neuron.label.empty() && neuron.label.find(':') == std::string::npos, neuron.label.c_str());
      QVERIFY(neuron.images > 0 && std::abs(neuron.score) <= 1);
    }
  }

  void sweepsStrengths() {
    const auto steer = [&](const QStringList& more) {
      return runCli(QStringList{QStringLiteral("steer"), QStringLiteral("--model"), model(), QStringLiteral("--sae"), kGolden + QStringLiteral("/steering/llava_sae"),
                                QStringLiteral("--image"), kScore + QStringLiteral("/images/a.png"), QStringLiteral("--prompt"), QStringLiteral("what is shown"),
                                QStringLiteral("--max-tokens"), QStringLiteral("6"), QStringLiteral("--json")} + more);
    };
    const CliRun run = steer({QStringLiteral("--set"), QStringLiteral("9=4"), QStringLiteral("--sweep"), QStringLiteral("1=0,30.5,100"), QStringLiteral("--sweep"), QStringLiteral("5=-20"),
                              QStringLiteral("--baseline"), QStringLiteral("--table"), path("sweep.csv")});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const QJsonArray sweep = run.json()[QStringLiteral("sweep")].toArray();
    QCOMPARE(sweep.size(), 4);
    const QByteArrayList lines = content(path("sweep.csv")).trimmed().split('\n');
    QCOMPARE(lines.size(), 5);
    QCOMPARE(lines[0], QByteArray("neuron,value,answer"));
    const QByteArrayList values = {"1,0,", "1,30.5,", "1,100,", "5,-20,"};
    for (int i = 0; i < 4; ++i) {
      // As one answer alone.
      const QByteArrayList parts = values[i].split(',');
      const CliRun one = steer({QStringLiteral("--set"), QStringLiteral("9=4"), QStringLiteral("--set"), QString::fromLatin1(parts[0] + "=" + parts[1])});
      QCOMPARE(sweep[i].toObject()[QStringLiteral("tokens")], one.json()[QStringLiteral("tokens")]);
      QCOMPARE(lines[i + 1], values[i] + one.json()[QStringLiteral("answer")].toString().toUtf8());
      QCOMPARE(sweep[i].toObject()[QStringLiteral("value")].toDouble(), parts[1].toDouble());
    }
    QVERIFY(sweep[0].toObject()[QStringLiteral("tokens")] != sweep[2].toObject()[QStringLiteral("tokens")]);
    QVERIFY(run.json().contains(QStringLiteral("original")) && run.json().contains(QStringLiteral("reconstruction")));
    QCOMPARE(steer({QStringLiteral("--sweep"), QStringLiteral("1=0,100"), QStringLiteral("--table"), path("sweep.md")}).status, 0);
    QVERIFY(content(path("sweep.md")).startsWith("| neuron | value | answer |\n|---:|---:|---|\n| 1 | 0 | "));
    for (const char* wrong : {"1", "1=", "1=2,,3", "1=2,", "1+=2", "=3"}) QCOMPARE(steer({QStringLiteral("--sweep"), QString::fromLatin1(wrong)}).status, 2);
    QCOMPARE(steer({QStringLiteral("--sweep"), QStringLiteral("1=2"), QStringLiteral("--table"), path("sweep.txt")}).status, 2);
    QCOMPARE(steer({QStringLiteral("--set"), QStringLiteral("1=2"), QStringLiteral("--table"), path("sweep.csv")}).status, 2);
    QCOMPARE(steer({QStringLiteral("--sweep"), QStringLiteral("64=2")}).status, 1);
  }
};

QTEST_GUILESS_MAIN(CliSteeringScoreTest)
#include "cli_steering_score_test.moc"
