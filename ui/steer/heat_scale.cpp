// A name, and a strip from nothing to the strongest.
#include "ui/steer/heat_scale.h"

#include <QLinearGradient>
#include <QPainter>

#include "ui/steer/patch_canvas.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {
constexpr int kStrip = kUnit;
}

HeatScale::HeatScale(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void HeatScale::setRange(const QString& name, float strongest) {
  m_name = name;
  m_strongest = strongest;
  setAccessibleName(strongest > 0 ? tr("%1: activations from 0 to %2").arg(name, shortNumber(double(strongest), 4))
                                  : tr("%1 does not fire on this image").arg(name));
  update();
}

QSize HeatScale::sizeHint() const { return {200, fontMetrics().height() + kStrip + kUnit / 2}; }

void HeatScale::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  const QRect line(0, 0, width(), fontMetrics().height());
  if (!(m_strongest > 0)) {
    painter.setPen(c.textMuted);
    painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, fontMetrics().elidedText(accessibleName(), Qt::ElideRight, width()));
    return;
  }
  const QString most = shortNumber(double(m_strongest), 4);
  const int edge = fontMetrics().horizontalAdvance(most) + kUnit;
  painter.setPen(c.textMuted);
  painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("0"));
  painter.drawText(line, Qt::AlignRight | Qt::AlignVCenter, most);
  painter.setPen(c.text);
  painter.drawText(line.adjusted(edge, 0, -edge, 0), Qt::AlignCenter, fontMetrics().elidedText(m_name, Qt::ElideMiddle, width() - 2 * edge));

  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF strip(0.5, line.height() + kUnit / 4.0 + 0.5, width() - 1, kStrip);
  QLinearGradient colors(strip.topLeft(), strip.topRight());
  for (int i = 0; i <= 20; ++i) {
    QColor color = heatColor(i / 20.0);
    color.setAlpha(255);
    colors.setColorAt(i / 20.0, color);
  }
  painter.setPen(QPen(c.lineStrong, 1));
  painter.setBrush(colors);
  painter.drawRoundedRect(strip, 3, 3);
}

}  // namespace sememe
