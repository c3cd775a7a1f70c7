// Every run's monosemanticity scores in a table, and the sorted scores of the chosen ones as the paper's figure.
#pragma once

#include <QPushButton>
#include <QStackedWidget>

#include "ui/jobs/job_runner.h"
#include "ui/models/workspace_summary.h"
#include "ui/scores/score_chart.h"
#include "ui/scores/score_table_model.h"
#include "ui/scores/score_view.h"
#include "ui/settings/settings.h"
#include "ui/widgets/kept_splitter.h"

namespace sememe {

class MonosemanticityView : public QWidget {
  Q_OBJECT
 public:
  MonosemanticityView(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary);
  void clear();
  bool isFilled() const { return m_filled; }
  void focusFirst() { m_table->setFocus(); }

  QTableView& table() { return *m_table; }
  ScoreChart& chart() { return *m_chart; }
  std::vector<ScoreRow> chosen() const;  // in the order of the table
  // Writes the chosen rows: .svg and .png the figure; .csv the table or, with `curves`, every score; .md the paper's table.
  void exportTo(const QString& file, bool curves);

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 Q_SIGNALS:
  void filled();
  void reloadWanted();
  void exploreWanted(qint64 run);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);
  void exported(const QString& sentence);

 private:
  QWidget* makeHead();
  void askExport(const QString& suggestion, const QString& filter, bool curves);
  void load();
  void chooseFirst();
  void readChosen();
  void explore(const QModelIndex& index);
  void finish();

  const Theme& m_theme;
  JobRunner& m_runner;
  std::filesystem::path m_path;
  bool m_filled = false;
  int m_generation = 0;       // of the table's reading
  int m_curveGeneration = 0;  // of the curves'
  QStackedWidget* m_states;   // nothing scored, chart and table
  KeptSplitter* m_splitter;
  ScoreTableModel* m_model;
  ScoreView* m_table;
  ScoreChart* m_chart;
  QPushButton* m_export;
};

}  // namespace sememe
