// Tests of the settings: round trip, nonsense in the file, the list of recent workspaces.
#include "ui/settings/settings.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

using namespace sememe;

class SettingsTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void roundTrip() {
    QTemporaryDir folder;
    const SettingsFile file(folder.filePath(QStringLiteral("new/sememe.ini")));
    Settings s;
    s.theme = ThemeMode::Dark;
    s.thumbnailSide = 144;
    s.windowGeometry = QByteArray("\0\1geometry", 10);
    s.exploreSplitter = {400, 700, 300};
    s.columnWidths = {60, 120, 70, 80, 200};
    s.sortColumn = 3;
    s.sortDescending = false;
    s.onlyFullTop = false;
    s.histogramLog = false;
    s.trainingForm = {{QStringLiteral("type"), QStringLiteral("topk")}, {QStringLiteral("groups"), QStringLiteral("0.5, 0.5")}};
    s.experimentsSplitter = {380, 900};
    s.scoresSplitter = {400, 300};
    s.agreementArchive = QStringLiteral("/data/metric benchmark.tar.gz");
    s.agreementEmbeddings = QStringLiteral("/e.pt; /w, x.sememe#3");
    s.agreementMetrics = QStringLiteral("~/mine.csv");
    s.agreementSplitter = {410, 310};
    s.resultsSplitter = {500, 200};
    s.hiddenTrainingColumns = {3, 8};
    s.steerModels = {QStringLiteral("/models/llava 1.5"), QStringLiteral("/m")};
    s.steerSaes = {QStringLiteral("/saes/ae.pt")};
    s.steerPrecision = QStringLiteral("f16");
    s.steerQuestions = {QStringLiteral("What, where; \"why\"?"), QStringLiteral("Ünd?")};
    s.steerSampling = {.maxTokens = 9, .temperature = 0.7, .topP = 0.9, .noRepeatNgram = 3, .seed = 123456789012345ULL};
    s.steerImageFolder = QStringLiteral("/pictures");
    s.steerSplitter = {300, 900};
    s.steerImageSplitter = {440, 290};
    s.steerTopSplitter = {500, 250};
    s.steerAnswersSplitter = {400, 200};
    s.logarithmicCharts = {};
    s.recentWorkspaces = {QStringLiteral("/a b/ü.sememe"), QStringLiteral("/c,d.sememe")};
    s.demoFolder = QStringLiteral("/home/someone/demo folder");
    file.write(s);
    const Settings r = file.read();
    QCOMPARE(r.theme, s.theme);
    QCOMPARE(r.thumbnailSide, s.thumbnailSide);
    QCOMPARE(r.windowGeometry, s.windowGeometry);
    QCOMPARE(r.exploreSplitter, s.exploreSplitter);
    QCOMPARE(r.columnWidths, s.columnWidths);
    QCOMPARE(r.sortColumn, s.sortColumn);
    QCOMPARE(r.sortDescending, s.sortDescending);
    QCOMPARE(r.onlyFullTop, s.onlyFullTop);
    QCOMPARE(r.histogramLog, s.histogramLog);
    QCOMPARE(r.trainingForm, s.trainingForm);
    QCOMPARE(r.experimentsSplitter, s.experimentsSplitter);
    QCOMPARE(r.scoresSplitter, s.scoresSplitter);
    QCOMPARE(r.agreementArchive, s.agreementArchive);
    QCOMPARE(r.agreementEmbeddings, s.agreementEmbeddings);
    QCOMPARE(r.agreementMetrics, s.agreementMetrics);
    QCOMPARE(r.agreementSplitter, s.agreementSplitter);
    QCOMPARE(r.resultsSplitter, s.resultsSplitter);
    QCOMPARE(r.hiddenTrainingColumns, s.hiddenTrainingColumns);
    QCOMPARE(r.steerModels, s.steerModels);
    QCOMPARE(r.steerSaes, s.steerSaes);
    QCOMPARE(r.steerPrecision, s.steerPrecision);
    QCOMPARE(r.steerQuestions, s.steerQuestions);
    QVERIFY(r.steerSampling == s.steerSampling);
    QCOMPARE(r.steerImageFolder, s.steerImageFolder);
    QCOMPARE(r.steerSplitter, s.steerSplitter);
    QCOMPARE(r.steerImageSplitter, s.steerImageSplitter);
    QCOMPARE(r.steerTopSplitter, s.steerTopSplitter);
    QCOMPARE(r.steerAnswersSplitter, s.steerAnswersSplitter);
    QCOMPARE(r.logarithmicCharts, s.logarithmicCharts);
    QCOMPARE(r.recentWorkspaces, s.recentWorkspaces);
    QCOMPARE(r.demoFolder, s.demoFolder);
  }

  void missingFileGivesDefaults() {
    const Settings s = SettingsFile(QStringLiteral("/nowhere/at/all.ini")).read();
    QCOMPARE(s.theme, ThemeMode::System);
    QCOMPARE(s.sortColumn, 1);
    QVERIFY(s.recentWorkspaces.isEmpty());
  }

  void nonsenseGivesDefaults() {
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("sememe.ini"));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("[window]\ntheme=purple\n[explore]\nthumbnailSide=999999\ncolumns=1 2 x\nsplitter=-4 2 3\nsortColumn=77\n[steer]\nmaxTokens=-3\ntemperature=hot\ntopP=7\nseed=-1\nsplitter=5\n\x01\x02[[");
    file.close();
    const Settings s = SettingsFile(path).read();
    QCOMPARE(s.theme, ThemeMode::System);
    QCOMPARE(s.thumbnailSide, 320);
    QVERIFY(s.columnWidths.isEmpty());
    QVERIFY(s.exploreSplitter.isEmpty());
    QCOMPARE(s.sortColumn, 4);
    QCOMPARE(s.steerSampling.maxTokens, 1);
    QCOMPARE(s.steerSampling.temperature, 0.0);
    QCOMPARE(s.steerSampling.topP, 1.0);
    QVERIFY(s.steerSplitter.isEmpty());
  }

  void recentAreUniqueAndBounded() {
    Settings s;
    for (int i = 0; i < 15; ++i) rememberWorkspace(s, QStringLiteral("/x/%1.sememe").arg(i));
    QCOMPARE(s.recentWorkspaces.size(), kRecentWorkspaces);
    rememberWorkspace(s, QStringLiteral("/x/10.sememe"));
    QCOMPARE(s.recentWorkspaces.first(), QStringLiteral("/x/10.sememe"));
    QCOMPARE(s.recentWorkspaces.count(QStringLiteral("/x/10.sememe")), 1);
  }
};

QTEST_GUILESS_MAIN(SettingsTest)
#include "settings_test.moc"
