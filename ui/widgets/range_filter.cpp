// A row that limits a number to a range.
#include "ui/widgets/range_filter.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLocale>
#include <QMouseEvent>
#include <QPainter>
#include <QStyle>
#include <algorithm>
#include <cmath>

namespace sememe {
namespace {
constexpr double kHandle = 7;       // radius in pixels
constexpr double kLogDecades = 5;
}  // namespace

RangeSlider::RangeSlider(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setFocusPolicy(Qt::StrongFocus);
  setCursor(Qt::PointingHandCursor);
  setMinimumWidth(64);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

QSize RangeSlider::sizeHint() const { return {120, 24}; }

void RangeSlider::setRange(double low, double high) {
  m_position[0] = std::clamp(low, 0.0, 1.0);
  m_position[1] = std::clamp(high, m_position[0], 1.0);
  update();
}

double RangeSlider::xOf(double position) const { return kHandle + 1 + position * (width() - 2 * kHandle - 2); }
double RangeSlider::positionAt(double x) const {
  return std::clamp((x - kHandle - 1) / std::max(1.0, width() - 2 * kHandle - 2), 0.0, 1.0);
}

void RangeSlider::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  const double y = height() / 2.0;
  painter.setBrush(c.track);
  painter.drawRoundedRect(QRectF(xOf(0), y - 2, xOf(1) - xOf(0), 4), 2, 2);
  const bool limited = m_position[0] > 0 || m_position[1] < 1;
  painter.setBrush(limited ? c.accent : c.lineStrong);
  painter.drawRoundedRect(QRectF(xOf(m_position[0]), y - 2, xOf(m_position[1]) - xOf(m_position[0]), 4), 2, 2);
  for (int i = 0; i < 2; ++i) {
    const QPointF center(xOf(m_position[i]), y);
    if (hasFocus() && i == m_active) {
      painter.setBrush(c.accentSoft);
      painter.drawEllipse(center, kHandle + 1, kHandle + 1);
    }
    painter.setBrush(c.raised);
    painter.setPen(QPen(hasFocus() && i == m_active ? c.accent : limited ? c.accent : c.textFaint, 1.5));
    painter.drawEllipse(center, kHandle - 1.5, kHandle - 1.5);
    painter.setPen(Qt::NoPen);
  }
}

void RangeSlider::move(int handle, double position) {
  const double before = m_position[handle];
  m_position[handle] = handle == 0 ? std::clamp(position, 0.0, m_position[1]) : std::clamp(position, m_position[0], 1.0);
  update();
  if (m_position[handle] != before) Q_EMIT moved(m_position[0], m_position[1]);
}

void RangeSlider::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  const double position = positionAt(event->position().x());
  const double toLow = std::abs(position - m_position[0]), toHigh = std::abs(position - m_position[1]);
  m_active = toLow < toHigh || (toLow == toHigh && position < m_position[0]) ? 0 : 1;
  if (m_position[0] == m_position[1] && m_position[1] == 1) m_active = 0;
  m_dragging = true;
  move(m_active, position);
}

void RangeSlider::mouseMoveEvent(QMouseEvent* event) {
  if (m_dragging) move(m_active, positionAt(event->position().x()));
}

void RangeSlider::mouseReleaseEvent(QMouseEvent*) { m_dragging = false; }

void RangeSlider::mouseDoubleClickEvent(QMouseEvent*) {
  setRange(0, 1);
  Q_EMIT moved(0, 1);
}

void RangeSlider::keyPressEvent(QKeyEvent* event) {
  const double step = event->modifiers() & Qt::ShiftModifier ? 0.1 : 0.01;
  switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Down: move(m_active, m_position[m_active] - step); break;
    case Qt::Key_Right:
    case Qt::Key_Up: move(m_active, m_position[m_active] + step); break;
    case Qt::Key_Home: move(m_active, 0); break;
    case Qt::Key_End: move(m_active, 1); break;
    default: QWidget::keyPressEvent(event);
  }
}

bool RangeSlider::focusNextPrevChild(bool next) {
  if (next == (m_active == 0)) {
    m_active = next ? 1 : 0;
    update();
    return true;
  }
  return QWidget::focusNextPrevChild(next);
}

void RangeSlider::focusInEvent(QFocusEvent* event) {
  if (event->reason() == Qt::TabFocusReason) m_active = 0;
  if (event->reason() == Qt::BacktabFocusReason) m_active = 1;
  QWidget::focusInEvent(event);
}

RangeFilter::RangeFilter(const Theme& theme, const QString& name, Scale scale, double factor, QWidget* parent)
    : QWidget(parent), m_scale(scale), m_factor(factor) {
  m_name = new QLabel(name);
  m_name->setProperty("role", QStringLiteral("muted"));
  m_slider = new RangeSlider(theme);
  m_slider->setAccessibleName(name);
  m_slider->setToolTip(tr("Drag a handle, or use the arrow keys. A double click removes the limits."));
  const auto field = [&](const QString& hint, const QString& accessible) {
    auto* edit = new QLineEdit;
    edit->setProperty("small", true);
    edit->setFixedWidth(fontMetrics().horizontalAdvance(QStringLiteral("0.00000")) + 12);
    edit->setAlignment(Qt::AlignHCenter);
    edit->setPlaceholderText(hint);
    edit->setAccessibleName(accessible);
    connect(edit, &QLineEdit::editingFinished, this, &RangeFilter::readFields);
    return edit;
  };
  m_low = field(tr("any"), tr("%1 at least").arg(name));
  m_high = field(tr("any"), tr("%1 at most").arg(name));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(kUnit);
  row->addWidget(m_name);
  row->addWidget(m_low);
  row->addWidget(m_slider, 1);
  row->addWidget(m_high);
  connect(m_slider, &RangeSlider::moved, this, [this](double low, double high) {
    setLimits(low > 0 ? std::optional(toValue(low)) : std::nullopt, high < 1 ? std::optional(toValue(high)) : std::nullopt);
  });
}

double RangeFilter::toPosition(double value) const {
  if (m_scale == Scale::Linear) return value;
  return value <= 0 ? 0 : std::clamp(1 + std::log10(value) / kLogDecades, 0.0, 1.0);
}

// Rounded, so that the field shows the limit itself: two decimals, or two digits on the log scale.
double RangeFilter::toValue(double position) const {
  if (m_scale == Scale::Linear) return std::round(position * 100) / 100;
  const double value = std::pow(10, (position - 1) * kLogDecades);
  const double unit = std::pow(10, std::floor(std::log10(value)) - 1);
  return std::round(value / unit) * unit;
}

void RangeFilter::setLimits(std::optional<double> minimum, std::optional<double> maximum) {
  if (minimum && maximum && *minimum > *maximum) std::swap(minimum, maximum);
  const bool differs = minimum != m_minimum || maximum != m_maximum;
  m_minimum = minimum;
  m_maximum = maximum;
  display();
  if (differs) Q_EMIT changed();
}

void RangeFilter::readFields() {
  bool bad = false;
  const auto read = [&](QLineEdit* field) -> std::optional<double> {
    QString text = field->text().trimmed();
    text.replace(QLatin1Char(','), QLatin1Char('.'));
    bool ok = true;
    const double value = text.isEmpty() ? 0 : text.toDouble(&ok) / m_factor;
    const bool invalid = !ok || !std::isfinite(value);
    bad |= invalid;
    if (field->property("invalid").toBool() != invalid) {
      field->setProperty("invalid", invalid);
      field->style()->polish(field);
    }
    return text.isEmpty() || invalid ? std::nullopt : std::optional(value);
  };
  const auto low = read(m_low), high = read(m_high);
  if (!bad) setLimits(low, high);
}

void RangeFilter::display() {
  const auto text = [&](const std::optional<double>& v) {
    return v ? QLocale::c().toString(*v * m_factor, 'g', 4) : QString();
  };
  for (const auto& [field, value] : {std::pair{m_low, m_minimum}, std::pair{m_high, m_maximum}}) {
    field->setText(text(value));
    field->setProperty("invalid", false);
    field->style()->polish(field);
  }
  m_slider->setRange(m_minimum ? toPosition(*m_minimum) : 0, m_maximum ? toPosition(*m_maximum) : 1);
}

}  // namespace sememe
