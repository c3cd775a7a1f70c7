// The Experiments page: a form that starts trainings, their curves, and a table that compares them.
#pragma once

#include <QStackedWidget>
#include <QWidget>
#include <functional>

#include "ui/experiments/chart_board.h"
#include "ui/experiments/training_form.h"
#include "ui/experiments/training_list.h"
#include "ui/experiments/training_panel.h"
#include "ui/experiments/training_table.h"
#include "ui/models/workspace_summary.h"
#include "ui/settings/settings.h"
#include "ui/widgets/kept_splitter.h"

namespace sememe {

class ExperimentsPage : public QWidget {
  Q_OBJECT
 public:
  ExperimentsPage(const Theme& theme, JobRunner& runner, TrainingServices services, QWidget* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary);
  void clear();  // no workspace
  bool isFilled() const { return m_filled; }  // all that is known of the workspace is shown

  void focusFirst();  // where one begins: the table, or the form while there is nothing in it

  // Of the selected trainings.
  void pauseOrResume();
  void explore();
  void removeSelected();  // asks first

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

  TrainingForm& form() { return *m_form; }
  TrainingTable& table() { return *m_table; }
  TrainingList& trainings() { return *m_trainings; }
  ChartBoard& charts() { return *m_charts; }
  TrainingPanel& panel() { return *m_panel; }
  // Asks whether to remove; tests answer in the place of a person. True: yes.
  void setConfirm(std::function<bool(const QString& question, const QString& consequence, const QString& yes)> confirm) {
    m_confirm = std::move(confirm);
  }

 Q_SIGNALS:
  void filled();
  void actionsChanged();  // what can be done now
  void openWanted();
  void reloadWanted();
  void explored(const QString& workspace, qint64 run);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);

 private:
  QWidget* makeResults();
  void updateStates();
  void updatePanel();
  void contextMenu(const QPoint& global);
  bool ask(const QString& question, const QString& consequence, const QString& yes);

  const Theme& m_theme;
  WorkspaceSummary m_summary;
  bool m_filled = false;
  TrainingList* m_trainings;
  QStackedWidget* m_states;   // no workspace, nothing to train on, the page
  KeptSplitter* m_splitter;
  QStackedWidget* m_left;     // the form, or that there is nothing to train on
  TrainingForm* m_form;
  QStackedWidget* m_results;  // charts and table, or that there is no training yet
  KeptSplitter* m_resultsSplitter;
  ChartBoard* m_charts;
  TrainingPanel* m_panel;
  TrainingTable* m_table;
  std::function<bool(const QString&, const QString&, const QString&)> m_confirm;
};

}  // namespace sememe
