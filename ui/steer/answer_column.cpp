// One answer: its text, its marks, and how long it took.
#include "ui/steer/answer_column.h"

#include <QHBoxLayout>
#include <QScrollBar>
#include <QTextCursor>
#include <QVBoxLayout>

#include "ui/steer/word_difference.h"

namespace sememe {
namespace {

constexpr int kRedrawMs = 15;

QString seconds(double value) {
  return value < 0.9995 ? QObject::tr("%1 ms").arg(value * 1000, 0, 'f', value < 0.01 ? 1 : 0) : QObject::tr("%1 s").arg(value, 0, 'f', 1);
}

}  // namespace

AnswerColumn::AnswerColumn(const Theme& theme, const QString& title, const QString& explanation, bool accented, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_status(new QLabel), m_body(new QTextEdit) {
  auto* name = new QLabel(title);
  name->setProperty("role", accented ? QStringLiteral("accent") : QStringLiteral("title"));
  name->setToolTip(explanation);
  m_status->setProperty("role", QStringLiteral("muted"));
  m_status->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_status->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_body->setReadOnly(true);
  m_body->setFrameShape(QFrame::NoFrame);
  m_body->setProperty("bare", true);
  m_body->setAccessibleName(title);
  m_body->setTabChangesFocus(true);
  m_body->setUndoRedoEnabled(false);
  m_body->document()->setDocumentMargin(0);
  QFont font = m_body->font();
  font.setPointSizeF(font.pointSizeF() * 1.2);
  m_body->setFont(font);
  auto* head = new QHBoxLayout;
  head->setSpacing(kUnit);
  head->addWidget(name);
  head->addWidget(m_status, 1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(2 * kUnit, kUnit + 2, 2 * kUnit, kUnit);
  column->setSpacing(kUnit);
  column->addLayout(head);
  column->addWidget(m_body, 1);
  m_redraw.setSingleShot(true);
  m_redraw.setInterval(kRedrawMs);
  connect(&m_redraw, &QTimer::timeout, this, &AnswerColumn::draw);
  connect(&theme, &Theme::changed, this, &AnswerColumn::draw);
}

void AnswerColumn::clear() {
  m_text.clear();
  m_state = State::Empty;
  m_stale = false;
  showStatus();
  m_redraw.start();
  Q_EMIT textChanged();
}

void AnswerColumn::await() {
  m_state = State::Awaited;
  m_stale = !m_text.isEmpty();
  showStatus();
  m_redraw.start();
}

void AnswerColumn::say(const QString& piece) {
  if (m_state != State::Speaking) m_text.clear();
  m_state = State::Speaking;
  m_stale = false;
  m_text += piece;
  showStatus();
  if (!m_redraw.isActive()) m_redraw.start();
  Q_EMIT textChanged();
}

void AnswerColumn::finish(const SpokenAnswer& answer) {
  m_text = QString::fromStdString(answer.text);
  m_answer = answer.answer;
  m_state = State::Whole;
  m_stale = false;
  showStatus();
  if (!m_redraw.isActive()) m_redraw.start();
  Q_EMIT textChanged();
}

void AnswerColumn::breakOff() {
  if (m_state != State::Awaited && m_state != State::Speaking) return;
  m_state = m_text.isEmpty() ? State::Empty : State::Broken;
  showStatus();
  m_redraw.start();
}

void AnswerColumn::setOriginal(const QString& text) {
  if (text == m_original && text.isNull() == m_original.isNull()) return;
  m_original = text;
  if (!m_redraw.isActive()) m_redraw.start();
}

void AnswerColumn::showStatus() {
  switch (m_state) {
    case State::Empty: return m_status->clear();
    case State::Awaited: return m_status->setText(tr("thinking…"));
    case State::Speaking: return m_status->setText(tr("speaking…"));
    case State::Broken: return m_status->setText(m_stale ? tr("of the values before") : tr("stopped"));
    case State::Whole: break;
  }
  const double whole = m_answer.seconds.vision + m_answer.seconds.prefill + m_answer.seconds.decode;
  const int tokens = int(m_answer.tokens.size());
  QString text = (tokens == 1 ? tr("1 token") : tr("%1 tokens").arg(tokens)) + QStringLiteral("  ·  ") + seconds(whole);
  if (!m_answer.ended) text += QStringLiteral("  ·  ") + tr("cut off");
  m_status->setText(text);
  m_status->setToolTip(tr("Edit and vision tower %1, prompt %2, answer %3%4")
                           .arg(seconds(m_answer.seconds.vision), seconds(m_answer.seconds.prefill), seconds(m_answer.seconds.decode),
                                m_answer.ended ? QString() : tr("; it ends because of the limit of tokens")));
}

void AnswerColumn::draw() {
  const Colors& c = m_theme.colors();
  const bool atEnd = m_body->verticalScrollBar()->value() == m_body->verticalScrollBar()->maximum();
  QTextCharFormat plain;
  plain.setForeground(m_stale ? c.textFaint : c.text);
  QTextCharFormat marked = plain;
  if (!m_stale) {
    marked.setBackground(c.accentSoft);
    marked.setFontWeight(QFont::DemiBold);
  }
  std::vector<TextSpan> spans;
  if (!m_original.isNull() && !m_stale) spans = sememe::changedWords(m_original, m_text);
  m_changed = int(spans.size());
  m_body->document()->clear();
  QTextCursor cursor(m_body->document());
  int at = 0;
  for (const TextSpan& span : spans) {
    cursor.insertText(m_text.mid(at, span.start - at), plain);
    cursor.insertText(m_text.mid(span.start, span.length), marked);
    at = span.start + span.length;
  }
  cursor.insertText(m_text.mid(at), plain);
  QScrollBar* bar = m_body->verticalScrollBar();
  bar->setValue(atEnd && m_state == State::Speaking ? bar->maximum() : 0);
}

}  // namespace sememe
