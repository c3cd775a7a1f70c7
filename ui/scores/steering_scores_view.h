// The paper's steering score, neuron by neuron: what LLaVA says under each, and how well that fits it.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QPointer>
#include <QPushButton>
#include <QStackedWidget>

#include "core/store/runs.h"
#include "ui/jobs/job_runner.h"
#include "ui/models/workspace_summary.h"
#include "ui/scores/score_view.h"
#include "ui/scores/steering_score_form.h"
#include "ui/scores/steering_table_model.h"

namespace sememe {

class SteeringScoresView : public QWidget {
  Q_OBJECT
 public:
  SteeringScoresView(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary);
  void clear();
  bool isFilled() const { return m_filled; }
  void focusFirst();
  // What the form begins with: the demo's models (may be empty), and the model that was steered last.
  void setDemo(const SteeringModelParams& demo) { m_offer.demo = demo; }
  void setModel(const QString& model) { m_offer.model = model; }
  void setLabel(int64_t run, int64_t neuron, const QString& label);

  QComboBox& sets() { return *m_sets; }
  QTableView& table() { return *m_table; }
  QLabel& figures() { return *m_figures; }
  QPushButton& scoreButton() { return *m_score; }
  SteeringScoreOffer offer() const;
  void score(const SteeringScoreParams& params);  // in the background; its set is shown when it is there
  void exportTo(const QString& file);  // the table, as steering_scores.csv
  void removeSet();                    // the one that is shown, without asking

 Q_SIGNALS:
  void filled();
  void reloadWanted();
  void exploreWanted(qint64 run, qint64 neuron);
  void steerWanted(const sememe::RunInfo& run, qint64 neuron);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);
  void exported(const QString& sentence);

 private:
  struct Entry {
    SteeringScoreSet set;
    RunInfo run;
  };

  QWidget* makeHead();
  void load();
  void askScore();
  void updateButtons();
  void showSet();
  void showFigures(const Entry& entry);
  void askExport();
  void askRemove();
  void explore(const QModelIndex& index);
  void openMenu(const QPoint& at);
  void finish();
  const Entry* current() const;
  static QString title(const Entry& entry);

  const Theme& m_theme;
  JobRunner& m_runner;
  std::filesystem::path m_path;
  bool m_readOnly = false;
  bool m_filled = false;
  int m_generation = 0;     // of the list's reading
  int m_setGeneration = 0;  // of the shown set's
  std::vector<Entry> m_entries;
  SteeringScoreOffer m_offer;
  QPointer<Job> m_scoring;
  int64_t m_wanted = 0;     // set to be shown once it is read
  QStackedWidget* m_states;  // nothing scored, the table
  QComboBox* m_sets;
  QLabel* m_figures;
  SteeringTableModel* m_model;
  ScoreView* m_table;
  QPushButton *m_score, *m_remove;
};

}  // namespace sememe
