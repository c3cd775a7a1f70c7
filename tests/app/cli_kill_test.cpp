// Killed at any moment, extraction goes on and ends with the same workspace as an undisturbed run.
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

// Starts the program and waits until it says that its work begins, or has ended because nothing was left to do.
bool begin(QProcess& process, const QStringList& arguments) {
  process.setProcessChannelMode(QProcess::MergedChannels);
  process.start(QStringLiteral(SEMEME_CLI), arguments);
  QByteArray seen;
  while (!seen.contains("Extracting") && process.waitForReadyRead(60'000)) seen += process.readAll();
  if (seen.contains("Extracting")) return true;
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
    QVERIFY(begin(whole, arguments(QStringLiteral("whole.sememe"))));
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
      QVERIFY(begin(process, arguments(name)));
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
};

QTEST_GUILESS_MAIN(CliKillTest)
#include "cli_kill_test.moc"
