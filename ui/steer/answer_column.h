// One of the answers side by side: who speaks, what is said as it comes, and which words differ from the original's.
#pragma once

#include <QLabel>
#include <QTextEdit>
#include <QTimer>
#include <QWidget>

#include "core/pipeline/steer.h"
#include "ui/theme/theme.h"

namespace sememe {

class AnswerColumn : public QWidget {
  Q_OBJECT
 public:
  // `explanation`: who speaks, in a line.
  AnswerColumn(const Theme& theme, const QString& title, const QString& explanation, bool accented, QWidget* parent = nullptr);

  void clear();
  // Another answer is on its way: what is there stays, muted, until its first piece comes.
  void await();
  void say(const QString& piece);
  void finish(const SpokenAnswer& answer);
  void breakOff();  // nothing more comes: stopped, overtaken or failed

  // What words are compared with; a null text: with nothing.
  void setOriginal(const QString& text);

  enum class State { Empty, Awaited, Speaking, Whole, Broken };
  State state() const { return m_state; }
  bool isStale() const { return m_stale; }  // what is shown answers an older wish
  QString text() const { return m_text; }
  QString status() const { return m_status->text(); }
  int changedWords() const { return m_changed; }
  QTextEdit& body() { return *m_body; }

 Q_SIGNALS:
  void textChanged();

 private:
  void showStatus();
  void draw();

  const Theme& m_theme;
  QString m_text, m_original;
  State m_state = State::Empty;
  bool m_stale = false;
  int m_changed = 0;
  Answer m_answer;
  QLabel* m_status;
  QTextEdit* m_body;
  QTimer m_redraw;  // pieces may come faster than a screen shows them
};

}  // namespace sememe
