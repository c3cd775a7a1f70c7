// Curves over the steps of trainings.
#include "ui/experiments/curve_chart.h"

#include <QKeyEvent>
#include <QLocale>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

namespace sememe {
namespace {

constexpr double kPad = 0.06;         // of the values' span, above and below
constexpr int kTickGap = 30;          // pixels between the numbers of the step axis, beside their own width
constexpr double kMarkRadius = 2.6;
constexpr int kMostRead = 8;          // runs in the read-out


}  // namespace

std::vector<QPolygonF> drawnStretches(const std::vector<QPointF>& line, const ChartAxis& x, const ChartAxis& y, const QRectF& plot) {
  std::vector<QPolygonF> stretches;
  QPolygonF now;
  // Of the column being gathered.
  double column = 0;
  QPointF first, low, high, last;
  bool gathering = false;
  const auto flush = [&] {
    if (!std::exchange(gathering, false)) return;
    now.append(first);
    const bool lowFirst = low.x() <= high.x();
    for (const QPointF& p : {lowFirst ? low : high, lowFirst ? high : low, last}) {
      if (p != now.last()) now.append(p);
    }
  };
  const auto end = [&] {
    flush();
    if (!now.isEmpty()) stretches.push_back(std::exchange(now, {}));
  };
  for (const QPointF& point : line) {
    const QPointF p(plot.left() + x.shareOf(point.x()) * plot.width(), plot.bottom() - y.shareOf(point.y()) * plot.height());
    if (!std::isfinite(p.x()) || !std::isfinite(p.y())) {
      end();
      continue;
    }
    if (!gathering || std::floor(p.x()) != column) {
      flush();
      column = std::floor(p.x());
      first = low = high = last = p;
      gathering = true;
      continue;
    }
    if (p.y() > low.y()) low = p;
    if (p.y() < high.y()) high = p;
    last = p;
  }
  end();
  return stretches;
}

CurveChart::CurveChart(const Theme& theme, const QString& measure, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_measure(measure) {
  setMouseTracking(true);
  setFocusPolicy(Qt::TabFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setAccessibleName(measure);
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

QSize CurveChart::sizeHint() const { return {300, 180}; }
QSize CurveChart::minimumSizeHint() const { return {150, 84}; }

void CurveChart::setSeries(std::vector<CurveSeries> series) {
  m_series = std::move(series);
  QStringList latest;
  for (const CurveSeries& s : m_series) {
    const auto point = pointAt(s, std::numeric_limits<double>::infinity(), s.line.empty());
    if (point) latest << tr("%1: %2 at step %3").arg(s.name, shortNumber(point->y(), 4), grouped(std::llround(point->x())));
  }
  setAccessibleDescription(latest.join(QStringLiteral("; ")));
  fitAxes();
  update();
}

void CurveChart::setLogarithmic(bool on) {
  m_logarithmic = on;
  fitAxes();
  update();
}

void CurveChart::setLimits(std::optional<double> low, std::optional<double> high) {
  m_low = low;
  m_high = high;
  fitAxes();
  update();
}

void CurveChart::setEmptyText(const QString& text) {
  m_emptyText = text;
  update();
}

bool CurveChart::isEmpty() const {
  return std::all_of(m_series.begin(), m_series.end(), [](const CurveSeries& s) {
    const auto gap = [](const QPointF& p) { return !std::isfinite(p.y()); };
    return std::all_of(s.line.begin(), s.line.end(), gap) && std::all_of(s.marks.begin(), s.marks.end(), gap);
  });
}

void CurveChart::fitAxes() {
  double right = 0, low = std::numeric_limits<double>::infinity(), high = -low;
  for (const CurveSeries& s : m_series) {
    for (const auto* points : {&s.line, &s.marks}) {
      for (const QPointF& p : *points) {
        right = std::max(right, p.x());
        if (!std::isfinite(p.y()) || (m_logarithmic && p.y() <= 0)) continue;
        low = std::min(low, p.y());
        high = std::max(high, p.y());
      }
    }
  }
  m_x = ChartAxis(0, std::max(right, 1.0));
  if (low > high) {
    m_y = ChartAxis(m_logarithmic ? 0.1 : m_low.value_or(0), m_high.value_or(1), m_logarithmic);
    return;
  }
  if (m_logarithmic) {
    const double pad = std::pow(high / low, kPad);
    m_y = ChartAxis(low / pad, high * pad, true);
    return;
  }
  if (low == 0 && high == 0) {
    m_y = ChartAxis(0, 1);
    return;
  }
  const double pad = (high - low) * kPad;
  // What is never negative begins at the axis itself.
  const double bottom = low >= 0 && low - pad < 0 ? 0 : low - pad;
  m_y = ChartAxis(std::max(bottom, m_low.value_or(bottom)), std::min(high + pad, m_high.value_or(high + pad)));
}

std::vector<Tick> CurveChart::yTicks() const {
  return m_y.ticks(std::clamp(int((height() - 1.5 * fontMetrics().height()) / (2.0 * fontMetrics().height())), 2, 8));
}

QRectF CurveChart::plot() const {
  int widest = 0;
  for (const Tick& tick : yTicks()) widest = std::max(widest, fontMetrics().horizontalAdvance(tick.text));
  const int text = fontMetrics().height();
  return QRectF(rect()).adjusted(widest + kUnit, text / 2.0, -1.5 * kUnit, -text - kUnit / 2.0);
}

QPointF CurveChart::pixelOf(const QPointF& point) const {
  const QRectF area = plot();
  return {area.left() + m_x.shareOf(point.x()) * area.width(), area.bottom() - m_y.shareOf(point.y()) * area.height()};
}

std::optional<QPointF> CurveChart::pointAt(const CurveSeries& series, double step, bool marks) {
  const std::vector<QPointF>& points = marks ? series.marks : series.line;
  const auto finite = [](const QPointF& p) { return std::isfinite(p.y()); };
  const auto after = std::lower_bound(points.begin(), points.end(), step, [](const QPointF& p, double x) { return p.x() < x; });
  // From there the nearest value on each side.
  const auto right = std::find_if(after, points.end(), finite);
  const auto left = std::find_if(std::make_reverse_iterator(after), points.rend(), finite);
  if (right == points.end() && left == points.rend()) return {};
  if (right == points.end()) {
    // Beyond the end by more than the distance between its points, the series has nothing to say.
    const double gap = points.size() > 1 ? (points.back().x() - points.front().x()) / double(points.size() - 1) : 1;
    if (std::isfinite(step) && step - left->x() > std::max(1.0, gap)) return {};
    return *left;
  }
  if (left == points.rend()) return *right;
  return step - left->x() < right->x() - step ? *left : *right;
}

QStringList CurveChart::readOut(double step) const {
  QStringList lines;
  std::optional<double> nearest;
  for (const CurveSeries& s : m_series) {
    auto point = pointAt(s, step);
    const bool marks = !point || s.line.empty();
    if (marks) point = pointAt(s, step, true);
    if (!point) continue;
    if (!nearest || std::abs(point->x() - step) < std::abs(*nearest - step)) nearest = point->x();
    QString line = tr("%1: %2").arg(s.name, shortNumber(point->y(), 4));
    if (!marks && !s.marks.empty()) {
      if (const auto held = pointAt(s, step, true)) line += tr(" (held out %1)").arg(shortNumber(held->y(), 4));
    }
    lines << line;
  }
  if (lines.isEmpty()) return {};
  lines.prepend(tr("Step %1").arg(grouped(std::llround(*nearest))));
  return lines;
}

void CurveChart::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  if (isEmpty()) {
    painter.setPen(c.textMuted);
    painter.drawText(rect().adjusted(kUnit, 0, -kUnit, -kUnit), Qt::AlignCenter | Qt::TextWordWrap, m_emptyText);
  } else {
    paintGrid(painter);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.save();
    painter.setClipRect(plot().adjusted(-3, -3, 3, 1.5));
    for (const bool strong : {false, true}) {
      for (const CurveSeries& s : m_series) {
        if (s.strong == strong) paintSeries(painter, s);
      }
    }
    painter.restore();
    paintCursor(painter);
  }
  if (hasFocus()) {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(c.accent, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
  }
}

void CurveChart::paintGrid(QPainter& painter) const {
  const Colors& c = m_theme.colors();
  const QRectF area = plot();
  const int text = fontMetrics().height();
  for (const Tick& tick : yTicks()) {
    const double y = std::round(area.bottom() - m_y.shareOf(tick.value) * area.height()) + 0.5;
    painter.setPen(QPen(c.line, 1));
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setPen(c.textMuted);
    painter.drawText(QRectF(0, y - text / 2.0, area.left() - kUnit * 0.75, text), Qt::AlignRight | Qt::AlignVCenter, tick.text);
  }
  const int widest = fontMetrics().horizontalAdvance(shortNumber(m_x.high(), 4));
  const int columns = std::clamp(int(area.width() / (widest + kTickGap)), 1, 8);
  for (const Tick& tick : m_x.ticks(columns)) {
    const double x = std::round(area.left() + m_x.shareOf(tick.value) * area.width()) + 0.5;
    painter.setPen(QPen(c.lineStrong, 1));
    painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 3));
    const double width = fontMetrics().horizontalAdvance(tick.text) + 2;
    const double left = std::min(x - width / 2, this->width() - width);
    painter.setPen(c.textMuted);
    painter.drawText(QRectF(left, area.bottom() + 4, width, text), Qt::AlignCenter, tick.text);
  }
  painter.setPen(QPen(c.lineStrong, 1));
  const double base = std::round(area.bottom()) + 0.5;
  painter.drawLine(QPointF(area.left(), base), QPointF(area.right(), base));
}

void CurveChart::paintSeries(QPainter& painter, const CurveSeries& series) const {
  const QColor color = m_theme.colors().series[size_t(series.color) % m_theme.colors().series.size()];
  const double width = series.strong ? 2.2 : 1.4;
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(color, width, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
  for (const QPolygonF& stretch : drawnStretches(series.line, m_x, m_y, plot())) {
    if (stretch.size() > 1) {
      painter.drawPolyline(stretch);
    } else {
      painter.drawEllipse(stretch.first(), width / 2, width / 2);
    }
  }
  painter.setPen(QPen(color, 1.2, Qt::DashLine));
  for (const QPolygonF& stretch : drawnStretches(series.marks, m_x, m_y, plot())) painter.drawPolyline(stretch);
  painter.setPen(QPen(m_theme.colors().panel, 1));
  painter.setBrush(color);
  for (const QPointF& mark : series.marks) {
    const QPointF p = pixelOf(mark);
    if (std::isfinite(p.x()) && std::isfinite(p.y())) painter.drawEllipse(p, kMarkRadius + 0.5, kMarkRadius + 0.5);
  }
}

void CurveChart::paintCursor(QPainter& painter) const {
  if (!m_cursor) return;
  const Colors& c = m_theme.colors();
  const QRectF area = plot();
  const double share = m_x.shareOf(*m_cursor);
  if (share < 0 || share > 1) return;
  const double x = std::round(area.left() + share * area.width()) + 0.5;
  painter.setPen(QPen(c.textFaint, 1));
  painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
  for (const CurveSeries& s : m_series) {
    const auto point = pointAt(s, *m_cursor, s.line.empty());
    if (!point) continue;
    const QPointF p = pixelOf(*point);
    if (!std::isfinite(p.y()) || !area.adjusted(-2, -2, 2, 2).contains(p)) continue;
    painter.setPen(QPen(c.panel, 1.5));
    painter.setBrush(c.series[size_t(s.color) % c.series.size()]);
    painter.drawEllipse(p, 4, 4);
  }
  if (m_hovered) paintReadOut(painter, x);
}

void CurveChart::paintReadOut(QPainter& painter, double x) const {
  QStringList lines = readOut(*m_cursor);
  if (lines.isEmpty()) return;
  std::vector<int> colors;
  for (const CurveSeries& s : m_series) {
    if (pointAt(s, *m_cursor) || pointAt(s, *m_cursor, true)) colors.push_back(s.color);
  }
  if (lines.size() > kMostRead + 1) {
    const auto more = lines.size() - 1 - kMostRead;
    lines = lines.mid(0, kMostRead + 1);
    lines << tr("… and %1 more").arg(more);
  }
  const Colors& c = m_theme.colors();
  const int line = fontMetrics().height() + 2, swatch = 10;
  int widest = 0;
  for (const QString& text : lines) widest = std::max(widest, fontMetrics().horizontalAdvance(text));
  QRectF box(0, 0, std::min<double>(widest + swatch + 4 * kUnit, width() - 4), line * lines.size() + kUnit);
  // Beside the cross-hair, on the side that has room.
  box.moveLeft(x + kUnit * 1.5);
  if (box.right() > width() - 2) box.moveRight(x - kUnit * 1.5);
  box.moveLeft(std::clamp(box.left(), 2.0, std::max(2.0, width() - 2 - box.width())));
  box.moveTop(2);
  painter.setPen(QPen(c.lineStrong, 1));
  painter.setBrush(c.raised);
  painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5);
  double y = box.top() + kUnit / 2.0;
  for (qsizetype i = 0; i < lines.size(); ++i, y += line) {
    const bool head = i == 0;
    double left = box.left() + kUnit;
    if (!head) {
      if (size_t(i - 1) < colors.size() && i <= kMostRead) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(c.series[size_t(colors[size_t(i - 1)]) % c.series.size()]);
        painter.drawRoundedRect(QRectF(left, y + line / 2.0 - 4, 8, 8), 2, 2);
      }
      left += swatch + kUnit / 2.0;
    }
    painter.setPen(head ? c.textMuted : c.text);
    const double room = box.right() - kUnit - left;
    // The value is what one looks for: where there is little room the name gives way.
    const qsizetype colon = head ? -1 : lines[i].lastIndexOf(QLatin1String(": "));
    const QString value = colon < 0 ? QString() : lines[i].mid(colon + 2);
    const double valueWidth = value.isEmpty() ? 0 : fontMetrics().horizontalAdvance(value) + kUnit;
    painter.drawText(QRectF(left, y, room - valueWidth, line), Qt::AlignLeft | Qt::AlignVCenter,
                     fontMetrics().elidedText(colon < 0 ? lines[i] : lines[i].left(colon), Qt::ElideMiddle, int(room - valueWidth)));
    painter.drawText(QRectF(left, y, room, line), Qt::AlignRight | Qt::AlignVCenter, value);
  }
}

void CurveChart::setCursorStep(std::optional<double> step) {
  if (step == m_cursor) return;
  m_cursor = step;
  m_hovered = false;
  update();
}

void CurveChart::moveCursor(std::optional<double> step) {
  m_cursor = step;
  m_hovered = step.has_value();
  update();
  Q_EMIT cursorMoved(step);
}

void CurveChart::mouseMoveEvent(QMouseEvent* event) {
  const QRectF area = plot();
  const double share = (event->position().x() - area.left()) / area.width();
  if (isEmpty() || share < -0.02 || share > 1.02) return moveCursor({});
  moveCursor(std::round(m_x.valueAt(std::clamp(share, 0.0, 1.0))));
}

void CurveChart::leaveEvent(QEvent*) { moveCursor({}); }

void CurveChart::mouseDoubleClickEvent(QMouseEvent*) { Q_EMIT activated(); }

void CurveChart::keyPressEvent(QKeyEvent* event) {
  const double span = m_x.high() - m_x.low();
  const double now = m_cursor.value_or(m_x.high());
  const double by = event->modifiers() & Qt::ControlModifier ? span / 10 : std::max(1.0, span / 100);
  switch (event->key()) {
    case Qt::Key_Left:
      return moveCursor(std::max(m_x.low(), std::round(now - by)));
    case Qt::Key_Right:
      return moveCursor(std::min(m_x.high(), std::round(now + by)));
    case Qt::Key_Home:
      return moveCursor(m_x.low());
    case Qt::Key_End:
      return moveCursor(m_x.high());
    case Qt::Key_Return:
    case Qt::Key_Enter:
      Q_EMIT activated();
      return;
    case Qt::Key_Escape:
      if (m_cursor) return moveCursor({});
      break;
    default:
      break;
  }
  QWidget::keyPressEvent(event);
}

void CurveChart::focusOutEvent(QFocusEvent* event) {
  if (!underMouse()) moveCursor({});
  QWidget::focusOutEvent(event);
}

}  // namespace sememe
