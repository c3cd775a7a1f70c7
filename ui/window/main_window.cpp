// The main window: pages, opening, messages, running work. Its menus are in main_window_menus.cpp.
#include "ui/window/main_window.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QStandardPaths>
#include <QStatusBar>
#include <QVBoxLayout>
#include <utility>

#include "ui/window/dialogs.h"

namespace sememe {
namespace {

constexpr int kMessageMs = 8000;

QString workspaceIn(const QMimeData* data) {
  for (const QUrl& url : data->urls()) {
    if (url.isLocalFile() && url.toLocalFile().endsWith(QLatin1String(".sememe"), Qt::CaseInsensitive)) return url.toLocalFile();
  }
  return {};
}

std::filesystem::path toPath(const QString& text) { return std::filesystem::path(text.toStdU16String()); }

}  // namespace

MainWindow::MainWindow(Theme& theme, JobRunner& runner, Services services, std::optional<SettingsFile> settings)
    : m_theme(theme), m_runner(runner), m_services(std::move(services)), m_file(std::move(settings)) {
  if (m_file) m_settings = m_file->read();
  setWindowTitle(QStringLiteral("Sememe"));
  setWindowIcon(Theme::programIcon());
  setAcceptDrops(true);
  setMinimumSize(960, 560);
  resize(1360, 860);

  m_start = new StartPage(theme);
  m_explore = new ExplorePage(theme, runner, m_services.readImage, m_services.scoreImages);
  m_steer = new SteerPage(theme, runner, m_services.readImage, m_services.steering);
  m_experiments = new ExperimentsPage(theme, runner, m_services.training);
  m_scores = new ScoresPage(theme, runner);
  m_scores->steering().setDemo(m_services.steering.demo);
  m_hierarchy = new HierarchyPage(theme, runner, m_services.readImage, m_services.readHierarchy);
  m_pages = new QStackedWidget;
  for (QWidget* page : std::initializer_list<QWidget*>{m_start, m_explore, m_steer, m_experiments, m_scores, m_hierarchy}) m_pages->addWidget(page);
  m_messages = new MessageBar(theme);
  auto* middle = new QWidget;
  auto* column = new QVBoxLayout(middle);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(m_messages);
  column->addWidget(m_pages, 1);
  setCentralWidget(middle);

  m_jobStatus = new JobStatus;
  statusBar()->setSizeGripEnabled(false);
  m_path = new QLabel;
  m_path->setProperty("role", QStringLiteral("muted"));
  m_path->setContentsMargins(kUnit, 0, kUnit, 0);
  m_path->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  statusBar()->addWidget(m_path, 1);
  statusBar()->addPermanentWidget(m_jobStatus);
  connect(&runner, &JobRunner::jobStarted, m_jobStatus, &JobStatus::add);
  connect(m_jobStatus, &JobStatus::ended, this, [this](const QString& sentence) { statusBar()->showMessage(sentence, kMessageMs); });

  makeFileMenu();
  makeEditMenu();
  makeViewMenu();
  makeGoMenu();
  makeSteeringMenu();
  makeTrainingMenu();
  makeHelpMenu();
  // In the row of the menus, which has room for it; a desktop that takes the menus elsewhere would take it along.
  menuBar()->setNativeMenuBar(false);
  m_pageBar = new PageBar(theme);
  menuBar()->setCornerWidget(m_pageBar);
  connect(m_pageBar, &PageBar::chosen, this, &MainWindow::showPage);

  connect(m_start, &StartPage::openWanted, this, &MainWindow::askWorkspace);
  connect(m_start, &StartPage::demoWanted, this, &MainWindow::askDemo);
  connect(m_start, &StartPage::recentChosen, this, &MainWindow::openWorkspace);
  connect(m_explore, &ExplorePage::neuronChanged, this, &MainWindow::updateActions);
  connect(m_explore, &ExplorePage::reloadWanted, this, [this] { openWorkspace(m_workspace); });
  connect(m_explore, &ExplorePage::failed, this, [this](const JobFailure& failure) {
    m_messages->showFailure(tr("Reading the workspace failed"), failure, [this] { openWorkspace(m_workspace); });
  });

  connect(m_explore, &ExplorePage::filled, this, &MainWindow::pageFilled);
  connect(m_explore, &ExplorePage::steerNeuronWanted, this, &MainWindow::steerNeuron);
  connect(m_explore, &ExplorePage::steerImageWanted, this, [this](const QString& file) {
    m_steer->openImage(file);
    showPage(Page::Steer);
  });

  connect(m_steer, &SteerPage::filled, this, &MainWindow::pageFilled);
  connect(m_steer, &SteerPage::actionsChanged, this, &MainWindow::updateActions);
  connect(m_steer, &SteerPage::exploreWanted, this, &MainWindow::exploreNeuron);
  connect(m_steer, &SteerPage::said, this, [this](const QString& sentence) { statusBar()->showMessage(sentence, kMessageMs); });
  connect(m_steer, &SteerPage::settled, this, &MainWindow::saveSettings);
  connect(m_steer, &SteerPage::failed, this, [this](const QString& title, const JobFailure& failure, std::function<void()> retry) {
    m_messages->showFailure(title, failure, std::move(retry));
  });
  connect(m_experiments, &ExperimentsPage::filled, this, [this] {
    if (m_page == Page::Experiments) m_experiments->focusFirst();
    Q_EMIT pageFilled();
  });
  connect(m_experiments, &ExperimentsPage::actionsChanged, this, &MainWindow::updateActions);
  connect(m_experiments, &ExperimentsPage::openWanted, this, &MainWindow::askWorkspace);
  connect(m_experiments, &ExperimentsPage::reloadWanted, this, [this] { openWorkspace(m_workspace); });
  connect(m_experiments, &ExperimentsPage::explored, this, &MainWindow::showExplored);
  connect(m_experiments, &ExperimentsPage::failed, this,
          [this](const QString& title, const JobFailure& failure, std::function<void()> retry) {
            m_messages->showFailure(title, failure, std::move(retry));
          });

  connect(m_scores, &ScoresPage::filled, this, [this] {
    if (m_page == Page::Scores) m_scores->focusFirst();
    Q_EMIT pageFilled();
  });
  connect(m_scores, &ScoresPage::openWanted, this, &MainWindow::askWorkspace);
  connect(m_scores, &ScoresPage::reloadWanted, this, [this] { openWorkspace(m_workspace); });
  connect(m_scores, &ScoresPage::exploreWanted, this, [this](qint64 run) {
    m_explore->showRun(run);
    showPage(Page::Explore);
  });
  connect(m_scores, &ScoresPage::exploreNeuronWanted, this, &MainWindow::exploreNeuron);
  connect(m_scores, &ScoresPage::steerWanted, this, &MainWindow::steerNeuron);
  connect(m_scores, &ScoresPage::settled, this, &MainWindow::saveSettings);
  connect(m_scores, &ScoresPage::exported, this, [this](const QString& sentence) { statusBar()->showMessage(sentence, kMessageMs); });
  connect(m_scores, &ScoresPage::failed, this, [this](const QString& title, const JobFailure& failure, std::function<void()> retry) {
    m_messages->showFailure(title, failure, std::move(retry));
  });

  connect(m_hierarchy, &HierarchyPage::filled, this, [this] {
    if (m_page == Page::Hierarchy) m_hierarchy->focusFirst();
    Q_EMIT pageFilled();
  });
  connect(m_hierarchy, &HierarchyPage::openWanted, this, &MainWindow::askWorkspace);
  connect(m_hierarchy, &HierarchyPage::reloadWanted, this, [this] { openWorkspace(m_workspace); });
  connect(m_hierarchy, &HierarchyPage::exploreWanted, this, &MainWindow::exploreNeuron);
  connect(m_hierarchy, &HierarchyPage::failed, this, [this](const QString& title, const JobFailure& failure, std::function<void()> retry) {
    m_messages->showFailure(title, failure, std::move(retry));
  });
  connect(&m_explore->details().labels(), &LabelEditor::edited, this, [this](qint64 neuron, const QString& label, const QString& notes) {
    m_hierarchy->setLabel(m_explore->runs().currentData().toLongLong(), neuron, label);
    m_scores->steering().setLabel(m_explore->runs().currentData().toLongLong(), neuron, label);
    m_steer->setLabel(m_explore->runs().currentData().toLongLong(), neuron, label, notes);
  });

  m_theme.setMode(m_settings.theme);
  m_explore->applySettings(m_settings);
  m_steer->applySettings(m_settings);
  m_experiments->applySettings(m_settings);
  m_scores->applySettings(m_settings);
  if (!m_settings.windowGeometry.isEmpty()) restoreGeometry(m_settings.windowGeometry);
  updateRecent();
  arrangePages();
}

void MainWindow::showPage(Page page) {
  m_page = page;
  arrangePages();
}

void MainWindow::exploreNeuron(qint64 run, qint64 neuron) {
  showPage(Page::Explore);
  m_explore->showRun(run);
  m_explore->list().select(neuron);
}

void MainWindow::steerNeuron(const RunInfo& run, qint64 neuron) {
  m_steer->steerNeuron(run, neuron);
  showPage(Page::Steer);
}

void MainWindow::arrangePages() {
  QWidget* shown = m_workspace.isEmpty() ? static_cast<QWidget*>(m_start) : m_explore;
  if (m_page == Page::Steer) shown = m_steer;
  if (m_page == Page::Experiments) shown = m_experiments;
  if (m_page == Page::Scores) shown = m_scores;
  if (m_page == Page::Hierarchy) shown = m_hierarchy;
  m_pages->setCurrentWidget(shown);
  m_pageBar->setCurrent(m_page);
  if (shown == m_explore) m_explore->list().table().setFocus();
  if (shown == m_steer) m_steer->focusFirst();
  if (shown == m_experiments) m_experiments->focusFirst();
  if (shown == m_scores) {
    m_scores->steering().setModel(m_steer->lastModel());
    m_scores->focusFirst();
  }
  if (shown == m_hierarchy) m_hierarchy->focusFirst();
  updateActions();
}

bool MainWindow::isPageFilled() const {
  if (m_page == Page::Steer) return m_steer->isFilled();
  if (m_page == Page::Experiments) return m_experiments->isFilled();
  if (m_page == Page::Scores) return m_scores->isFilled();
  if (m_page == Page::Hierarchy) return m_hierarchy->isFilled();
  return showsStartPage() || m_explore->isFilled();
}

// The neurons of a training are there: the workspace is read anew, and Explore shows them.
void MainWindow::showExplored(const QString& workspace, int64_t run) {
  if (QFileInfo(workspace) != QFileInfo(m_workspace)) return;
  m_wantedRun = run;
  m_page = Page::Explore;
  openWorkspace(m_workspace);
}

void MainWindow::askWorkspace() {
  QString folder = m_settings.recentWorkspaces.isEmpty() ? QString() : QFileInfo(m_settings.recentWorkspaces.first()).absolutePath();
  if (folder.isEmpty()) folder = QStandardPaths::writableLocation(QStandardPaths::HomeLocation);
  const QString path = QFileDialog::getOpenFileName(this, tr("Open workspace"), folder,
                                                    tr("Sememe workspaces (*.sememe);;All files (*)"));
  if (!path.isEmpty()) openWorkspace(path);
}

void MainWindow::openWorkspace(const QString& path) {
  if (path.isEmpty()) return;
  const int generation = ++m_openGeneration;
  m_messages->hide();
  m_explore->saveEdits();
  m_runner.closeConnections();
  m_start->setBusy(true);
  JobSpec spec;
  spec.lane = Lane::Writer;  // it may have to bring the file up to date
  Job* job = m_runner.run(
      spec, this, [file = toPath(QFileInfo(path).absoluteFilePath())](JobContext&) { return openSummary(file); },
      [this, generation](const WorkspaceSummary& summary) {
        if (generation == m_openGeneration) showSummary(summary);
      });
  connect(job, &Job::failed, this, [this, generation, path](const JobFailure& failure) {
    if (generation != m_openGeneration) return;
    m_start->setBusy(m_makingDemo);
    if (failure.code == ErrorCode::NotFound) {
      m_settings.recentWorkspaces.removeAll(QFileInfo(path).absoluteFilePath());
      updateRecent();
      saveSettings();
    }
    m_messages->showFailure(tr("“%1” can not be opened").arg(QFileInfo(path).fileName()), failure);
    Q_EMIT openFailed(failure);
  });
}

void MainWindow::showSummary(const WorkspaceSummary& summary) {
  m_workspace = QString::fromStdString(summary.path.string());
  m_start->setBusy(m_makingDemo);
  rememberWorkspace(m_settings, m_workspace);
  updateRecent();
  setWindowTitle(tr("%1 – Sememe").arg(QFileInfo(m_workspace).completeBaseName()));
  setWindowFilePath(m_workspace);
  m_path->setText(summary.readOnly ? tr("%1  (read only)").arg(m_workspace) : m_workspace);
  m_explore->setWorkspace(summary);
  if (const int64_t run = std::exchange(m_wantedRun, 0)) m_explore->showRun(run);
  m_steer->setWorkspace(summary);
  m_experiments->setWorkspace(summary);
  m_scores->setWorkspace(summary);
  m_hierarchy->setWorkspace(summary);
  arrangePages();
  saveSettings();
  Q_EMIT workspaceOpened();
}

void MainWindow::closeWorkspace() {
  ++m_openGeneration;
  m_explore->clear();
  m_steer->clear();
  m_experiments->clear();
  m_scores->clear();
  m_hierarchy->clear();
  m_runner.closeConnections();
  m_workspace.clear();
  m_messages->hide();
  setWindowFilePath({});
  m_path->clear();
  setWindowTitle(QStringLiteral("Sememe"));
  m_page = Page::Explore;
  arrangePages();
}

void MainWindow::askDemo() {
  QString suggestion = m_settings.demoFolder;
  if (suggestion.isEmpty())
    suggestion = QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation) + QStringLiteral("/sememe-demo");
  const QString folder = askDemoFolder(this, suggestion);
  if (!folder.isEmpty()) makeDemo(folder);
}

void MainWindow::makeDemo(const QString& folder) {
  if (m_makingDemo) return;
  m_makingDemo = true;
  m_messages->hide();
  m_settings.demoFolder = folder;
  saveSettings();
  m_start->setBusy(true);
  updateActions();
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.title = tr("Making the demo workspace");
  const auto finish = [this] {
    m_makingDemo = false;
    m_start->setBusy(false);
    updateActions();
  };
  Job* job = m_runner.run(
      spec, this,
      [make = m_services.makeDemo, out = toPath(folder)](JobContext& context) { return make(out, context.stop, context.progress); },
      [this](const std::filesystem::path& workspace) { openWorkspace(QString::fromStdString(workspace.string())); });
  connect(job, &Job::done, this, finish);
  connect(job, &Job::cancelled, this, finish);
  connect(job, &Job::failed, this, [this, finish, folder](const JobFailure& failure) {
    finish();
    m_messages->showFailure(tr("The demo workspace could not be made"), failure, [this, folder] { makeDemo(folder); });
  });
}

void MainWindow::updateRecent() {
  m_start->setRecent(m_settings.recentWorkspaces);
  m_recent->clear();
  for (const QString& path : m_settings.recentWorkspaces) {
    QString text = QFileInfo(path).fileName();
    QAction* action = m_recent->addAction(text.replace(QLatin1Char('&'), QLatin1String("&&")), this, [this, path] { openWorkspace(path); });
    action->setToolTip(path);
  }
  m_recent->setToolTipsVisible(true);
  m_recent->setEnabled(!m_settings.recentWorkspaces.isEmpty());
  if (m_settings.recentWorkspaces.isEmpty()) return;
  m_recent->addSeparator();
  m_recent->addAction(tr("Clear list"), this, [this] {
    m_settings.recentWorkspaces.clear();
    updateRecent();
    saveSettings();
  });
}

void MainWindow::updateActions() {
  const bool open = !m_workspace.isEmpty();
  for (QAction* action : m_workspaceActions) action->setEnabled(open);
  const bool exploring = open && m_page == Page::Explore;
  for (QAction* action : m_exploreActions) action->setEnabled(exploring);
  for (QAction* action : m_pageActions) action->setEnabled(exploring && m_explore->hasNeuron());
  m_steerNeuron->setEnabled(exploring && m_explore->hasLatent());
  const bool steering = m_page == Page::Steer && m_steer->isReady() && !m_steer->showsChooser();
  for (QAction* action : m_steerActions) action->setEnabled(steering);
  m_stopAnswer->setEnabled(steering && m_steer->isBusy());
  m_exploreSteered->setEnabled(steering && m_steer->canExplore());
  m_removeNeuron->setEnabled(steering && m_steer->rows().current() >= 0);
  m_undo->setEnabled(steering && m_steer->undo().canUndo());
  m_redo->setEnabled(steering && m_steer->undo().canRedo());
  m_undo->setText(m_undo->isEnabled() ? tr("&Undo: %1").arg(m_steer->undo().undoText()) : tr("&Undo"));
  m_redo->setText(m_redo->isEnabled() ? tr("&Redo: %1").arg(m_steer->undo().redoText()) : tr("&Redo"));
  m_find->setEnabled(exploring || steering);
  // As the buttons of the page.
  const bool training = open && m_page == Page::Experiments;
  TrainingPanel& panel = m_experiments->panel();
  const auto follow = [training](QAction* action, const QPushButton& button) {
    action->setEnabled(training && !button.isHidden() && button.isEnabled());
  };
  m_startTraining->setEnabled(training && m_experiments->form().startButton().isEnabled());
  follow(m_pauseTraining, panel.pauseButton());
  follow(m_exploreTraining, panel.exploreButton());
  follow(m_removeTraining, panel.removeButton());
  m_demo->setEnabled(!m_makingDemo);
}

void MainWindow::resetLayout() {
  Settings defaults;
  Settings now = m_settings;
  m_explore->storeSettings(now);
  now.thumbnailSide = defaults.thumbnailSide;
  now.exploreSplitter = defaults.exploreSplitter;
  now.columnWidths = defaults.columnWidths;
  m_experiments->storeSettings(now);
  now.experimentsSplitter = defaults.experimentsSplitter;
  now.resultsSplitter = defaults.resultsSplitter;
  now.hiddenTrainingColumns = defaults.hiddenTrainingColumns;
  m_scores->storeSettings(now);
  now.scoresSplitter = defaults.scoresSplitter;
  now.agreementSplitter = defaults.agreementSplitter;
  m_steer->storeSettings(now);
  now.steerSplitter = defaults.steerSplitter;
  now.steerImageSplitter = defaults.steerImageSplitter;
  now.steerTopSplitter = defaults.steerTopSplitter;
  now.steerAnswersSplitter = defaults.steerAnswersSplitter;
  m_settings = now;
  m_steer->applySettings(m_settings);
  m_explore->applySettings(m_settings);
  m_experiments->applySettings(m_settings);
  m_scores->applySettings(m_settings);
  m_sizes->actions().first()->setChecked(true);
  if (!isFullScreen() && !isMaximized()) resize(1360, 860);
}

void MainWindow::saveSettings() {
  if (!m_file) return;
  m_explore->storeSettings(m_settings);
  m_steer->storeSettings(m_settings);
  m_experiments->storeSettings(m_settings);
  m_scores->storeSettings(m_settings);
  m_settings.windowGeometry = saveGeometry();
  m_file->write(m_settings);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (m_jobStatus->running()) {
    QMessageBox box(QMessageBox::Question, tr("Sememe"), tr("Work is still running. Stop it and quit?"), QMessageBox::NoButton, this);
    box.setInformativeText(m_experiments->trainings().anyActive()
                               ? tr("A training is paused: its state is kept, and Resume on the Experiments page goes on from there.")
                               : tr("What is done is kept; the same work goes on from there the next time."));
    QPushButton* stop = box.addButton(tr("Stop and quit"), QMessageBox::AcceptRole);
    box.addButton(tr("Go on"), QMessageBox::RejectRole);
    box.exec();
    if (box.clickedButton() != stop) {
      event->ignore();
      return;
    }
    m_jobStatus->cancelAll();
  }
  m_explore->saveEdits();
  saveSettings();
  event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (!workspaceIn(event->mimeData()).isEmpty()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  const QString path = workspaceIn(event->mimeData());
  if (path.isEmpty()) return;
  event->acceptProposedAction();
  openWorkspace(path);
}

}  // namespace sememe
