// Draws the window to a file once its page is filled.
#include "app/desktop/screenshot.h"

#include <QApplication>
#include <QSaveFile>
#include <cstdio>

namespace sememe {
namespace {
constexpr int kPatienceMs = 60'000;
constexpr int kSettleMs = 150;  // layouts and the last repaints
}  // namespace

Screenshot::Screenshot(MainWindow& window, QString file, bool noWorkspace) : m_window(window), m_file(std::move(file)), m_noWorkspace(noWorkspace) {
  connect(&window, &MainWindow::openFailed, this,
          [this](const JobFailure& failure) { fail(failure.message + QStringLiteral(". ") + failure.advice); });
  connect(&window.explore(), &ExplorePage::failed, this, [this](const JobFailure& failure) { fail(failure.message); });
  connect(&window.experiments(), &ExperimentsPage::failed, this,
          [this](const QString& title, const JobFailure& failure) { fail(title + QStringLiteral(": ") + failure.message); });
  connect(&window.hierarchy(), &HierarchyPage::failed, this,
          [this](const QString& title, const JobFailure& failure) { fail(title + QStringLiteral(": ") + failure.message); });
  connect(&window.steer(), &SteerPage::failed, this,
          [this](const QString& title, const JobFailure& failure) { fail(title + QStringLiteral(": ") + failure.message); });
  connect(&window, &MainWindow::pageFilled, this, [this] { QTimer::singleShot(kSettleMs, this, &Screenshot::take); });
  if (noWorkspace) QTimer::singleShot(kSettleMs, this, &Screenshot::take);
  m_patience.setSingleShot(true);
  connect(&m_patience, &QTimer::timeout, this, [this] { fail(tr("the page was not filled within a minute")); });
  m_patience.start(kPatienceMs);
}

void Screenshot::take() {
  // Another neuron may have been asked for in between: then filled() comes again.
  if (m_ended || !m_window.isPageFilled() || (!m_noWorkspace && m_window.workspacePath().isEmpty())) return;
  const QPixmap picture = m_window.grab();
  QSaveFile file(m_file);
  if (!file.open(QIODevice::WriteOnly) || !picture.save(&file, "PNG") || !file.commit()) {
    fail(tr("the picture can not be written: %1 (%2)").arg(file.errorString(), m_file));
    return;
  }
  m_ended = true;
  QApplication::exit(0);
}

void Screenshot::fail(const QString& text) {
  if (m_ended) return;
  m_ended = true;
  std::fprintf(stderr, "error: %s\n", qUtf8Printable(text));
  QApplication::exit(1);
}

}  // namespace sememe
