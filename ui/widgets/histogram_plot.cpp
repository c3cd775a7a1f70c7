// A histogram, painted.
#include "ui/widgets/histogram_plot.h"

#include <QLocale>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <cmath>

namespace sememe {

HistogramPlot::HistogramPlot(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setMouseTracking(true);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(tr("Histogram of the activations"));
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

QSize HistogramPlot::sizeHint() const { return {240, 15 * kUnit + fontMetrics().height()}; }

void HistogramPlot::setData(std::vector<int64_t> counts, double minimum, double maximum) {
  m_counts = std::move(counts);
  m_minimum = minimum;
  m_maximum = maximum;
  m_largest = m_counts.empty() ? 0 : *std::max_element(m_counts.begin(), m_counts.end());
  m_hovered = -1;
  update();
}

void HistogramPlot::setLogarithmic(bool on) {
  m_logarithmic = on;
  update();
}

QRectF HistogramPlot::plot() const {
  return QRectF(rect()).adjusted(0, fontMetrics().height() + 2, -1, -fontMetrics().height() - 6);
}

double HistogramPlot::heightOf(int64_t count) const {
  if (count <= 0 || m_largest <= 0) return 0;
  // One step above zero at a count of one, so that a single image is seen.
  return m_logarithmic ? (std::log10(double(count)) + 0.4) / (std::log10(double(m_largest)) + 0.4)
                       : double(count) / double(m_largest);
}

int HistogramPlot::barAt(double x) const {
  const QRectF area = plot();
  if (m_counts.empty() || x < area.left() || x >= area.right()) return -1;
  return std::clamp(int((x - area.left()) / area.width() * double(m_counts.size())), 0, int(m_counts.size()) - 1);
}

QString HistogramPlot::textAt(int x) const {
  const int bar = barAt(x);
  if (bar < 0) return {};
  const double step = (m_maximum - m_minimum) / double(m_counts.size());
  const auto number = [](double v) { return QLocale::c().toString(v, 'g', 4); };
  return tr("%1 – %2: %n image(s)", nullptr, int(m_counts[size_t(bar)]))
      .arg(number(m_minimum + bar * step), number(m_minimum + (bar + 1) * step));
}

void HistogramPlot::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  painter.setPen(c.textMuted);
  const QRectF area = plot();
  if (m_counts.empty() || m_largest == 0) {
    painter.drawText(rect(), Qt::AlignCenter, tr("No activations"));
    return;
  }
  const QLocale english(QLocale::English);
  painter.drawText(QRectF(0, 0, width(), area.top()), Qt::AlignLeft | Qt::AlignTop,
                   tr("up to %1 images").arg(english.toString(qlonglong(m_largest))));
  const auto number = [](double v) { return QLocale::c().toString(v, 'g', 3); };
  const QRectF below(0, area.bottom() + 4, width(), height() - area.bottom() - 4);
  painter.drawText(below, Qt::AlignLeft | Qt::AlignTop, number(m_minimum));
  painter.drawText(below, Qt::AlignRight | Qt::AlignTop, number(m_maximum));
  painter.drawText(below, Qt::AlignHCenter | Qt::AlignTop, tr("activation"));

  painter.setPen(QPen(c.line, 1, Qt::DotLine));
  for (const double share : {0.0, 0.5}) {
    const double y = std::round(area.top() + area.height() * share) + 0.5;
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
  }
  painter.setPen(Qt::NoPen);
  const double step = area.width() / double(m_counts.size());
  const double gap = step > 4 ? 1 : 0;
  for (size_t i = 0; i < m_counts.size(); ++i) {
    const double h = area.height() * heightOf(m_counts[i]);
    const double left = std::round(area.left() + double(i) * step), right = std::round(area.left() + double(i + 1) * step);
    if (int(i) == m_hovered) painter.fillRect(QRectF(left, area.top(), right - left, area.height()), c.hover);
    if (h <= 0) continue;
    QColor fill = c.accent;
    if (int(i) != m_hovered) fill.setAlphaF(0.8f);
    painter.fillRect(QRectF(left, area.bottom() - h, right - left - gap, h), fill);
  }
  painter.setPen(c.lineStrong);
  const double base = std::round(area.bottom()) + 0.5;
  painter.drawLine(QPointF(area.left(), base), QPointF(area.right(), base));
}

void HistogramPlot::mouseMoveEvent(QMouseEvent* event) {
  const int bar = barAt(event->position().x());
  if (bar == m_hovered) return;
  m_hovered = bar;
  update();
  QToolTip::showText(event->globalPosition().toPoint(), textAt(int(event->position().x())), this);
}

void HistogramPlot::leaveEvent(QEvent*) {
  m_hovered = -1;
  update();
}

}  // namespace sememe
