// The paper's metric benchmark: how well MS, and any other metric of neurons, agrees with the people of its study.
#pragma once

#include <QLabel>
#include <QPointer>
#include <QPushButton>
#include <QStackedWidget>

#include "ui/jobs/job_runner.h"
#include "ui/scores/agreement_chart.h"
#include "ui/scores/agreement_inputs.h"
#include "ui/scores/agreement_table_model.h"
#include "ui/scores/score_view.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/kept_splitter.h"

namespace sememe {

// Needs no workspace. What was found stays shown until another comparison has succeeded.
class AgreementView : public QWidget {
  Q_OBJECT
 public:
  AgreementView(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary) { m_inputs->setRuns(summary); }
  void clear() { m_inputs->setRuns({}); }
  void focusFirst() { m_inputs->archive().setFocus(); }

  void compare();  // what the fields name; takes the place of a comparison that still runs
  bool isComparing() const { return !m_job.isNull(); }
  void exportTo(const QString& file, bool intervals);  // every metric as CSV, or every interval of each

  AgreementInputs& inputs() { return *m_inputs; }
  QTableView& table() { return *m_table; }
  AgreementChart& chart() { return *m_chart; }
  QLabel& figures() { return *m_figures; }
  const MetricBenchmarkResult& result() const { return m_result; }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 Q_SIGNALS:
  void compared();
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);
  void exported(const QString& sentence);

 protected:
  void dragEnterEvent(QDragEnterEvent*) override;
  void dropEvent(QDropEvent*) override;

 private:
  enum State { Nothing, Comparing, Found };

  QWidget* makeFound();
  void showResult(MetricBenchmarkResult result);
  void showFigures();
  void showChosen();
  void rest();  // no comparison runs any more
  void askExport(const QString& suggestion, bool intervals);

  const Theme& m_theme;
  JobRunner& m_runner;
  QPointer<Job> m_job;
  int m_generation = 0;
  MetricBenchmarkResult m_result;
  AgreementInputs* m_inputs;
  QStackedWidget* m_states;  // by State
  EmptyState* m_comparing;
  QLabel* m_figures;
  KeptSplitter* m_splitter;
  AgreementChart* m_chart;
  AgreementTableModel* m_model;
  ScoreView* m_table;
};

}  // namespace sememe
