// A bar above the page that says what failed and what to do next, until one puts it away.
#pragma once

#include <QFrame>
#include <QLabel>
#include <QPushButton>
#include <functional>

#include "ui/jobs/job_runner.h"
#include "ui/theme/theme.h"

namespace sememe {

class MessageBar : public QFrame {
  Q_OBJECT
 public:
  explicit MessageBar(const Theme& theme, QWidget* parent = nullptr);

  // `title`: what was being done. With `retry` a button does it again.
  void showFailure(const QString& title, const JobFailure& failure, std::function<void()> retry = {});
  QString text() const { return m_title->text() + QLatin1Char('\n') + m_text->text(); }

 private:
  void drawIcon();
  const Theme& m_theme;
  QLabel* m_icon;
  QLabel* m_title;
  QLabel* m_text;
  QPushButton* m_retry;
  std::function<void()> m_action;
};

}  // namespace sememe
