// The running job in the status bar: stage, bar, rate, time left, Cancel; and how it ended.
#pragma once

#include <QLabel>
#include <QPointer>
#include <QProgressBar>
#include <QPushButton>
#include <QWidget>
#include <vector>

#include "ui/jobs/job_runner.h"

namespace sememe {

class JobStatus : public QWidget {
  Q_OBJECT
 public:
  explicit JobStatus(QWidget* parent = nullptr);

  void add(Job* job);  // shown until it ends; of several, the first
  bool running() const { return !m_jobs.empty(); }
  QString text() const { return m_stage->text(); }
  void cancelAll();

 Q_SIGNALS:
  void ended(const QString& sentence);  // "Making the demo workspace: done"

 private:
  void display(const Progress& progress);
  void remove(Job* job, const QString& sentence);

  std::vector<QPointer<Job>> m_jobs;
  QLabel* m_stage;
  QProgressBar* m_bar;
  QLabel* m_numbers;
  QPushButton* m_cancel;
};

}  // namespace sememe
