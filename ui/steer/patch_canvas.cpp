// An image, its patches, and a brush.
#include "ui/steer/patch_canvas.h"

#include <QApplication>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QLocale>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QStyleHints>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kMargin = 3;          // around the picture, for the line of the focus
constexpr double kSmallestCell = 5;  // pixels: below it the grid's lines would hide the image
constexpr int kVeil = 150;           // over what is not painted, of 255
const QColor kLight(255, 255, 255);  // on images, which are of any colour in both themes

}  // namespace

QColor heatColor(double share) {
  struct Stop {
    double at;
    int red, green, blue, alpha;
  };
  // Dark to light as matplotlib's "inferno", so that it reads without colours too; transparent where nothing fires.
  static constexpr std::array<Stop, 6> kStops{{{0, 40, 11, 84, 0}, {0.02, 40, 11, 84, 120}, {0.25, 101, 21, 110, 165},
                                              {0.5, 212, 72, 66, 190}, {0.75, 251, 155, 6, 205}, {1, 252, 255, 164, 220}}};
  if (!(share > 0)) return Qt::transparent;
  share = std::min(share, 1.0);
  const auto upper = std::find_if(kStops.begin() + 1, kStops.end(), [&](const Stop& s) { return share <= s.at; });
  const Stop &a = *(upper - 1), &b = *upper;
  const double t = (share - a.at) / (b.at - a.at);
  const auto mix = [&](int from, int to) { return int(std::lround(from + t * (to - from))); };
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue), mix(a.alpha, b.alpha)};
}

PatchCanvas::PatchCanvas(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
  setAccessibleName(tr("Patches of the image"));
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void PatchCanvas::setImage(const QImage& image, int rows, int columns) {
  if (image.isNull()) rows = columns = 0;
  const bool another = rows != m_rows || columns != m_columns;
  m_image = image;
  m_scaled = {};
  m_rows = rows;
  m_columns = columns;
  m_stroke = Stroke::None;
  if (another) {
    m_painted.assign(size_t(m_rows) * size_t(m_columns), false);
    m_cursor = m_rows / 2 * m_columns + m_columns / 2;
  }
  m_hovered = -1;
  setHeat({});
  describe();
}

std::vector<bool> PatchCanvas::mask() const {
  return std::find(m_painted.begin(), m_painted.end(), true) == m_painted.end() ? std::vector<bool>() : m_painted;
}

void PatchCanvas::setMask(const std::vector<bool>& mask) {
  m_stroke = Stroke::None;
  if (mask.size() == m_painted.size()) m_painted = mask;
  else m_painted.assign(m_painted.size(), false);
  describe();
  update();
}

void PatchCanvas::change(std::vector<bool> painted) {
  m_stroke = Stroke::None;
  if (painted == m_painted) return;
  m_painted = std::move(painted);
  describe();
  update();
  Q_EMIT maskChanged();
}

void PatchCanvas::clearMask() { change(std::vector<bool>(m_painted.size(), false)); }
void PatchCanvas::paintAll() { change(std::vector<bool>(m_painted.size(), true)); }
void PatchCanvas::invertMask() {
  std::vector<bool> painted = m_painted;
  painted.flip();
  change(std::move(painted));
}

void PatchCanvas::setHeat(const std::vector<float>& heat) {
  m_heat = heat.size() == m_painted.size() ? heat : std::vector<float>();
  m_heatImage = {};
  const double most = strongest();
  if (most > 0) {
    m_heatImage = QImage(m_columns, m_rows, QImage::Format_ARGB32);
    for (int i = 0; i < int(m_heat.size()); ++i)
      m_heatImage.setPixelColor(i % m_columns, i / m_columns, heatColor(double(m_heat[size_t(i)]) / most));
  }
  update();
}

float PatchCanvas::strongest() const { return m_heat.empty() ? 0 : std::max(0.0f, *std::max_element(m_heat.begin(), m_heat.end())); }

void PatchCanvas::setBrush(int side) {
  side = std::clamp(side, 1, kLargestBrush);
  if (side == m_brush) return;
  m_brush = side;
  update();
  Q_EMIT brushChanged(side);
}

// --- where things are

QRectF PatchCanvas::picture() const {
  if (m_image.isNull()) return {};
  const QRectF room = QRectF(rect()).adjusted(kMargin, kMargin, -kMargin, -kMargin);
  const QSizeF size = QSizeF(m_image.size()).scaled(room.size(), Qt::KeepAspectRatio);
  // On whole pixels, so that it is sharp.
  return QRectF(std::round(room.center().x() - size.width() / 2), std::round(room.center().y() - size.height() / 2),
                std::floor(size.width()), std::floor(size.height()));
}

QRectF PatchCanvas::cellsRect(const QRect& cells) const {
  const QRectF area = picture();
  const double wide = area.width() / m_columns, high = area.height() / m_rows;
  return {area.left() + cells.x() * wide, area.top() + cells.y() * high, cells.width() * wide, cells.height() * high};
}

QRectF PatchCanvas::patchRect(int patch) const { return cellsRect({patch % m_columns, patch / m_columns, 1, 1}); }

int PatchCanvas::nearestPatch(const QPointF& position) const {
  const QRectF area = picture();
  const int column = int(std::floor((position.x() - area.left()) * m_columns / area.width()));
  const int row = int(std::floor((position.y() - area.top()) * m_rows / area.height()));
  return std::clamp(row, 0, m_rows - 1) * m_columns + std::clamp(column, 0, m_columns - 1);
}

int PatchCanvas::patchAt(const QPointF& position) const {
  return m_painted.empty() || !picture().contains(position) ? -1 : nearestPatch(position);
}

QRect PatchCanvas::brushCells(int patch) const {
  const int before = (m_brush - 1) / 2;
  return QRect(patch % m_columns - before, patch / m_columns - before, m_brush, m_brush).intersected(QRect(0, 0, m_columns, m_rows));
}

// --- painting on it

void PatchCanvas::footprint(int patch, bool value) {
  const QRect cells = brushCells(patch);
  for (int row = cells.top(); row <= cells.bottom(); ++row)
    for (int column = cells.left(); column <= cells.right(); ++column) m_painted[size_t(row * m_columns + column)] = value;
}

// Along the line from the last position, so that a quick hand leaves no gaps.
void PatchCanvas::strokeTo(const QPointF& position) {
  const QRectF cell = patchRect(0);
  const QPointF way = position - m_last;
  const int steps = std::max(1, int(std::ceil(2 * std::max(std::abs(way.x()) / cell.width(), std::abs(way.y()) / cell.height()))));
  const std::vector<bool> before = m_painted;
  for (int i = 1; i <= steps; ++i) footprint(nearestPatch(m_last + way * i / steps), m_stroke == Stroke::Paint);
  m_last = position;
  m_cursor = nearestPatch(position);
  update();
  if (m_painted == before) return;
  describe();
  Q_EMIT maskChanging();
}

void PatchCanvas::beginStroke(Stroke stroke, const QPointF& position) {
  m_stroke = stroke;
  m_before = m_painted;
  m_last = position;
  strokeTo(position);
}

void PatchCanvas::endStroke() {
  m_stroke = Stroke::None;
  update();
  if (m_painted != m_before) Q_EMIT maskChanged();
}

void PatchCanvas::mousePressEvent(QMouseEvent* event) {
  const int patch = patchAt(event->position());
  if (m_stroke != Stroke::None || patch < 0 || (event->button() != Qt::LeftButton && event->button() != Qt::RightButton)) return;
  m_button = event->button();
  m_pressed = event->position();
  m_cursor = patch;
  if (m_button == Qt::RightButton || event->modifiers().testFlag(Qt::AltModifier)) beginStroke(Stroke::Erase, m_pressed);
  else m_stroke = Stroke::Pressed;
  update();
}

void PatchCanvas::mouseMoveEvent(QMouseEvent* event) {
  const int hovered = patchAt(event->position());
  if (m_stroke == Stroke::Pressed) {
    const bool left = nearestPatch(event->position()) != nearestPatch(m_pressed);
    const double far = (event->position() - m_pressed).manhattanLength();
    if ((left && far > 3) || far >= QApplication::styleHints()->startDragDistance()) beginStroke(Stroke::Paint, m_pressed);
  }
  if (m_stroke == Stroke::Paint || m_stroke == Stroke::Erase) strokeTo(event->position());
  if (hovered == m_hovered) return;
  m_hovered = hovered;
  setCursor(hovered >= 0 ? Qt::CrossCursor : Qt::ArrowCursor);
  update();
}

void PatchCanvas::mouseReleaseEvent(QMouseEvent* event) {
  if (m_stroke == Stroke::None || event->button() != m_button) return;
  if (m_stroke != Stroke::Pressed) return endStroke();
  m_stroke = Stroke::None;
  Q_EMIT patchClicked(nearestPatch(m_pressed));
}

void PatchCanvas::leaveEvent(QEvent*) {
  m_hovered = -1;
  update();
}

void PatchCanvas::wheelEvent(QWheelEvent* event) {
  if (patchAt(event->position()) < 0) return QWidget::wheelEvent(event);
  m_wheel += event->angleDelta().y();
  const int steps = m_wheel / QWheelEvent::DefaultDeltasPerStep;
  m_wheel -= steps * QWheelEvent::DefaultDeltasPerStep;
  setBrush(m_brush + steps);
  event->accept();
}

void PatchCanvas::moveCursor(int row, int column) {
  m_cursor = std::clamp(row, 0, m_rows - 1) * m_columns + std::clamp(column, 0, m_columns - 1);
  describe();
  update();
}

void PatchCanvas::keyPressEvent(QKeyEvent* event) {
  if (m_painted.empty()) return QWidget::keyPressEvent(event);
  const int row = m_cursor / m_columns, column = m_cursor % m_columns;
  const bool control = event->modifiers().testFlag(Qt::ControlModifier);
  switch (event->key()) {
    case Qt::Key_Left: return moveCursor(row, column - 1);
    case Qt::Key_Right: return moveCursor(row, column + 1);
    case Qt::Key_Up: return moveCursor(row - 1, column);
    case Qt::Key_Down: return moveCursor(row + 1, column);
    case Qt::Key_Home: return control ? moveCursor(0, 0) : moveCursor(row, 0);
    case Qt::Key_End: return control ? moveCursor(m_rows - 1, m_columns - 1) : moveCursor(row, m_columns - 1);
    case Qt::Key_Plus:
    case Qt::Key_Equal: return setBrush(m_brush + 1);
    case Qt::Key_Minus: return setBrush(m_brush - 1);
    case Qt::Key_Delete:
    case Qt::Key_Backspace: return clearMask();
    case Qt::Key_Return:
    case Qt::Key_Enter: Q_EMIT patchClicked(m_cursor); return;
    case Qt::Key_Space: {
      if (m_stroke == Stroke::Paint || m_stroke == Stroke::Erase) return;
      m_before = m_painted;
      footprint(m_cursor, !m_painted[size_t(m_cursor)]);
      describe();
      return endStroke();
    }
    case Qt::Key_Escape:
      if (m_stroke == Stroke::None) break;
      if (std::exchange(m_stroke, Stroke::None) != Stroke::Pressed && m_painted != m_before) {
        setMask(m_before);
        Q_EMIT maskChanging();
      }
      return;
    default:
      if (event->matches(QKeySequence::SelectAll)) return paintAll();
      if (control && event->key() == Qt::Key_I) return invertMask();
  }
  QWidget::keyPressEvent(event);
}

void PatchCanvas::focusOutEvent(QFocusEvent* event) {
  if (m_stroke == Stroke::Paint || m_stroke == Stroke::Erase) endStroke();
  m_stroke = Stroke::None;
  QWidget::focusOutEvent(event);
}

void PatchCanvas::describe() {
  if (m_painted.empty()) return setAccessibleDescription(tr("No image"));
  const auto painted = std::count(m_painted.begin(), m_painted.end(), true);
  setAccessibleDescription(tr("%1 by %2 patches, %3 painted; at row %4, column %5, %6")
                               .arg(m_rows).arg(m_columns).arg(painted).arg(m_cursor / m_columns + 1).arg(m_cursor % m_columns + 1)
                               .arg(m_painted[size_t(m_cursor)] ? tr("painted") : tr("not painted")));
}

bool PatchCanvas::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  auto* help = static_cast<QHelpEvent*>(event);
  const int patch = patchAt(help->pos());
  if (patch < 0) {
    QToolTip::hideText();
    return true;
  }
  QStringList lines{tr("Patch %1 (row %2, column %3)").arg(patch).arg(patch / m_columns + 1).arg(patch % m_columns + 1)};
  if (!m_heat.empty()) lines << tr("Activation: %1").arg(shortNumber(double(m_heat[size_t(patch)]), 4));
  lines << tr("Click: what fires here. Drag: paint; with Alt or the right button: erase.");
  QToolTip::showText(help->globalPos(), lines.join(QLatin1Char('\n')), this, patchRect(patch).toAlignedRect());
  return true;
}

// --- drawing

// Around what is painted: a light line on a dark one, seen on any image.
void PatchCanvas::paintOutline(QPainter& painter) const {
  const QRectF area = picture();
  const double wide = area.width() / m_columns, high = area.height() / m_rows;
  const auto at = [&](int row, int column) {
    return row >= 0 && row < m_rows && column >= 0 && column < m_columns && m_painted[size_t(row * m_columns + column)];
  };
  QPainterPath edges;
  for (int row = 0; row <= m_rows; ++row) {
    for (int column = 0; column <= m_columns; ++column) {
      const QPointF corner(area.left() + column * wide, area.top() + row * high);
      if (at(row, column) != at(row - 1, column)) {
        edges.moveTo(corner);
        edges.lineTo(corner + QPointF(wide, 0));
      }
      if (at(row, column) != at(row, column - 1)) {
        edges.moveTo(corner);
        edges.lineTo(corner + QPointF(0, high));
      }
    }
  }
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(QColor(0, 0, 0, 150), 3.5, Qt::SolidLine, Qt::SquareCap));
  painter.drawPath(edges);
  painter.setPen(QPen(darkColors().accent, 1.75, Qt::SolidLine, Qt::SquareCap));
  painter.drawPath(edges);
}

void PatchCanvas::paintEvent(QPaintEvent*) {
  if (m_image.isNull()) return;
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF area = picture();
  const double ratio = devicePixelRatioF();
  const QSize pixels = (area.size() * ratio).toSize();
  if (m_scaled.size() != pixels) {
    m_scaled = QPixmap::fromImage(m_image.scaled(pixels, Qt::IgnoreAspectRatio, Qt::SmoothTransformation));
    m_scaled.setDevicePixelRatio(ratio);
  }
  painter.drawPixmap(area.topLeft(), m_scaled);
  painter.setRenderHint(QPainter::SmoothPixmapTransform, false);  // patches have edges
  if (!m_heatImage.isNull()) {
    painter.fillRect(area, QColor(0, 0, 0, 70));
    painter.drawImage(area, m_heatImage);
  }
  if (m_painted.empty()) return;

  const bool masked = std::find(m_painted.begin(), m_painted.end(), true) != m_painted.end();
  if (masked) {
    QImage veil(m_columns, m_rows, QImage::Format_ARGB32);
    for (int i = 0; i < int(m_painted.size()); ++i)
      veil.setPixelColor(i % m_columns, i / m_columns, QColor(0, 0, 0, m_painted[size_t(i)] ? 0 : kVeil));
    painter.drawImage(area, veil);
  }
  const double cell = area.width() / m_columns;
  if (cell >= kSmallestCell && (hasFocus() || m_hovered >= 0)) {
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.setPen(QPen(QColor(255, 255, 255, 46), 1));
    for (int column = 1; column < m_columns; ++column) {
      const double x = area.left() + column * cell;
      painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
    }
    for (int row = 1; row < m_rows; ++row) {
      const double y = area.top() + row * area.height() / m_rows;
      painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    }
    painter.setRenderHint(QPainter::Antialiasing);
  }
  if (masked) paintOutline(painter);

  const auto box = [&](const QRectF& where, const QPen& pen) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(QColor(0, 0, 0, 140), pen.widthF() + 1.5));
    painter.drawRect(where);
    painter.setPen(pen);
    painter.drawRect(where);
  };
  const int centre = m_stroke == Stroke::Paint || m_stroke == Stroke::Erase ? m_cursor : m_hovered;
  if (centre >= 0) {
    if (m_brush > 1) box(cellsRect(brushCells(centre)), QPen(QColor(255, 255, 255, 190), 1, Qt::DashLine));
    box(patchRect(centre), QPen(kLight, 1));
  }
  if (hasFocus()) {
    box(patchRect(m_cursor), QPen(kLight, 2));
    painter.setPen(QPen(m_theme.colors().accent, 2));
    painter.drawRoundedRect(area.adjusted(-2, -2, 2, 2), 2, 2);
  }
}

}  // namespace sememe
