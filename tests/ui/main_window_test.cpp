// Tests of the window: first run, opening good, broken and foreign files, the demo's outcomes, settings, dropping.
#include "ui/window/main_window.h"

#include <QApplication>
#include <QCheckBox>
#include <QDropEvent>
#include <QFile>
#include <QMenuBar>
#include <QMimeData>
#include <QSignalSpy>
#include <QTest>

#include "core/base/error.h"
#include "tests/ui/ui_support.h"

using namespace sememe;

class MainWindowTest : public QObject {
  Q_OBJECT
  TestWorkspace m_workspace{800, 80};
  Theme m_theme;

  static Services services() {
    Services s;
    s.readImage = readTestImage;
    s.makeDemo = [](const std::filesystem::path&, const std::stop_token&, const ProgressFn&) -> std::filesystem::path {
      throw Error(ErrorCode::NotFound, "no models", "resources/demo");
    };
    s.training.list = [](const std::filesystem::path&) { return std::vector<TrainingRecord>(); };
    s.version = QStringLiteral("0");
    return s;
  }
  static void write(const QString& path, const QByteArray& bytes) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
  }

 private Q_SLOTS:
  void firstRunOffersTheDemo() {
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    QVERIFY(window.showsStartPage());
    QVERIFY(window.workspacePath().isEmpty());
    QStringList buttons;
    for (QPushButton* b : window.startPage().findChildren<QPushButton*>()) buttons << b->text();
    QVERIFY(buttons.join(QLatin1Char(' ')).contains(QLatin1String("demo")));
    QVERIFY(buttons.join(QLatin1Char(' ')).contains(QLatin1String("Open workspace")));
  }

  void opensClosesAndRemembers() {
    QTemporaryDir folder;
    const SettingsFile file(folder.filePath(QStringLiteral("s.ini")));
    {
      JobRunner runner;
      MainWindow window(m_theme, runner, services(), file);
      window.show();
      QSignalSpy opened(&window, &MainWindow::workspaceOpened);
      window.openWorkspace(m_workspace.file());
      EVENTUALLY_EQUAL(opened.count(), 1);
      QVERIFY(!window.showsStartPage());
      QVERIFY(window.windowTitle().startsWith(QLatin1String("test")));
      EVENTUALLY(window.explore().isFilled());
      window.closeWorkspace();
      QVERIFY(window.showsStartPage());
      QVERIFY(!window.explore().hasNeuron());
      window.openWorkspace(m_workspace.file());
      EVENTUALLY_EQUAL(opened.count(), 2);
      EVENTUALLY(window.explore().isFilled());
      window.close();
    }
    QCOMPARE(file.read().recentWorkspaces, QStringList{m_workspace.file()});
    QVERIFY(!file.read().windowGeometry.isEmpty());
    JobRunner runner;
    MainWindow again(m_theme, runner, services(), file);
    again.show();
    bool offered = false;
    for (QPushButton* b : again.startPage().findChildren<QPushButton*>()) offered |= b->text() == QLatin1String("test");
    QVERIFY(offered);
  }

  void brokenAndForeignFilesAreRefused() {
    QTemporaryDir folder;
    const QString broken = folder.filePath(QStringLiteral("broken.sememe")), truncated = folder.filePath(QStringLiteral("cut.sememe"));
    write(broken, QByteArray(5000, 'x'));
    QFile whole(m_workspace.file());
    QVERIFY(whole.open(QIODevice::ReadOnly));
    write(truncated, whole.read(50'000));
    const QString foreign = folder.filePath(QStringLiteral("foreign.sememe"));
    {
      Database database(std::filesystem::path(foreign.toStdString()), OpenMode::Create);
      database.execute("CREATE TABLE recipes (name TEXT)");
    }
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    QSignalSpy failed(&window, &MainWindow::openFailed), opened(&window, &MainWindow::workspaceOpened);
    for (const QString& path : {broken, truncated, foreign, folder.filePath(QStringLiteral("missing.sememe")), folder.path()}) {
      failed.clear();
      window.openWorkspace(path);
      EVENTUALLY_EQUAL(failed.count(), 1);
      QVERIFY(window.messages().isVisible());
      QVERIFY(window.messages().text().contains(QFileInfo(path).fileName()));
      QVERIFY(window.showsStartPage());
    }
    QCOMPARE(opened.count(), 0);
    // The window is as good as before.
    window.openWorkspace(m_workspace.file());
    EVENTUALLY_EQUAL(opened.count(), 1);
    QVERIFY(!window.messages().isVisible());
    EVENTUALLY(window.explore().isFilled());
    // A failure leaves the open workspace alone.
    failed.clear();
    window.openWorkspace(broken);
    EVENTUALLY_EQUAL(failed.count(), 1);
    QVERIFY(!window.showsStartPage());
    QVERIFY(window.explore().hasNeuron());
  }

  void theLastOpenedWins() {
    TestWorkspace other(100, 40, 9);
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    window.explore().list().findChild<QCheckBox*>()->setChecked(false);
    window.openWorkspace(m_workspace.file());
    window.openWorkspace(other.file());
    EVENTUALLY(window.explore().isFilled());
    QCOMPARE(window.workspacePath(), other.file());
    EVENTUALLY_EQUAL(window.explore().list().model().total(), int64_t(100));
  }

  void theDemoHasThreeOutcomes() {
    QTemporaryDir folder;
    Services s = services();
    int mode = 0;
    const std::filesystem::path made = m_workspace.path();
    s.makeDemo = [&](const std::filesystem::path&, const std::stop_token& stop, const ProgressFn& progress) {
      if (mode == 0) throw Error(ErrorCode::DiskFull, "no room", "demo");
      for (int i = 0; mode == 1; ++i) {
        progress({.stage = "Drawing", .done = i, .total = 1'000'000});
        throwIfStopped(stop);
      }
      return made;
    };
    JobRunner runner;
    MainWindow window(m_theme, runner, s, std::nullopt);
    window.show();
    window.makeDemo(folder.path());
    EVENTUALLY(window.messages().isVisible());
    QVERIFY(window.messages().text().contains(QLatin1String("Make room")));
    QVERIFY(!window.jobStatus().running());

    mode = 1;
    window.makeDemo(folder.path());
    QVERIFY(!window.messages().isVisible());
    EVENTUALLY_EQUAL(window.jobStatus().text(), QStringLiteral("Drawing"));
    window.jobStatus().cancelAll();
    EVENTUALLY(!window.jobStatus().running());
    QVERIFY(!window.messages().isVisible());  // cancelled is no failure
    QVERIFY(window.showsStartPage());

    mode = 2;
    window.makeDemo(folder.path());
    EVENTUALLY_EQUAL(window.workspacePath(), m_workspace.file());
    EVENTUALLY(window.explore().isFilled());
  }

  void aDroppedWorkspaceOpens() {
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(m_workspace.file())});
    QDragEnterEvent enter(QPoint(10, 10), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window, &drop);
    EVENTUALLY_EQUAL(window.workspacePath(), m_workspace.file());
  }

  void shortcutsAreUniqueAndMenusComplete() {
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    QStringList keys;
    for (const QAction* action : window.findChildren<QAction*>()) {
      for (const QKeySequence& key : action->shortcuts()) {
        if (action->parent() == &window) keys << key.toString();
      }
    }
    QVERIFY(keys.size() > 20);
    QStringList unique = keys;
    unique.removeDuplicates();
    QCOMPARE(unique.size(), keys.size());
    QCOMPARE(window.menuBar()->actions().size(), 7);
  }

  void keysWalkTheNeurons() {
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    window.activateWindow();
    window.openWorkspace(m_workspace.file());
    EVENTUALLY(window.explore().isFilled());
    EVENTUALLY(!window.explore().list().model().loading());
    const auto neuron = [&](int row) { return window.explore().list().model().loadedRow(row)->neuron; };
    window.explore().list().table().setFocus();
    QTest::keyClick(&window, Qt::Key_J);
    EVENTUALLY_EQUAL(window.explore().list().selected(), neuron(1));
    QTest::keyClick(&window, Qt::Key_K);
    EVENTUALLY_EQUAL(window.explore().list().selected(), neuron(0));
  }

  void theExplorerLeadsToSteering() {
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    window.openWorkspace(m_workspace.file());
    EVENTUALLY(window.explore().isFilled());
    QTest::keyClick(&window, Qt::Key_2, Qt::ControlModifier);
    QVERIFY(window.steer().isVisible() && window.steer().showsChooser());
    QVERIFY(window.isPageFilled());
    window.showPage(Page::Explore);
    RunInfo run = m_workspace.run();
    run.saeFingerprint = "an SAE";
    run.saePath = "/saes/ae.pt";
    Q_EMIT window.explore().steerNeuronWanted(run, 7);
    QVERIFY(window.page() == Page::Steer && window.steer().isVisible());
    QCOMPARE(window.steer().chooser().params().sae, std::filesystem::path("/saes/ae.pt"));
    window.closeWorkspace();
    QVERIFY(!window.steer().isVisible());
  }

  void theHierarchyLeadsToExplore() {
    JobRunner runner;
    MainWindow window(m_theme, runner, services(), std::nullopt);
    window.show();
    window.openWorkspace(m_workspace.file());
    EVENTUALLY(window.explore().isFilled());
    window.showPage(Page::Hierarchy);
    QVERIFY(window.hierarchy().isVisible());
    Q_EMIT window.hierarchy().exploreWanted(m_workspace.made().run, 7);
    QVERIFY(window.explore().isVisible());
    EVENTUALLY_EQUAL(window.explore().list().selected(), int64_t(7));
    window.closeWorkspace();
    QVERIFY(!window.hierarchy().runs().isEnabled());
  }
};

QTEST_MAIN(MainWindowTest)
#include "main_window_test.moc"
