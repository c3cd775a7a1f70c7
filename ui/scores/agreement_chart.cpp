// Agreement by interval, painted.
#include "ui/scores/agreement_chart.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr double kSwatch = 8;        // side of a mark
constexpr double kWidestStep = 28;   // between the marks of two metrics in one interval
constexpr double kBandShare = 0.72;  // of an interval's room for marks; the rest parts it from its neighbours

QString shareText(const AgreementShare& share) {
  if (share.pairs == 0) return QStringLiteral("–");
  return AgreementChart::tr("%1 % of %2").arg(QString::number(100 * share.share, 'f', 1), grouped(share.pairs));
}

AgreementShare shareAt(const Agreement& agreement, std::optional<int> interval) {
  if (!interval) return agreement.all;
  return size_t(*interval) < agreement.intervals.size() ? agreement.intervals[size_t(*interval)].agreement : AgreementShare();
}

// Colours come round after eight metrics, with squares in place of circles.
void paintMark(QPainter& painter, const Colors& colors, size_t metric, QPointF at) {
  const size_t count = colors.series.size();
  painter.setPen(QPen(colors.panel, 1.5));
  painter.setBrush(colors.series[metric % count]);
  const QRectF box(at.x() - kSwatch / 2, at.y() - kSwatch / 2, kSwatch, kSwatch);
  if (metric / count % 2 == 0) {
    painter.drawEllipse(box);
  } else {
    painter.drawRect(box);
  }
}

}  // namespace

AgreementChart::AgreementChart(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setMouseTracking(true);
  setFocusPolicy(Qt::TabFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setAccessibleName(tr("Agreement with people by the metric's difference"));
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void AgreementChart::setMetrics(std::vector<MetricBenchmarkResult::Metric> metrics, const QString& emptyText) {
  m_metrics = std::move(metrics);
  m_emptyText = emptyText;
  m_cursor.reset();
  m_intervals = 0;
  m_width = 0;
  bool equal = true;
  QStringList said;
  for (const MetricBenchmarkResult::Metric& metric : m_metrics) {
    const std::vector<AgreementInterval>& intervals = metric.agreement.intervals;
    m_intervals = std::max(m_intervals, int(intervals.size()));
    if (intervals.empty()) continue;
    const double width = intervals.front().to - intervals.front().from;
    if (m_width == 0) m_width = width;
    equal = equal && std::abs(width - m_width) < 1e-9;
    QStringList parts;
    for (const AgreementInterval& i : intervals)
      parts << tr("from %1 to %2 %3").arg(shortNumber(i.from), shortNumber(i.to), shareText(i.agreement));
    said << tr("%1: %2").arg(QString::fromStdString(metric.name), parts.join(QStringLiteral(", ")));
  }
  if (!equal) m_width = 0;
  setAccessibleDescription(said.join(QStringLiteral("; ")));
  update();
}

double AgreementChart::legendWidth() const {
  const QFontMetricsF metrics(font(), this);
  double widest = metrics.horizontalAdvance(tr("Difference %1 to %2").arg(QStringLiteral("0.00"), QStringLiteral("0.00")));
  for (const MetricBenchmarkResult::Metric& metric : m_metrics)
    widest = std::max(widest, metrics.horizontalAdvance(QString::fromStdString(metric.name)) +
                                  metrics.horizontalAdvance(QStringLiteral("100.0 % of 9,999")) + 3 * kUnit);
  return std::min(widest + kSwatch + 2 * kUnit, width() * 0.45);
}

QRectF AgreementChart::plot() const {
  const QFontMetricsF metrics(font(), this);
  const double text = metrics.height();
  return QRectF(rect()).adjusted(metrics.horizontalAdvance(QStringLiteral("100 %")) + text + 3 * kUnit, text / 2 + 2 * kUnit,
                                 -legendWidth() - 2 * kUnit, -2 * text - 2.5 * kUnit);
}

QString AgreementChart::intervalName(int interval) const {
  if (!sharesScale()) return tr("Interval %1").arg(interval + 1);
  return tr("Difference %1 to %2").arg(shortNumber(interval * m_width), shortNumber((interval + 1) * m_width));
}

void AgreementChart::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  const QRectF inner = plot();
  if (m_intervals == 0) {
    painter.setPen(c.textMuted);
    painter.drawText(QRectF(rect()).adjusted(kUnit, kUnit, -kUnit, -kUnit), Qt::AlignCenter | Qt::TextWordWrap, m_emptyText);
  } else if (inner.width() >= 40 && inner.height() >= 30) {
    paintAxes(painter, inner);
    paintPoints(painter, inner);
    paintLegend(painter, inner);
  }
  if (hasFocus()) {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(c.accent, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
  }
}

void AgreementChart::paintAxes(QPainter& painter, const QRectF& plot) const {
  const Colors& c = m_theme.colors();
  const QFontMetricsF metrics(font(), this);
  const double text = metrics.height(), band = plot.width() / m_intervals;
  if (m_cursor) painter.fillRect(QRectF(plot.left() + *m_cursor * band, plot.top(), band, plot.height()), c.hover);
  const ChartAxis y(0, 100);
  for (const Tick& tick : y.ticks(std::clamp(int(plot.height() / (2.4 * text)), 2, 10))) {
    const double at = std::round(plot.bottom() - y.shareOf(tick.value) * plot.height()) + 0.5;
    painter.setPen(QPen(tick.value == 0 ? c.lineStrong : c.line, 1));
    painter.drawLine(QPointF(plot.left(), at), QPointF(plot.right(), at));
    painter.setPen(c.textMuted);
    painter.drawText(QRectF(0, at - text / 2, plot.left() - kUnit, text), Qt::AlignRight | Qt::AlignVCenter,
                     tr("%1 %").arg(tick.text));
  }
  // What a coin would reach.
  const double chance = std::round(plot.center().y()) + 0.5;
  painter.setPen(QPen(c.textFaint, 1, Qt::DashLine));
  painter.drawLine(QPointF(plot.left(), chance), QPointF(plot.right(), chance));

  const double base = std::round(plot.bottom()) + 0.5;
  const int every = std::max(1, int(std::ceil(6 * metrics.horizontalAdvance(QLatin1Char('0')) / band)));
  for (int i = 0; i <= m_intervals; ++i) {
    const double x = std::round(plot.left() + i * band) + 0.5;
    painter.setPen(QPen(c.lineStrong, 1));
    painter.drawLine(QPointF(x, base), QPointF(x, base + 3));
    painter.setPen(c.textMuted);
    if (i % every != 0 || (i == m_intervals && !sharesScale())) continue;
    const double at = sharesScale() ? x : x + band / 2;
    painter.drawText(QRectF(at - 40, base + 4, 80, text), Qt::AlignCenter,
                     sharesScale() ? shortNumber(i * m_width) : QString::number(i + 1));
  }
  painter.setPen(c.text);
  painter.drawText(QRectF(plot.left(), base + 6 + text, plot.width(), text), Qt::AlignCenter,
                   sharesScale() ? tr("Difference of the metric between the two neurons")
                                 : tr("Interval of each metric's own difference, the smallest first"));
  painter.save();
  painter.translate(kUnit + text / 2, plot.center().y());
  painter.rotate(-90);
  painter.drawText(QRectF(-plot.height() / 2, -text / 2, plot.height(), text), Qt::AlignCenter, tr("Agreement with people"));
  painter.restore();
}

void AgreementChart::paintPoints(QPainter& painter, const QRectF& plot) const {
  const Colors& c = m_theme.colors();
  const double band = plot.width() / m_intervals, step = std::min(kWidestStep, kBandShare * band / double(m_metrics.size()));
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  for (size_t m = 0; m < m_metrics.size(); ++m) {
    const QColor color = c.series[m % c.series.size()];
    const double aside = (double(m) - double(m_metrics.size() - 1) / 2) * step, cap = std::min(4.0, step / 3);
    const auto pixel = [&](size_t interval, double share) {
      return QPointF(plot.left() + (double(interval) + 0.5) * band + aside, plot.bottom() - share * plot.height());
    };
    const std::vector<AgreementInterval>& intervals = m_metrics[m].agreement.intervals;
    QPolygonF joined;
    for (size_t i = 0; i < intervals.size(); ++i)
      if (intervals[i].agreement.pairs > 0) joined << pixel(i, intervals[i].agreement.share);
    QColor faint = color;
    faint.setAlphaF(0.35F);
    painter.setPen(QPen(faint, 1.2));
    painter.setBrush(Qt::NoBrush);
    painter.drawPolyline(joined);
    for (size_t i = 0; i < intervals.size(); ++i) {
      const AgreementShare& share = intervals[i].agreement;
      if (share.pairs == 0) continue;
      const QPointF low = pixel(i, share.low), high = pixel(i, share.high);
      painter.setPen(QPen(color, 1.6));
      painter.drawLine(low, high);
      for (const QPointF& end : {low, high}) painter.drawLine(end - QPointF(cap, 0), end + QPointF(cap, 0));
      paintMark(painter, c, m, pixel(i, share.share));
    }
  }
  painter.restore();
}

void AgreementChart::paintLegend(QPainter& painter, const QRectF& plot) const {
  const Colors& c = m_theme.colors();
  const QFontMetricsF metrics(font(), this);
  const double line = metrics.height() + 5, left = plot.right() + 2 * kUnit, right = width() - kUnit;
  const auto room = size_t(std::max(1.0, (plot.bottom() - plot.top() - line) / line));
  double y = plot.top();
  painter.setPen(c.textMuted);
  painter.drawText(QRectF(left, y, right - left, line), Qt::AlignLeft | Qt::AlignVCenter,
                   m_cursor ? intervalName(*m_cursor) : tr("All pairs"));
  y += line;
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  for (size_t i = 0; i < m_metrics.size(); ++i, y += line) {
    if (i + 1 == room && m_metrics.size() > room) {
      painter.setPen(c.textMuted);
      painter.drawText(QRectF(left, y, right - left, line), Qt::AlignLeft | Qt::AlignVCenter,
                       tr("… and %1 more").arg(m_metrics.size() - i));
      break;
    }
    paintMark(painter, c, i, {left + kSwatch / 2, y + line / 2});
    const QString value = shareText(shareAt(m_metrics[i].agreement, m_cursor));
    const double valueWidth = metrics.horizontalAdvance(value), nameLeft = left + kSwatch + kUnit;
    painter.setPen(c.text);
    painter.drawText(QRectF(right - valueWidth - 1, y, valueWidth + 1, line), Qt::AlignRight | Qt::AlignVCenter, value);
    const double nameWidth = right - valueWidth - kUnit - nameLeft;
    painter.drawText(QRectF(nameLeft, y, nameWidth, line), Qt::AlignLeft | Qt::AlignVCenter,
                     metrics.elidedText(QString::fromStdString(m_metrics[i].name), Qt::ElideMiddle, nameWidth));
  }
  painter.restore();
}

void AgreementChart::moveCursor(std::optional<int> interval) {
  m_cursor = m_intervals > 0 ? interval : std::nullopt;
  update();
}

void AgreementChart::mouseMoveEvent(QMouseEvent* event) {
  const QRectF inner = plot();
  const double share = (event->position().x() - inner.left()) / inner.width();
  if (share < 0 || share > 1) return moveCursor({});
  moveCursor(std::min(int(share * m_intervals), m_intervals - 1));
}

void AgreementChart::leaveEvent(QEvent*) { moveCursor({}); }

void AgreementChart::focusOutEvent(QFocusEvent* event) {
  if (!underMouse()) moveCursor({});
  QWidget::focusOutEvent(event);
}

void AgreementChart::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Left: return moveCursor(std::max(0, m_cursor.value_or(m_intervals) - 1));
    case Qt::Key_Right: return moveCursor(std::min(m_intervals - 1, m_cursor.value_or(-1) + 1));
    case Qt::Key_Home: return moveCursor(0);
    case Qt::Key_End: return moveCursor(m_intervals - 1);
    case Qt::Key_Escape:
      if (m_cursor) return moveCursor({});
      break;
    default: break;
  }
  QWidget::keyPressEvent(event);
}

}  // namespace sememe
