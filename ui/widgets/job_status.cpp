// The running job in the status bar.
#include "ui/widgets/job_status.h"

#include <QHBoxLayout>
#include <QLocale>
#include <algorithm>

#include "ui/theme/theme.h"

namespace sememe {

JobStatus::JobStatus(QWidget* parent) : QWidget(parent) {
  m_stage = new QLabel;
  m_bar = new QProgressBar;
  m_bar->setTextVisible(false);
  m_bar->setFixedWidth(20 * kUnit);
  m_bar->setAccessibleName(tr("Progress"));
  m_numbers = new QLabel;
  m_numbers->setProperty("role", QStringLiteral("muted"));
  m_cancel = new QPushButton(tr("Cancel"));
  m_cancel->setProperty("small", true);
  m_cancel->setToolTip(tr("Stop; what is done is kept"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(kUnit, 2, kUnit, 2);
  row->setSpacing(kUnit + kUnit / 2);
  row->addWidget(m_stage);
  row->addWidget(m_bar, 0, Qt::AlignVCenter);
  row->addWidget(m_numbers);
  row->addWidget(m_cancel);
  connect(m_cancel, &QPushButton::clicked, this, [this] {
    if (m_jobs.empty() || !m_jobs.front()) return;
    m_jobs.front()->cancel();
    m_cancel->setEnabled(false);
    m_stage->setText(tr("Stopping…"));
  });
  hide();
}

void JobStatus::add(Job* job) {
  m_jobs.emplace_back(job);
  connect(job, &Job::progressed, this, [this, job](const Progress& p) {
    if (!m_jobs.empty() && m_jobs.front() == job) display(p);
  });
  connect(job, &Job::done, this, [this, job] { remove(job, tr("%1: done").arg(job->title())); });
  connect(job, &Job::cancelled, this, [this, job] {
    remove(job, job->isDiscarded() ? tr("%1: cancelled").arg(job->title()) : tr("%1: cancelled. What is done is kept.").arg(job->title()));
  });
  connect(job, &Job::failed, this, [this, job] { remove(job, tr("%1: failed").arg(job->title())); });
  if (m_jobs.size() > 1) return;
  display({.stage = job->title().toStdString()});
  m_cancel->setEnabled(true);
  show();
}

void JobStatus::display(const Progress& p) {
  if (m_cancel->isEnabled() || m_stage->text().isEmpty()) m_stage->setText(QString::fromStdString(p.stage));
  m_bar->setRange(0, p.total > 0 ? 1000 : 0);
  if (p.total > 0) m_bar->setValue(int(std::clamp(double(p.done) / double(p.total), 0.0, 1.0) * 1000));
  const QLocale english(QLocale::English);
  QStringList parts;
  if (p.total > 0) parts << tr("%1 of %2").arg(english.toString(qlonglong(p.done)), english.toString(qlonglong(p.total)));
  if (p.perSecond > 0) parts << tr("%1/s").arg(english.toString(p.perSecond, 'f', p.perSecond < 10 ? 1 : 0));
  if (p.secondsLeft >= 0) parts << tr("%1 left").arg(QString::fromStdString(formatSeconds(p.secondsLeft)));
  m_numbers->setText(parts.join(QStringLiteral("  ·  ")));
}

void JobStatus::remove(Job* job, const QString& sentence) {
  std::erase_if(m_jobs, [&](const QPointer<Job>& other) { return !other || other == job; });
  if (m_jobs.empty()) {
    hide();
    m_stage->clear();
  } else {
    m_cancel->setEnabled(true);
    display({.stage = m_jobs.front()->title().toStdString()});
  }
  Q_EMIT ended(sentence);
}

void JobStatus::cancelAll() {
  for (const QPointer<Job>& job : m_jobs) {
    if (job) job->cancel();
  }
}

}  // namespace sememe
