// Tests of the Experiments page over real files: starting, live curves, queueing, pausing, resuming, removing, exploring,
// failing, what an empty page says, and what it remembers.
#include "ui/experiments/experiments_page.h"

#include <QSignalSpy>
#include <QTest>

#include "tests/ui/training_fixture.h"
#include "ui/window/main_window.h"

using namespace sememe;

namespace {

// The page over a pretended training, with the answers a person would give.
struct Bench {
  TrainableWorkspace workspace;
  PretendedTraining training;
  JobRunner runner;
  Theme theme;
  ExperimentsPage page{theme, runner, training.services()};
  QStringList asked;
  bool answer = true;
  QStringList failures;

  Bench() {
    page.resize(1280, 760);
    page.setConfirm([this](const QString& question, const QString& consequence, const QString&) {
      asked << question + QLatin1Char('\n') + consequence;
      return answer;
    });
    QObject::connect(&page, &ExperimentsPage::failed, &page, [this](const QString& title, const JobFailure& failure, const auto&) {
      failures << title + QLatin1Char('\n') + failure.message + QLatin1Char('\n') + failure.advice;
    });
    page.show();
  }
  ~Bench() { training.letGo(); }

  bool open() {
    page.setWorkspace(workspace.summary());
    return QTest::qWaitFor([&] { return page.isFilled(); }, 30'000);
  }
  void start(const QString& name, int64_t steps = 300) {
    page.form().field("steps").setText(QString::number(steps));
    page.form().field("warmup").setText(QStringLiteral("10"));
    page.form().field("name").setText(name);
    page.form().startButton().click();
  }
  const Training* find(const QString& name) {
    for (int row = 0; row < page.trainings().count(); ++row) {
      if (page.trainings().at(row).name == name) return &page.trainings().at(row);
    }
    return nullptr;
  }
  bool is(const QString& name, TrainingStatus status) { return find(name) && find(name)->status == status; }
  std::filesystem::path folder(const QString& name) { return trainingsFolder(workspace.path()) / name.toStdString(); }
};

bool shows(const QWidget& page, const QString& text) {
  for (const QLabel* label : page.findChildren<QLabel*>()) {
    if (label->isVisible() && label->text().contains(text)) return true;
  }
  return false;
}

}  // namespace

class ExperimentsPageTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void emptyPagesSayWhatToDo() {
    Bench b;
    QVERIFY(shows(b.page, QStringLiteral("No workspace is open")));
    QSignalSpy wanted(&b.page, &ExperimentsPage::openWanted), reload(&b.page, &ExperimentsPage::reloadWanted);
    const auto click = [&](const QString& text) {
      for (QPushButton* button : b.page.findChildren<QPushButton*>()) {
        if (button->isVisible() && button->text() == text) button->click();
      }
    };
    click(QStringLiteral("Open workspace…"));
    QCOMPARE(wanted.count(), 1);

    TestWorkspace without(100, 40);
    b.page.setWorkspace(without.summary());
    EVENTUALLY(b.page.isFilled());
    QVERIFY(shows(b.page, QStringLiteral("sememe-cli extract")));
    click(QStringLiteral("Reload"));
    QCOMPARE(reload.count(), 1);

    QVERIFY(b.open());
    QVERIFY(shows(b.page, QStringLiteral("No trainings yet")));
    b.page.clear();
    QVERIFY(shows(b.page, QStringLiteral("No workspace is open")));
    b.page.removeSelected();
    b.page.pauseOrResume();
    b.page.explore();
    QVERIFY(b.asked.isEmpty());
  }

  void aTrainingRunsAndIsCharted() {
    Bench b;
    QVERIFY(b.open());
    b.training.holdAt = 150;
    b.start(QStringLiteral("first"));
    // Live: before it has ended.
    EVENTUALLY(b.find(QStringLiteral("first")) && b.find(QStringLiteral("first"))->points.size() == 16);
    QVERIFY(b.is(QStringLiteral("first"), TrainingStatus::Running));
    CurveChart& loss = b.page.charts().chart(ChartBoard::Loss);
    EVENTUALLY(loss.series().size() == 1 && loss.series()[0].line.size() == 16);
    EVENTUALLY(b.page.charts().chart(ChartBoard::Ms).series()[0].marks.size() == 1);
    EVENTUALLY(b.page.panel().numbers().contains(QLatin1String("12 s left")));
    QVERIFY(b.page.panel().state().startsWith(QStringLiteral("Running · step 151 of 300")));
    b.training.letGo();
    EVENTUALLY(b.is(QStringLiteral("first"), TrainingStatus::Finished));
    EVENTUALLY_EQUAL(loss.series()[0].line.size(), size_t(30));
    const auto cell = [&](int column) { return b.page.table().model()->index(0, column).data().toString(); };
    QCOMPARE(cell(TrainingTableModel::Latents), QStringLiteral("64"));
    QCOMPARE(cell(TrainingTableModel::ExplainedVariance), QStringLiteral("0.800"));
    QCOMPARE(cell(TrainingTableModel::Ms), QStringLiteral("0.400"));
    QCOMPARE(cell(TrainingTableModel::Dead), QStringLiteral("7"));
    QCOMPARE(cell(TrainingTableModel::Steps), QStringLiteral("300"));
    // Another page finds it on disk as it was.
    ExperimentsPage again(b.theme, b.runner, b.training.services());
    again.setWorkspace(b.workspace.summary());
    EVENTUALLY(again.isFilled());
    QCOMPARE(again.trainings().count(), 1);
    QCOMPARE(again.trainings().at(0).status, TrainingStatus::Finished);
    QCOMPARE(again.trainings().at(0).points.size(), size_t(30));
    QCOMPARE(again.trainings().at(0).dictSize, int64_t(64));
    QVERIFY(b.failures.isEmpty());
  }

  void theNextOneWaits() {
    Bench b;
    QVERIFY(b.open());
    b.training.holdAt = 50;
    b.start(QStringLiteral("a"));
    b.start(QStringLiteral("b"));
    b.start(QStringLiteral("c"));
    QCOMPARE(b.page.trainings().count(), 3);
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Running));
    QVERIFY(b.is(QStringLiteral("b"), TrainingStatus::Waiting));
    QVERIFY(b.page.form().startButton().text().contains(QLatin1String("queue")));
    // Out of the queue: nothing is lost, so nothing is asked.
    b.page.table().select(b.find(QStringLiteral("b"))->id);
    b.page.removeSelected();
    QVERIFY(!b.find(QStringLiteral("b")));
    QVERIFY(b.asked.isEmpty());
    b.training.letGo();
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    EVENTUALLY(b.is(QStringLiteral("c"), TrainingStatus::Finished));
    QVERIFY(!std::filesystem::exists(b.folder(QStringLiteral("b"))));
    EVENTUALLY_EQUAL(b.page.charts().chart(ChartBoard::Loss).series().size(), size_t(2));
    QVERIFY(b.find(QStringLiteral("a"))->color != b.find(QStringLiteral("c"))->color);
    // Out of the charts and in again.
    b.page.trainings().setCharted(b.find(QStringLiteral("a"))->id, false);
    EVENTUALLY_EQUAL(b.page.charts().chart(ChartBoard::Loss).series().size(), size_t(1));
    QVERIFY(b.page.form().startButton().text().contains(QLatin1String("Start")));
  }

  void pausesAndGoesOn() {
    Bench b;
    QVERIFY(b.open());
    b.training.holdAt = 100;
    b.start(QStringLiteral("a"));
    EVENTUALLY(b.find(QStringLiteral("a"))->points.size() == 11);
    QCOMPARE(b.page.panel().pauseButton().text(), QStringLiteral("Pause"));
    b.page.panel().pauseButton().click();
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Paused));
    QCOMPARE(b.find(QStringLiteral("a"))->points.size(), size_t(11));
    QCOMPARE(b.page.panel().pauseButton().text(), QStringLiteral("Resume"));
    QVERIFY(b.asked.isEmpty() && b.failures.isEmpty());
    b.training.letGo();
    b.page.panel().pauseButton().click();
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    QCOMPARE(b.training.firstSteps, (std::vector<int64_t>{0, 110}));
    QCOMPARE(b.find(QStringLiteral("a"))->points.size(), size_t(30));
    for (size_t i = 0; i < 30; ++i) QCOMPARE(b.find(QStringLiteral("a"))->points[i].step.step, int64_t(10 * i));
  }

  void endingTheProgramPauses() {
    TrainableWorkspace workspace;
    PretendedTraining training;
    training.holdAt = 100;
    Theme theme;
    {
      JobRunner runner;
      ExperimentsPage page(theme, runner, training.services());
      page.setWorkspace(workspace.summary());
      EVENTUALLY(page.isFilled());
      page.form().field("steps").setText(QStringLiteral("300"));
      page.form().field("name").setText(QStringLiteral("a"));
      page.form().start();
      EVENTUALLY(page.trainings().at(0).points.size() == 11);
    }
    JobRunner runner;
    ExperimentsPage page(theme, runner, training.services());
    page.setWorkspace(workspace.summary());
    EVENTUALLY(page.isFilled());
    QCOMPARE(page.trainings().at(0).status, TrainingStatus::Paused);
    QCOMPARE(page.trainings().at(0).stepsDone, int64_t(101));
  }

  void cancellingAsksAndRemoves() {
    Bench b;
    QVERIFY(b.open());
    b.training.holdAt = 100;
    b.start(QStringLiteral("a"));
    EVENTUALLY(b.find(QStringLiteral("a"))->points.size() == 11);
    b.answer = false;
    b.page.panel().removeButton().click();
    QCOMPARE(b.asked.size(), 1);
    QVERIFY(b.asked[0].contains(QLatin1String("101 steps")));
    QVERIFY(b.is(QStringLiteral("a"), TrainingStatus::Running));
    b.answer = true;
    b.page.panel().removeButton().click();
    EVENTUALLY_EQUAL(b.page.trainings().count(), 0);
    QVERIFY(!std::filesystem::exists(b.folder(QStringLiteral("a"))));
    QVERIFY(shows(b.page, QStringLiteral("No trainings yet")));
    QVERIFY(b.failures.isEmpty());
  }

  void whatEndsWhileOneIsAskedIsKept() {
    Bench b;
    QVERIFY(b.open());
    b.training.holdAt = 100;
    b.start(QStringLiteral("a"));
    EVENTUALLY(b.find(QStringLiteral("a"))->points.size() == 11);
    b.page.setConfirm([&](const QString&, const QString&, const QString&) {
      b.training.letGo();
      return QTest::qWaitFor([&] { return b.is(QStringLiteral("a"), TrainingStatus::Finished); }, 30'000);
    });
    b.page.removeSelected();
    QVERIFY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    QVERIFY(std::filesystem::exists(b.folder(QStringLiteral("a")) / "trainer_0/ae.pt"));
  }

  void severalAreDeletedTogether() {
    Bench b;
    QVERIFY(b.open());
    b.start(QStringLiteral("a"), 100);
    b.start(QStringLiteral("b"), 100);
    EVENTUALLY(b.is(QStringLiteral("b"), TrainingStatus::Finished));
    b.page.table().selectAll();
    QTest::keyClick(&b.page.table(), Qt::Key_Space);
    QVERIFY(!b.find(QStringLiteral("a"))->charted && !b.find(QStringLiteral("b"))->charted);
    QTest::keyClick(&b.page.table(), Qt::Key_Delete);
    QCOMPARE(b.asked.size(), 1);
    QVERIFY(b.asked[0].contains(QLatin1String("2 trainings")));
    EVENTUALLY_EQUAL(b.page.trainings().count(), 0);
  }

  void aFailureIsSaidWithAdviceAndCanBeTriedAgain() {
    Bench b;
    QVERIFY(b.open());
    b.training.fail = true;
    b.start(QStringLiteral("a"));
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Failed));
    EVENTUALLY_EQUAL(b.failures.size(), 1);
    QVERIFY(b.failures[0].contains(QLatin1String("learning rate")));
    QVERIFY(b.page.panel().state().contains(QLatin1String("not finite")));
    QCOMPARE(b.page.panel().pauseButton().text(), QStringLiteral("Try again"));
    b.training.fail = false;
    b.page.pauseOrResume();
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
  }

  void brokenFoldersAreListedAndCanGo() {
    Bench b;
    std::filesystem::create_directories(b.folder(QStringLiteral("broken")));
    std::ofstream(b.folder(QStringLiteral("broken")) / "job.json") << "{ no";
    QVERIFY(b.open());
    QVERIFY(b.is(QStringLiteral("broken"), TrainingStatus::Unreadable));
    b.page.table().selectRow(0);
    QVERIFY(b.page.panel().exploreButton().isHidden());
    b.page.removeSelected();
    EVENTUALLY_EQUAL(b.page.trainings().count(), 0);
  }

  void trainingsGoOnWhileAnotherWorkspaceIsOpen() {
    Bench b;
    TestWorkspace other(100, 40);
    QVERIFY(b.open());
    b.training.holdAt = 100;
    b.start(QStringLiteral("a"));
    EVENTUALLY(b.find(QStringLiteral("a"))->points.size() == 11);
    b.page.setWorkspace(other.summary());
    EVENTUALLY(b.page.isFilled());
    QCOMPARE(b.page.trainings().count(), 0);
    QVERIFY(b.page.trainings().anyActive());
    QVERIFY(b.open());
    QVERIFY(b.is(QStringLiteral("a"), TrainingStatus::Running));
    b.page.setWorkspace(other.summary());
    b.training.letGo();
    EVENTUALLY(!b.page.trainings().anyActive());
    QVERIFY(b.open());
    QVERIFY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    QCOMPARE(b.find(QStringLiteral("a"))->points.size(), size_t(30));
  }

  void sortsWithUnknownLast() {
    Bench b;
    QVERIFY(b.open());
    b.start(QStringLiteral("long"), 200);
    b.start(QStringLiteral("short"), 50);  // too short to be validated
    EVENTUALLY(b.is(QStringLiteral("short"), TrainingStatus::Finished));
    const auto first = [&] { return b.page.table().model()->index(0, TrainingTableModel::Name).data().toString(); };
    for (const Qt::SortOrder order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
      b.page.table().sortByColumn(TrainingTableModel::Ms, order);
      QCOMPARE(first(), QStringLiteral("long"));
    }
    b.page.table().sortByColumn(TrainingTableModel::Steps, Qt::AscendingOrder);
    QCOMPARE(first(), QStringLiteral("short"));
  }

  // What was read from disk before a training ended does not take its end back.
  void aListingOfBeforeItsEndIsReadAgain() {
    Bench b;
    QVERIFY(b.open());
    b.training.holdAt = 50;
    b.start(QStringLiteral("a"));
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Running));
    {
      const std::lock_guard lock(b.training.mutex);
      b.training.holdList = true;
    }
    b.page.setWorkspace(b.workspace.summary());
    QTest::qWait(100);  // the listing has been read by now, or will be: both must do
    b.training.letGo();
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    {
      const std::lock_guard lock(b.training.mutex);
      b.training.holdList = false;
    }
    EVENTUALLY(b.page.isFilled());
    QVERIFY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    QCOMPARE(b.find(QStringLiteral("a"))->points.size(), size_t(30));
  }

  void remembersWhatWasArranged() {
    Bench b;
    Settings settings;
    settings.logarithmicCharts = {QStringLiteral("l0")};
    settings.hiddenTrainingColumns = {TrainingTableModel::K};
    settings.trainingForm = {{QStringLiteral("type"), QStringLiteral("topk")}, {QStringLiteral("k"), QStringLiteral("11")}};
    settings.experimentsSplitter = {400, 900};
    b.page.applySettings(settings);
    QVERIFY(b.page.charts().chart(ChartBoard::L0).isLogarithmic());
    QVERIFY(!b.page.charts().chart(ChartBoard::Loss).isLogarithmic());
    QVERIFY(!b.page.table().isColumnShown(TrainingTableModel::K));
    Settings kept;
    b.page.storeSettings(kept);
    QCOMPARE(kept.logarithmicCharts, settings.logarithmicCharts);
    QCOMPARE(kept.hiddenTrainingColumns, settings.hiddenTrainingColumns);
    QCOMPARE(kept.trainingForm.value(QStringLiteral("k")), QStringLiteral("11"));
    QCOMPARE(kept.trainingForm.value(QStringLiteral("type")), QStringLiteral("topk"));
    QCOMPARE(kept.experimentsSplitter, settings.experimentsSplitter);  // no workspace is open: nobody has laid it out anew
  }

  void oneChartCanFillTheBoard() {
    Bench b;
    QVERIFY(b.open());
    b.start(QStringLiteral("a"), 100);
    EVENTUALLY(b.is(QStringLiteral("a"), TrainingStatus::Finished));
    CurveChart& fve = b.page.charts().chart(ChartBoard::ExplainedVariance);
    const int before = fve.width();
    QTest::mouseDClick(&fve, Qt::LeftButton);
    QCOMPARE(b.page.charts().enlarged(), int(ChartBoard::ExplainedVariance));
    EVENTUALLY(fve.width() > before * 3 / 2);
    QVERIFY(!b.page.charts().chart(ChartBoard::Loss).isVisible());
    QTest::keyClick(&fve, Qt::Key_Escape);
    QCOMPARE(b.page.charts().enlarged(), -1);
    QVERIFY(b.page.charts().chart(ChartBoard::Loss).isVisible());
    // The cross-hair is in all of them.
    fve.setFocus();
    QTest::keyClick(&fve, Qt::Key_Home);
    QVERIFY(b.page.charts().chart(ChartBoard::Loss).cursorStep().has_value());
  }

  void oneClickBringsItToExplore() {
    TrainableWorkspace workspace;
    PretendedTraining training;
    training.exploredRun = workspace.made().run;
    Theme theme;
    JobRunner runner;
    Services services;
    services.readImage = readTestImage;
    services.training = training.services();
    MainWindow window(theme, runner, services, std::nullopt);
    window.show();
    window.showPage(Page::Experiments);
    QVERIFY(window.page() == Page::Experiments);
    window.openWorkspace(workspace.file());
    EVENTUALLY(!window.workspacePath().isEmpty() && window.experiments().isFilled());
    QVERIFY(window.experiments().isVisible());
    TrainingForm& form = window.experiments().form();
    form.field("steps").setText(QStringLiteral("100"));
    form.start();
    EVENTUALLY(window.experiments().trainings().count() == 1 && window.experiments().trainings().at(0).status == TrainingStatus::Finished);
    window.experiments().panel().exploreButton().click();
    EVENTUALLY(window.page() == Page::Explore && window.explore().isVisible());
    EVENTUALLY(window.explore().isFilled());
    QCOMPARE(training.explored, 1);
    QCOMPARE(window.explore().runs().currentData().toLongLong(), qlonglong(workspace.made().run));
    // There and back by keys.
    window.activateWindow();
    QTest::keyClick(&window, Qt::Key_3, Qt::ControlModifier);
    QVERIFY(window.page() == Page::Experiments);
    QTest::keyClick(&window, Qt::Key_1, Qt::ControlModifier);
    QVERIFY(window.page() == Page::Explore);
  }
};

QTEST_MAIN(ExperimentsPageTest)
#include "experiments_page_test.moc"
