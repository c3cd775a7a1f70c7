// sememe-cli: help, and what it says to wrong usage.
#include <QtTest>

#include "tests/app/cli_fixture.h"

using namespace sememe;

class CliUsageTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void explainsItself() {
    const CliRun all = runCli(QStringLiteral("--help"));
    QCOMPARE(all.status, 0);
    const QStringList commands = {QStringLiteral("demo"),  QStringLiteral("inspect"), QStringLiteral("extract"), QStringLiteral("embed"),
                                  QStringLiteral("train"), QStringLiteral("encode"), QStringLiteral("export"),  QStringLiteral("index"),   QStringLiteral("score"),
                                  QStringLiteral("steer"), QStringLiteral("steering-score")};
    for (const QString& command : commands) {
      QVERIFY(all.out.contains(command));
      const CliRun one = runCli({command, QStringLiteral("--help")});
      QCOMPARE(one.status, 0);
      for (const char* common : {"--json", "--device", "--threads", "--seed", "--quiet", "Example:"})
        QVERIFY2(one.out.contains(QLatin1String(common)), qPrintable(command + QLatin1Char(' ') + QLatin1String(common)));
      QVERIFY(one.out.contains(QStringLiteral("sememe-cli ") + command));
    }
    QVERIFY(runCli(QStringLiteral("--version")).out.startsWith(QStringLiteral("sememe-cli ")));
  }

  void refusesWrongUsage_data() {
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("says");
    QTest::newRow("no command") << QString() << QStringLiteral("no command");
    QTest::newRow("unknown command") << QStringLiteral("extrakt --model x") << QStringLiteral("extract");
    QTest::newRow("unknown option") << QStringLiteral("extract --modle x --images y --out z") << QStringLiteral("--model");
    QTest::newRow("unknown, rest complete") << QStringLiteral("score --activations a --embeddings e --outt o") << QStringLiteral("--out");
    QTest::newRow("with =") << QStringLiteral("inspect x --jsn=1") << QStringLiteral("--json");
    QTest::newRow("missing option") << QStringLiteral("score --activations a") << QStringLiteral("--embeddings");
    QTest::newRow("missing value") << QStringLiteral("train --activations a --out") << QStringLiteral("--out");
    QTest::newRow("no number") << QStringLiteral("extract --model m --images i --out o --layer two") << QStringLiteral("--layer");
    QTest::newRow("out of range") << QStringLiteral("extract --model m --images i --out o --batch 0") << QStringLiteral("--batch");
    QTest::newRow("not in set") << QStringLiteral("extract --model m --images i --out o --dtype f8") << QStringLiteral("f8");
    QTest::newRow("two targets") << QStringLiteral("extract --model m --images i --out o --workspace w") << QStringLiteral("--workspace");
    QTest::newRow("no target") << QStringLiteral("embed --model m --images i") << QStringLiteral("--out");
    QTest::newRow("stray argument") << QStringLiteral("inspect a b") << QStringLiteral("\"b\"");
    QTest::newRow("demo to nowhere") << QStringLiteral("demo") << QStringLiteral("--out");
  }
  void refusesWrongUsage() {
    QFETCH(QString, line);
    QFETCH(QString, says);
    const CliRun run = runCli(line);
    QVERIFY2(run.status == 2, qPrintable(run.err));
    QVERIFY(run.out.isEmpty());
    QCOMPARE(run.errorLines().size(), 1);
    QVERIFY2(run.err.startsWith(QStringLiteral("error: ")) && run.err.contains(says), qPrintable(run.err));
  }
};

QTEST_GUILESS_MAIN(CliUsageTest)
#include "cli_usage_test.moc"
