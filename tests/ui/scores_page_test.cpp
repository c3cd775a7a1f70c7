// The Scores page: its two views, and the steering scores of real workspaces.
#include <QFile>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>
#include <cmath>

#include "tests/support/golden_llava.h"
#include "tests/ui/ui_support.h"
#include "ui/scores/scores_page.h"

using namespace sememe;

namespace {

const double kNan = std::nan("");

SteeringScoreSet scoreSet(int64_t run, const std::string& key, SteeringTest test, double value) {
  SteeringScoreSet set;
  set.run = run;
  set.key = key;
  set.test = test;
  set.value = value;
  set.question = "What is <shown>?";
  set.model = "llava";
  set.words = "clip";
  set.images = 40;
  set.failed = 1;
  set.score = {0.31, 0.05};
  set.before = {test == SteeringTest::Unsteered ? kNan : 0.22, kNan};
  set.control = test == SteeringTest::Unsteered ? kNan : 0.2;
  return set;
}

}  // namespace

class ScoresPageTest : public QObject {
  Q_OBJECT

 private:
  Theme* m_theme = nullptr;

  static int64_t addSteered(const TestWorkspace& workspace) {
    Workspace file = workspace.open(OpenMode::ReadWrite);
    return file.steeringScores().save(scoreSet(workspace.made().run, "a", SteeringTest::Steered, 100),
                                      {{3, 0.5, 0.25, 0.2, 0.1, "red", 30, 40}, {12, kNan, 0.75, 0.3, 0.15, "star", 40, 40}, {700, 0.4, kNan, kNan, kNan, "", 0, 0}});
  }

  std::unique_ptr<ScoresPage> filled(JobRunner& runner, const TestWorkspace& workspace) {
    auto page = std::make_unique<ScoresPage>(*m_theme, runner);
    page->resize(1100, 760);
    page->show();
    page->setWorkspace(workspace.summary());
    page->showView(ScoresPage::Steering);
    [&] { EVENTUALLY(page->isFilled()); }();
    return page;
  }

  static QString cell(ScoresPage& page, int row, int column) { return page.steering().table().model()->index(row, column).data().toString(); }

 private Q_SLOTS:
  void initTestCase() { m_theme = new Theme(this); }

  void switchesItsViews() {
    JobRunner runner;
    const TestWorkspace workspace(64, 20);
    ScoresPage page(*m_theme, runner);
    QVERIFY(page.isFilled());
    page.show();
    QVERIFY(!page.monosemanticity().isVisible());
    page.setWorkspace(workspace.summary());
    EVENTUALLY(page.isFilled());
    QVERIFY(page.monosemanticity().isVisible());
    for (QToolButton* button : page.findChildren<QToolButton*>())
      if (button->text() == QLatin1String("Steering")) button->click();
    QCOMPARE(page.view(), ScoresPage::Steering);
    QVERIFY(page.steering().isVisible() && !page.monosemanticity().isVisible());
    // Nothing was scored: it says so, and no table is there.
    QVERIFY(!page.steering().table().isVisible());
    page.clear();
    QVERIFY(!page.steering().isVisible());
  }

  void showsSteeredNeurons() {
    JobRunner runner;
    const TestWorkspace workspace(1000, 20);
    addSteered(workspace);
    const auto page = filled(runner, workspace);
    QAbstractItemModel* model = page->steering().table().model();
    QCOMPARE(model->rowCount(), 3);
    // The best first, what has no score last.
    QCOMPARE(cell(*page, 0, SteeringTableModel::Neuron), QStringLiteral("12"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Word), QStringLiteral("star"));
    QVERIFY(cell(*page, 0, SteeringTableModel::Label).isEmpty());
    page->steering().setLabel(workspace.made().run, 12, QStringLiteral("a star"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Label), QStringLiteral("a star"));
    page->steering().setLabel(workspace.made().run + 1, 12, QStringLiteral("another"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Label), QStringLiteral("a star"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Score), QStringLiteral("0.750"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Before), QStringLiteral("0.300"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Change), QStringLiteral("+0.450"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Said), QStringLiteral("40 of 40"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Ms), QStringLiteral("–"));
    QCOMPARE(cell(*page, 1, SteeringTableModel::Neuron), QStringLiteral("3"));
    QCOMPARE(cell(*page, 2, SteeringTableModel::Score), QStringLiteral("–"));
    page->steering().table().sortByColumn(SteeringTableModel::Score, Qt::AscendingOrder);
    QCOMPARE(cell(*page, 0, SteeringTableModel::Neuron), QStringLiteral("3"));
    QCOMPARE(cell(*page, 2, SteeringTableModel::Neuron), QStringLiteral("700"));
    const QString figures = page->steering().figures().text();
    for (const char* part : {"0.310", "0.050", "0.220", "0.200", "&lt;shown&gt;", "40 images", "llava", "clip"})
      QVERIFY2(figures.contains(QLatin1String(part)), qPrintable(figures));
  }

  void choosesASet() {
    JobRunner runner;
    const TestWorkspace workspace(1000, 20);
    addSteered(workspace);
    {
      Workspace file = workspace.open(OpenMode::ReadWrite);
      file.steeringScores().save(scoreSet(workspace.made().run, "b", SteeringTest::Suppressed, -20), {{5, 0.5, 0.1, 0.4, 0.3, "blue", 9, 16}});
      file.steeringScores().save(scoreSet(workspace.made().run, "c", SteeringTest::Unsteered, 0), {{5, 0.5, 0.1, kNan, kNan, "blue", 9, 16}});
    }
    const auto page = filled(runner, workspace);
    QComboBox& sets = page->steering().sets();
    QTableView& table = page->steering().table();
    QCOMPARE(sets.count(), 3);
    QVERIFY(sets.currentText().startsWith(QStringLiteral("Unsteered")));
    QVERIFY(table.isColumnHidden(SteeringTableModel::Control));
    sets.setCurrentIndex(1);
    EVENTUALLY(!table.isColumnHidden(SteeringTableModel::Control));
    QVERIFY(sets.currentText().startsWith(QStringLiteral("Suppressed to -20")) || sets.currentText().startsWith(QStringLiteral("Suppressed to −20")));
    // Of an SAE's neurons: compared with its reconstruction.
    QCOMPARE(table.model()->headerData(SteeringTableModel::Before, Qt::Horizontal).toString(), QStringLiteral("Reconstruction"));
    QCOMPARE(cell(*page, 0, SteeringTableModel::Change), QStringLiteral("-0.300"));
    sets.setCurrentIndex(2);
    EVENTUALLY_EQUAL(table.model()->rowCount(), 3);
    // Read anew, the same set stays in view.
    page->setWorkspace(workspace.summary());
    EVENTUALLY(page->isFilled());
    QCOMPARE(sets.currentIndex(), 2);
  }

  void goesOnFromANeuron() {
    JobRunner runner;
    const TestWorkspace workspace(1000, 20);
    addSteered(workspace);
    const auto page = filled(runner, workspace);
    QSignalSpy wanted(page.get(), &ScoresPage::exploreNeuronWanted);
    page->focusFirst();
    QTest::keyClick(&page->steering().table(), Qt::Key_Return);
    QCOMPARE(wanted.size(), 1);
    QCOMPARE(wanted[0][0].toLongLong(), workspace.made().run);
    QCOMPARE(wanted[0][1].toLongLong(), 12);
  }

  void readsNeuronLists() {
    QCOMPARE(*parseNeurons(QString()), std::vector<int64_t>());
    QCOMPARE(*parseNeurons(QStringLiteral(" 3, 7-9,515 ")), (std::vector<int64_t>{3, 7, 8, 9, 515}));
    QCOMPARE(parseNeurons(QStringLiteral("0 – 2"))->size(), size_t(3));
    for (const char* wrong : {"a", "3,", "9-3", "-1", "1.5", "0-2000000", "1 2"}) QVERIFY2(!parseNeurons(QString::fromLatin1(wrong)), wrong);
  }

  void theFormKnowsTheWorkspace() {
    JobRunner runner;
    const TestWorkspace workspace(1000, 20);
    const auto page = filled(runner, workspace);
    page->steering().setDemo({.model = "/demo/llava", .sae = "/demo/sae"});
    page->steering().setModel(QStringLiteral("/models/llava"));
    SteeringScoreOffer offer = page->steering().offer();
    for (RunInfo& run : offer.runs) run.saePath = "/saes/ae.pt";
    QVERIFY(!offer.runs.empty() && offer.embeddings.size() == 2 && offer.datasets.size() == 1);
    SteeringScoreForm form(offer);
    QCOMPARE(form.model().text(), QStringLiteral("/models/llava"));
    QCOMPARE(form.sae().text(), QStringLiteral("/saes/ae.pt"));
    QCOMPARE(form.images().text(), QString::fromStdString(offer.datasets[0].root));
    QCOMPARE(form.neurons().text(), QStringLiteral("0-63"));
    QCOMPARE(form.value().text(), QStringLiteral("100"));
    form.words().setText(QStringLiteral("/models/clip"));
    QVERIFY(form.startButton().isEnabled());
    const SteeringScoreParams p = form.params();
    QCOMPARE(p.top, workspace.path().string() + "#" + std::to_string(workspace.made().run));
    QCOMPARE(p.embeddings, workspace.path().string() + "#" + std::to_string(offer.embeddings[0].id));
    QCOMPARE(p.only.size(), size_t(64));
    QVERIFY(p.test == SteeringTest::Steered && p.value == 100 && p.model.model == "/models/llava" && p.textModel == "/models/clip");
    QCOMPARE(p.out, form.params().out);
    // Other neurons share the answers of a set-up; another value has its own.
    form.neurons().setText(QStringLiteral("5"));
    QCOMPARE(p.out, form.params().out);
    form.value().setText(QStringLiteral("60"));
    QVERIFY(p.out != form.params().out);
    for (const char* wrong : {"1000", "x"}) {
      form.neurons().setText(QString::fromLatin1(wrong));
      QVERIFY(!form.startButton().isEnabled() && !form.neurons().problem().isEmpty());
    }
    form.neurons().setText(QString());
    QVERIFY(form.startButton().isEnabled());
    form.value().setText(QStringLiteral("much"));
    QVERIFY(!form.startButton().isEnabled());
    form.test().setText(QString::number(int(SteeringTest::Suppressed)));
    QCOMPARE(form.value().text(), QStringLiteral("0"));
    QVERIFY(form.startButton().isEnabled());
    // The demo's SAE goes with the demo's model.
    for (RunInfo& run : offer.runs) run.saePath = "/demo/sae/trainer_0";
    QCOMPARE(SteeringScoreForm(offer).model().text(), QStringLiteral("/demo/llava"));
    offer.runs.clear();
    QVERIFY(!SteeringScoreForm(offer).startButton().isEnabled());
  }

  // The golden LLaVA, steered by the neurons of a run that says it is of its SAE.
  void scoresInTheBackground() {
    JobRunner runner;
    const TestWorkspace workspace(64, 40);
    const GoldenLlava llava;
    const std::string golden = GOLDEN_DIR "/steering_score/";
    SteeringScoreParams p;
    p.model = {.model = llava.folder().toStdString(), .sae = llava.sae().toStdString(), .device = "cpu"};
    {
      Workspace file = workspace.open(OpenMode::ReadWrite);
      Statement(file.database(), "UPDATE runs SET sae_fingerprint = ?1 WHERE id = ?2", steeringSae(*loadSteeringModel(p.model)).fingerprint, workspace.made().run).run();
    }
    p.top = workspace.path().string() + "#" + std::to_string(workspace.made().run);
    p.embeddings = golden + "embeddings.pt";
    p.textModel = golden + "clip";
    p.images = golden + "images";
    p.neurons = 4;
    p.out = workspace.path().parent_path() / "steering";
    const auto page = filled(runner, workspace);
    QVERIFY(!page->steering().table().isVisible());
    QSignalSpy failed(page.get(), &ScoresPage::failed);
    page->steering().score(p);
    QVERIFY(!page->steering().scoreButton().isEnabled());
    EVENTUALLY(page->steering().table().isVisible() && page->steering().table().model()->rowCount() == 4);
    EVENTUALLY(page->steering().scoreButton().isEnabled());
    QCOMPARE(failed.size(), 0);
    QVERIFY(std::filesystem::exists(p.out / "labels.txt"));

    p.images = golden + "nowhere";
    page->steering().score(p);
    EVENTUALLY_EQUAL(failed.size(), 1);
    QCOMPARE(page->steering().table().model()->rowCount(), 4);
  }

  void writesAndRemoves() {
    JobRunner runner;
    const TestWorkspace workspace(1000, 20);
    addSteered(workspace);
    const auto page = filled(runner, workspace);
    QSignalSpy wrote(page.get(), &ScoresPage::exported), failed(page.get(), &ScoresPage::failed);
    const QString file = workspace.folder() + QStringLiteral("/s.csv");
    page->steering().exportTo(file);
    EVENTUALLY_EQUAL(wrote.size(), 1);
    QFile csv(file);
    QVERIFY(csv.open(QIODevice::ReadOnly));
    const QByteArrayList lines = csv.readAll().trimmed().split('\n');
    QCOMPARE(lines.size(), 4);
    QCOMPARE(lines[1], QByteArray("3,0.5,0.25,0.2,0.1,red,30,40"));
    page->steering().exportTo(QStringLiteral("/proc/nowhere/s.csv"));
    EVENTUALLY_EQUAL(failed.size(), 1);
    page->steering().removeSet();
    EVENTUALLY(!page->steering().table().isVisible());
    QVERIFY(workspace.open().steeringScores().list().empty());
  }
};

QTEST_MAIN(ScoresPageTest)
#include "scores_page_test.moc"
