// The Hierarchy page: the groups of a Matryoshka SAE as columns, each neuron beside those that refine it.
#pragma once

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPointer>
#include <QStackedWidget>
#include <QTimer>
#include <QWidget>
#include <set>

#include "ui/hierarchy/hierarchy_column.h"
#include "ui/jobs/job_runner.h"
#include "ui/models/workspace_summary.h"
#include "ui/widgets/run_header.h"

namespace sememe {

class HierarchyPage : public QWidget {
  Q_OBJECT
 public:
  HierarchyPage(const Theme& theme, JobRunner& runner, ImageReader readImage, HierarchyReader reader, QWidget* parent = nullptr);

  // Read once the page is in view: it takes all of a run's latents. The run that is shown stays, with its labels and scores
  // read anew, where the summary has it as it was.
  void setWorkspace(const WorkspaceSummary& summary);
  void clear();
  bool isFilled() const { return m_filled; }
  void focusFirst();
  void setLabel(int64_t run, int64_t neuron, const QString& label);

  QComboBox& runs() { return *m_runs; }
  const std::vector<HierarchyColumn*>& columns() const { return m_columns; }
  QWidget& state() { return *m_states->currentWidget(); }

 Q_SIGNALS:
  void filled();
  void openWanted();
  void reloadWanted();
  void exploreWanted(qint64 run, qint64 neuron);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);

 protected:
  void showEvent(QShowEvent*) override;

 private:
  enum State { Closed, None, Reading, Stopped, Columns };
  bool shows(const WorkspaceSummary& summary) const;
  void fillRuns();
  void chooseRun();
  void read();
  void readRows();
  void arrange(std::shared_ptr<HierarchyNeurons> neurons);
  void follow(int group);  // what is selected there
  void step(int from, int columns);
  void fetch();
  void finishOnceFetched();
  void finish();
  void drop();

  const Theme& m_theme;
  JobRunner& m_runner;
  HierarchyReader m_reader;
  WorkspaceSummary m_summary;
  std::vector<RunChoice> m_choices;
  bool m_filled = false, m_wanted = false;  // to be read once in view
  int m_generation = 0, m_rowsGeneration = 0;
  QPointer<Job> m_job;
  NeuronLoader* m_loader;
  QTimer m_fetch;
  std::set<int64_t> m_missing;  // in view, asked for, not here yet
  std::shared_ptr<HierarchyNeurons> m_neurons;
  QStackedWidget* m_states;
  RunHeader* m_header;
  QComboBox* m_runs;
  QComboBox* m_encoders;
  QWidget* m_body;
  QHBoxLayout* m_row;
  std::vector<HierarchyColumn*> m_columns;
};

}  // namespace sememe
