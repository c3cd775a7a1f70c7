// Scores between 0 and 1, each as a name, a bar and a number.
#include "ui/widgets/score_bars.h"

#include <QLocale>
#include <QPainter>
#include <algorithm>
#include <cmath>

namespace sememe {

void paintBar(QPainter& painter, const QRectF& rect, double fraction, const QColor& fill, const QColor& track) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  const double radius = rect.height() / 2;
  painter.setBrush(track);
  painter.drawRoundedRect(rect, radius, radius);
  if (std::isfinite(fraction) && fraction > 0) {
    const double width = std::max(rect.height(), rect.width() * std::min(1.0, fraction));
    painter.setBrush(fill);
    painter.drawRoundedRect(QRectF(rect.topLeft(), QSizeF(width, rect.height())), radius, radius);
  }
  painter.restore();
}

ScoreBars::ScoreBars(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ScoreBars::setScores(std::vector<Score> scores) {
  const bool resized = scores.size() != m_scores.size();
  m_scores = std::move(scores);
  QStringList spoken;
  for (const Score& s : m_scores) spoken << QStringLiteral("%1 %2").arg(s.name, QLocale::c().toString(s.value, 'f', 3));
  setAccessibleName(spoken.join(QStringLiteral(", ")));
  if (resized) updateGeometry();
  update();
}

int ScoreBars::rowHeight() const { return fontMetrics().height() + 6 + 2 * kUnit; }
QSize ScoreBars::sizeHint() const { return {200, std::max(1, int(m_scores.size())) * rowHeight()}; }
QSize ScoreBars::minimumSizeHint() const { return {120, sizeHint().height()}; }

void ScoreBars::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  int y = 0;
  for (const Score& s : m_scores) {
    const QString number = std::isfinite(s.value) ? QLocale::c().toString(s.value, 'f', 3) : tr("no score");
    QFont font = this->font();
    painter.setFont(font);
    const int numberWidth = fontMetrics().horizontalAdvance(number) + 4;
    const QRect text(0, y, width(), fontMetrics().height());
    painter.setPen(c.text);
    painter.drawText(text.adjusted(0, 0, -numberWidth - kUnit, 0), Qt::AlignLeft | Qt::AlignVCenter,
                     fontMetrics().elidedText(s.name, Qt::ElideMiddle, width() - numberWidth - kUnit));
    painter.setPen(std::isfinite(s.value) ? c.text : c.textMuted);
    painter.drawText(text, Qt::AlignRight | Qt::AlignVCenter, number);
    QColor fill = c.accent;
    if (!s.chosen) fill.setAlphaF(0.55f);
    paintBar(painter, QRectF(0, y + text.height() + 4, width(), 6), s.value, fill, c.track);
    y += rowHeight();
  }
  if (m_scores.empty()) {
    painter.setPen(c.textMuted);
    painter.drawText(rect(), Qt::AlignLeft | Qt::AlignVCenter, tr("No encoder has scored this run."));
  }
}

}  // namespace sememe
