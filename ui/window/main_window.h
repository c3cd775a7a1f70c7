// The main window: menus, pages, messages, running work.
#pragma once

#include <QAction>
#include <QActionGroup>
#include <QMainWindow>
#include <QMenu>
#include <QStackedWidget>
#include <functional>
#include <optional>

#include "ui/experiments/experiments_page.h"
#include "ui/explore/explore_page.h"
#include "ui/hierarchy/hierarchy_page.h"
#include "ui/jobs/job_runner.h"
#include "ui/scores/scores_page.h"
#include "ui/settings/settings.h"
#include "ui/steer/steer_page.h"
#include "ui/theme/theme.h"
#include "ui/widgets/job_status.h"
#include "ui/widgets/message_bar.h"
#include "ui/window/page_bar.h"
#include "ui/window/start_page.h"

namespace sememe {

// What the window needs from outside: it never includes what uses LibTorch.
struct Services {
  ImageReader readImage;
  SubsetScorer scoreImages;
  // Makes the demo workspace in a folder and returns its file; on the compute lane. Throws Error, Cancelled.
  std::function<std::filesystem::path(const std::filesystem::path& folder, const std::stop_token&, const ProgressFn&)> makeDemo;
  HierarchyReader readHierarchy;
  TrainingServices training;
  SteeringServices steering;
  QString version;
};

class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  // `settings`: where to keep what is to be remembered; none: start from the defaults and remember nothing.
  MainWindow(Theme& theme, JobRunner& runner, Services services, std::optional<SettingsFile> settings);

  void openWorkspace(const QString& path);
  void closeWorkspace();
  void makeDemo(const QString& folder);
  QString workspacePath() const { return m_workspace; }  // empty: none is open

  void showPage(Page page);
  Page page() const { return m_page; }
  bool isPageFilled() const;  // the page in view shows all that it has

  ExplorePage& explore() { return *m_explore; }
  ExperimentsPage& experiments() { return *m_experiments; }
  SteerPage& steer() { return *m_steer; }
  ScoresPage& scores() { return *m_scores; }
  HierarchyPage& hierarchy() { return *m_hierarchy; }
  StartPage& startPage() { return *m_start; }
  bool showsStartPage() const { return m_pages->currentWidget() == m_start; }
  MessageBar& messages() { return *m_messages; }
  JobStatus& jobStatus() { return *m_jobStatus; }
  const Settings& settings() const { return m_settings; }

 Q_SIGNALS:
  void workspaceOpened();
  void openFailed(const sememe::JobFailure& failure);
  void pageFilled();

 protected:
  void closeEvent(QCloseEvent*) override;
  void dragEnterEvent(QDragEnterEvent*) override;
  void dropEvent(QDropEvent*) override;

 private:
  void makeFileMenu();
  void makeEditMenu();
  void makeViewMenu();
  void makeSteeringMenu();
  void makeTrainingMenu();
  void makeGoMenu();
  void makeHelpMenu();
  QAction* add(QMenu* menu, const QString& icon, const QString& text, const QList<QKeySequence>& keys, std::function<void()> run);
  QAction* addOnPage(QMenu* menu, const QString& icon, const QString& text, const QList<QKeySequence>& keys,
                     std::function<void()> run);

  void askWorkspace();
  void askDemo();
  void showSummary(const WorkspaceSummary& summary);
  void arrangePages();
  void exploreNeuron(qint64 run, qint64 neuron);
  void steerNeuron(const RunInfo& run, qint64 neuron);
  void showExplored(const QString& workspace, int64_t run);
  void updateRecent();
  void updateActions();
  void resetLayout();
  void listShortcuts();
  void saveSettings();

  Theme& m_theme;
  JobRunner& m_runner;
  Services m_services;
  std::optional<SettingsFile> m_file;
  Settings m_settings;
  QString m_workspace;
  Page m_page = Page::Explore;
  int64_t m_wantedRun = 0;  // to be shown by Explore once the workspace is read anew; 0: none
  int m_openGeneration = 0;
  bool m_makingDemo = false;

  QStackedWidget* m_pages;
  StartPage* m_start;
  ExplorePage* m_explore;
  SteerPage* m_steer;
  ExperimentsPage* m_experiments;
  ScoresPage* m_scores;
  HierarchyPage* m_hierarchy;
  PageBar* m_pageBar;
  MessageBar* m_messages;
  JobStatus* m_jobStatus;
  QLabel* m_path;  // of the open workspace
  QMenu* m_recent = nullptr;
  QActionGroup* m_themes = nullptr;
  QActionGroup* m_sizes = nullptr;
  QAction* m_close = nullptr;
  QAction* m_demo = nullptr;
  QList<QAction*> m_workspaceActions;  // need an open workspace
  QList<QAction*> m_exploreActions;    // need one, and the Explore page in view
  QList<QAction*> m_pageActions;       // need a neuron on the Explore page
  QAction* m_undo = nullptr;
  QAction* m_redo = nullptr;
  QAction* m_find = nullptr;
  QList<QAction*> m_steerActions;      // need a model on the Steer page
  QAction* m_steerNeuron = nullptr;    // from Explore
  QAction* m_stopAnswer = nullptr;
  QAction* m_removeNeuron = nullptr;
  QAction* m_exploreSteered = nullptr;
  QAction* m_startTraining = nullptr;
  QAction* m_pauseTraining = nullptr;
  QAction* m_exploreTraining = nullptr;
  QAction* m_removeTraining = nullptr;
};

}  // namespace sememe
