// The figure of sorted scores on the screen.
#include "ui/scores/score_chart.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <algorithm>

namespace sememe {

ScoreChart::ScoreChart(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setMouseTracking(true);
  setFocusPolicy(Qt::TabFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setAccessibleName(tr("Sorted monosemanticity scores"));
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ScoreChart::setFigure(ScoreFigure figure, const QString& emptyText) {
  m_figure = std::move(figure);
  m_emptyText = emptyText;
  QStringList said;
  for (const ScoreCurve& curve : m_figure.curves()) {
    if (!curve.sorted.empty())
      said << tr("%1: from %2 to %3").arg(curve.name).arg(curve.sorted.front(), 0, 'f', 3).arg(curve.sorted.back(), 0, 'f', 3);
  }
  setAccessibleDescription(said.join(QStringLiteral("; ")));
  update();
}

QRectF ScoreChart::area() const { return QRectF(rect()).adjusted(kUnit, kUnit, -kUnit, -kUnit); }

void ScoreChart::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  if (m_figure.isEmpty()) {
    painter.setPen(c.textMuted);
    painter.drawText(area(), Qt::AlignCenter | Qt::TextWordWrap, m_emptyText);
  } else {
    m_figure.paint(painter, area(), c, m_cursor);
  }
  if (hasFocus()) {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(c.accent, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
  }
}

void ScoreChart::moveCursor(std::optional<double> share) {
  m_cursor = share;
  update();
}

void ScoreChart::mouseMoveEvent(QMouseEvent* event) {
  const QRectF plot = m_figure.plot(area(), QFontMetricsF(font(), this));
  const double share = (event->position().x() - plot.left()) / plot.width();
  if (m_figure.isEmpty() || share < -0.02 || share > 1.02) return moveCursor({});
  moveCursor(std::clamp(share, 0.0, 1.0));
}

void ScoreChart::leaveEvent(QEvent*) { moveCursor({}); }

void ScoreChart::focusOutEvent(QFocusEvent* event) {
  if (!underMouse()) moveCursor({});
  QWidget::focusOutEvent(event);
}

void ScoreChart::keyPressEvent(QKeyEvent* event) {
  const double by = event->modifiers() & Qt::ControlModifier ? 0.1 : 0.01;
  switch (event->key()) {
    case Qt::Key_Left:
      return moveCursor(std::max(0.0, m_cursor.value_or(1) - by));
    case Qt::Key_Right:
      return moveCursor(std::min(1.0, m_cursor.value_or(0) + by));
    case Qt::Key_Home:
      return moveCursor(0.0);
    case Qt::Key_End:
      return moveCursor(1.0);
    case Qt::Key_Escape:
      if (m_cursor) return moveCursor({});
      break;
    default:
      break;
  }
  QWidget::keyPressEvent(event);
}

}  // namespace sememe
