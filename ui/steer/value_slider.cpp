// The slider's scale, its painting and its hand.
#include "ui/steer/value_slider.h"

#include <QMouseEvent>
#include <QPainter>
#include <QScopedValueRollback>
#include <algorithm>
#include <cmath>

#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kPositions = 1000;  // from zero to the end of the scale that is farther
constexpr int kSnap = 14;         // so near to zero a hand means zero
constexpr double kHandle = 7;
constexpr double kTrack = 12;     // its middle, from the top

// Three digits that matter: what a hand can mean.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - 2);
  return std::round(value / unit) * unit;
}

}  // namespace

ValueSlider::ValueSlider(const Theme& theme, QWidget* parent) : QSlider(Qt::Horizontal, parent), m_theme(theme) {
  setFocusPolicy(Qt::StrongFocus);
  setSingleStep(10);
  setPageStep(100);
  setScale(-1, 1, true);
  connect(this, &QSlider::valueChanged, this, [this](int position) {
    if (m_quiet) return;
    m_number = rounded(valueOf(position));
    Q_EMIT numberMoved(m_number);
  });
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ValueSlider::setScale(double low, double high, bool linear) {
  const QScopedValueRollback quiet(m_quiet, true);
  m_low = low;
  m_high = high;
  m_linear = linear;
  setRange(positionOf(low), positionOf(high));
  setNumber(m_number);
  update();
}

void ValueSlider::setMarks(std::vector<Mark> marks) {
  m_marks = std::move(marks);
  QStringList lines;
  for (const Mark& m : m_marks) lines << QStringLiteral("%1: %2").arg(m.name, shortNumber(m.value, 4));
  setToolTip(lines.join(QLatin1Char('\n')));
  update();
}

void ValueSlider::setNumber(double value) {
  const QScopedValueRollback quiet(m_quiet, true);
  m_number = value;
  setValue(positionOf(value));
  update();
}

int ValueSlider::positionOf(double value) const {
  const double share = std::clamp(value, m_low, m_high) / std::max(std::abs(m_low), m_high);
  const double place = m_linear ? share : std::copysign(std::sqrt(std::abs(share)), share);
  return int(std::lround(place * kPositions));
}

double ValueSlider::valueOf(int position) const {
  const double place = double(position) / kPositions;
  const double share = m_linear ? place : std::copysign(place * place, place);
  return std::clamp(share * std::max(std::abs(m_low), m_high), m_low, m_high);
}

double ValueSlider::xOf(int position) const {
  const double share = double(position - minimum()) / std::max(1, maximum() - minimum());
  return kHandle + 1 + share * (width() - 2 * kHandle - 2);
}

QSize ValueSlider::sizeHint() const { return {240, int(kTrack + kHandle) + 4 + fontMetrics().height()}; }
QSize ValueSlider::minimumSizeHint() const { return {120, sizeHint().height()}; }

void ValueSlider::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  const double left = xOf(minimum()), right = xOf(maximum()), zero = xOf(0), at = xOf(sliderPosition());
  painter.setBrush(c.track);
  painter.drawRoundedRect(QRectF(left, kTrack - 2, right - left, 4), 2, 2);
  painter.setBrush(isEnabled() ? c.accent : c.lineStrong);
  painter.drawRoundedRect(QRectF(std::min(zero, at), kTrack - 2, std::abs(at - zero), 4), 2, 2);

  // Marks: zero, and those given; a name where none stands already.
  QFont small = font();
  small.setPointSizeF(small.pointSizeF() * 0.82);
  painter.setFont(small);
  const QFontMetricsF metrics(small);
  std::vector<QRectF> taken;
  const auto mark = [&](double value, const QString& name) {
    if (!std::isfinite(value) || value < m_low || value > m_high) return;
    const double x = xOf(positionOf(value));
    painter.setPen(QPen(c.textFaint, 1.25));
    painter.drawLine(QPointF(x, kTrack + 4), QPointF(x, kTrack + 9));
    const double w = metrics.horizontalAdvance(name);
    const QRectF box(std::clamp(x - w / 2, 0.0, std::max(0.0, width() - w)), kTrack + 9, w, metrics.height());
    const QRectF room = box.adjusted(-4, 0, 4, 0);
    if (std::any_of(taken.begin(), taken.end(), [&](const QRectF& other) { return other.intersects(room); })) return;
    taken.push_back(box);
    painter.setPen(c.textMuted);
    painter.drawText(box, Qt::AlignCenter, name);
  };
  for (const Mark& m : m_marks) mark(m.value, m.name);
  mark(0, QStringLiteral("0"));

  const QPointF center(at, kTrack);
  painter.setPen(Qt::NoPen);
  if (hasFocus()) {
    painter.setBrush(c.accentSoft);
    painter.drawEllipse(center, kHandle + 1, kHandle + 1);
  }
  painter.setBrush(c.raised);
  painter.setPen(QPen(isEnabled() ? c.accent : c.textFaint, 1.75));
  painter.drawEllipse(center, kHandle - 1, kHandle - 1);
}

void ValueSlider::moveTo(double x) {
  const double share = (x - kHandle - 1) / std::max(1.0, width() - 2 * kHandle - 2);
  int position = minimum() + int(std::lround(share * (maximum() - minimum())));
  if (std::abs(position) < kSnap) position = 0;
  setSliderPosition(position);
}

void ValueSlider::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return event->ignore();
  setSliderDown(true);
  moveTo(event->position().x());
}

void ValueSlider::mouseMoveEvent(QMouseEvent* event) {
  if (isSliderDown()) moveTo(event->position().x());
}

void ValueSlider::mouseReleaseEvent(QMouseEvent*) {
  if (!isSliderDown()) return;
  setSliderDown(false);
  Q_EMIT released();
}

void ValueSlider::keyReleaseEvent(QKeyEvent* event) {
  QSlider::keyReleaseEvent(event);
  if (!event->isAutoRepeat()) Q_EMIT released();
}

// The wheel scrolls the rows; a value under the pointer is not changed in passing.
void ValueSlider::wheelEvent(QWheelEvent* event) {
  if (hasFocus()) return QSlider::wheelEvent(event);
  event->ignore();
}

}  // namespace sememe
