// Killed at any moment, extraction and training go on and end with the same result as an undisturbed run.
#include <QCryptographicHash>
#include <QElapsedTimer>
#include <QRandomGenerator>
#include <QtTest>

#include "core/store/workspace.h"
#include "tests/app/cli_fixture.h"

using namespace sememe;

namespace {

// Everything that the workspace holds but the times of its making, table by table.
QByteArray contents(const QString& path) {
  const Database database(path.toStdString(), OpenMode::ReadOnly);
  QCryptographicHash hash(QCryptographicHash::Sha256);
  QByteArray text;
  Statement tables(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name");
  while (tables.step()) {
    const std::string table = tables.text(0);
    std::string columns;
    Statement names(database, "SELECT name FROM pragma_table_info(?1) WHERE name NOT IN ('created') ORDER BY cid", table);
    int count = 0;
    while (names.step()) {
      columns += (count++ ? ", quote(" : "quote(") + names.text(0) + ")";
    }
    Statement rows(database, "SELECT " + columns + " FROM " + table + " ORDER BY 1, 2");
    hash.reset();
    int64_t n = 0;
    for (; rows.step(); ++n)
      for (int c = 0; c < count; ++c) hash.addData(QByteArray::fromStdString(rows.text(c) + "\n"));
    text += QByteArray::fromStdString(table) + " " + QByteArray::number(qlonglong(n)) + " " + hash.result().toHex() + "\n";
  }
  return text;
}

// Starts the program and waits until it says that its work begins (`stage`), or has ended because nothing was left to do.
bool begin(QProcess& process, const QStringList& arguments, const char* stage) {
  process.setProcessChannelMode(QProcess::MergedChannels);
  process.start(QStringLiteral(SEMEME_CLI), arguments);
  QByteArray seen;
  while (!seen.contains(stage) && process.waitForReadyRead(60'000)) seen += process.readAll();
  if (seen.contains(stage)) return true;
  if (process.state() == QProcess::NotRunning && process.exitCode() == 0) return true;
  qWarning("%s", seen.constData());
  return false;
}

}  // namespace

class CliKillTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void endsTheSameHoweverOftenItIsKilled() {
    const QTemporaryDir dir;
    constexpr int kImages = 2000;
    manyImages(dir.filePath(QStringLiteral("images")), kImages, 60, 60);
    writeFile(dir.filePath(QStringLiteral("images/1/00700.ppm")), "P6 9 9 255\nshort");
    const auto arguments = [&](const QString& name) {
      return QStringList{QStringLiteral("extract"), QStringLiteral("--model"), kGoldenFolder + QStringLiteral("/clip"),
                         QStringLiteral("--layer"), QStringLiteral("1"), QStringLiteral("--images"), dir.filePath(QStringLiteral("images")),
                         QStringLiteral("--tokens"), QStringLiteral("all"), QStringLiteral("--batch"), QStringLiteral("4"),
                         QStringLiteral("--threads"), QStringLiteral("1"), QStringLiteral("--json"), QStringLiteral("--workspace"),
                         dir.filePath(name)};
    };
    // Milliseconds that the work of an undisturbed run takes, once the model is open and it has said so.
    QProcess whole;
    QVERIFY(begin(whole, arguments(QStringLiteral("whole.sememe")), "Extracting"));
    QElapsedTimer clock;
    clock.start();
    QVERIFY(whole.waitForFinished(120'000));
    QCOMPARE(whole.exitCode(), 0);
    const int work = int(clock.elapsed());
    const QByteArray expected = contents(dir.filePath(QStringLiteral("whole.sememe")));
    QVERIFY(expected.count('\n') > 5);

    // Ten kills at seeded random moments of the work, each followed by the next call on what it left; where a call got
    // through before its kill came, a new workspace is begun.
    QRandomGenerator random(20);
    int killed = 0, leftRows = 0, workspaces = 0;
    QString name;
    for (int trial = 0; killed < 10 && trial < 60; ++trial) {
      if (name.isEmpty()) name = QStringLiteral("killed%1.sememe").arg(workspaces++);
      QProcess process;
      QVERIFY(begin(process, arguments(name), "Extracting"));
      const int moment = 1 + int(random.bounded(work * 3 / 4 + 1));
      if (process.state() == QProcess::Running && !process.waitForFinished(moment)) {
        process.kill();
        process.waitForFinished();
        QCOMPARE(process.state(), QProcess::NotRunning);
        if (process.exitStatus() == QProcess::NormalExit) continue;  // it was quicker
        ++killed;
        leftRows += Workspace::open(dir.filePath(name).toStdString(), OpenMode::ReadOnly).runs().get(1).rowsDone > 0;
        continue;
      }
      QCOMPARE(process.exitCode(), 0);
      QCOMPARE(contents(dir.filePath(name)), expected);
      name.clear();
    }
    QCOMPARE(killed, 10);
    if (!name.isEmpty()) {
      const CliRun rest = runCli(arguments(name));
      QVERIFY2(rest.status == 0, qPrintable(rest.err));
      QCOMPARE(contents(dir.filePath(name)), expected);
    }
    QVERIFY(leftRows > 0);
    qInfo("work of %d ms; 10 kills in %d workspaces, %d of them with rows behind them", work, workspaces, leftRows);
  }

  void trainsTheSameHoweverOftenItIsKilled() {
    const QTemporaryDir dir;
    const auto arguments = [&](const QString& name) {
      return QStringList{QStringLiteral("train"), QStringLiteral("--json"), QStringLiteral("--resume"), QStringLiteral("--activations"),
                         kGoldenFolder + QStringLiteral("/activations"), QStringLiteral("--dict-size"), QStringLiteral("512"),
                         QStringLiteral("--batch"), QStringLiteral("256"), QStringLiteral("--k"), QStringLiteral("4"),
                         QStringLiteral("--steps"), QStringLiteral("900"), QStringLiteral("--save-every"), QStringLiteral("25"),
                         QStringLiteral("--log-every"), QStringLiteral("10"), QStringLiteral("--hold-out"), QStringLiteral("0.2"),
                         QStringLiteral("--validate-every"), QStringLiteral("100"), QStringLiteral("--threads"), QStringLiteral("1"),
                         QStringLiteral("--out"), dir.filePath(name)};
    };
    // The weights, and the log without its times.
    const auto result = [&](const QString& name) {
      QFile weights(dir.filePath(name + QStringLiteral("/trainer_0/ae.pt"))), log(dir.filePath(name + QStringLiteral("/trainer_0/log.jsonl")));
      if (!weights.open(QIODevice::ReadOnly) || !log.open(QIODevice::ReadOnly)) return QByteArray();
      QByteArray text = QCryptographicHash::hash(weights.readAll(), QCryptographicHash::Sha256).toHex() + "\n";
      while (!log.atEnd()) {
        QJsonObject line = QJsonDocument::fromJson(log.readLine()).object();
        line.remove(QStringLiteral("seconds"));
        text += QJsonDocument(line).toJson(QJsonDocument::Compact) + "\n";
      }
      return text;
    };
    QElapsedTimer clock;
    QProcess whole;
    QVERIFY(begin(whole, arguments(QStringLiteral("whole")), "Training"));
    clock.start();
    QVERIFY(whole.waitForFinished(120'000));
    QCOMPARE(whole.exitCode(), 0);
    const int work = int(clock.elapsed());
    const QByteArray expected = result(QStringLiteral("whole"));
    QCOMPARE(expected.count('\n'), 1 + 91);

    QRandomGenerator random(21);
    int killed = 0, saved = 0, finished = 0;
    for (int trial = 0; killed < 10 && trial < 60; ++trial) {
      const QString name = QStringLiteral("killed%1").arg(finished);
      QProcess process;
      QVERIFY(begin(process, arguments(name), "Training"));
      if (process.state() == QProcess::Running && !process.waitForFinished(1 + int(random.bounded(work / 2 + 1)))) {
        process.kill();
        process.waitForFinished();
        if (process.exitStatus() == QProcess::NormalExit) continue;  // it was quicker
        ++killed;
        saved += QFile::exists(dir.filePath(name + QStringLiteral("/trainer_0/checkpoints/state.pt")));
        continue;
      }
      QCOMPARE(process.exitCode(), 0);
      QCOMPARE(result(name), expected);
      ++finished;
    }
    QCOMPARE(killed, 10);
    const QString last = QStringLiteral("killed%1").arg(finished);
    const CliRun rest = runCli(arguments(last));
    QVERIFY2(rest.status == 0, qPrintable(rest.err));
    QCOMPARE(result(last), expected);
    QVERIFY(saved > 0);
    qInfo("work of %d ms; 10 kills in %d trainings, %d of them with a state behind them", work, finished + 1, saved);
  }
};

QTEST_GUILESS_MAIN(CliKillTest)
#include "cli_kill_test.moc"
