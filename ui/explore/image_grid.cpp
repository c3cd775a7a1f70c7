// The strongest images of a neuron, four by four.
#include "ui/explore/image_grid.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QLocale>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "ui/widgets/score_bars.h"

namespace sememe {
namespace {
constexpr int kMargin = 2 * kUnit;
constexpr int kGap = 2 * kUnit;
constexpr int kSmallest = 64, kLargest = 360;
constexpr double kRadius = 6;
}  // namespace

ImageGrid::ImageGrid(const Theme& theme, const NeuronLoader& loader, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_loader(loader) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAccessibleName(tr("Strongest images"));
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ImageGrid::setView(const NeuronViewPtr& view) {
  const bool sameNeuron = view && m_view && view->run == m_view->run && view->detail.row.neuron == m_view->detail.row.neuron;
  m_view = view;
  if (!sameNeuron) {
    m_current = 0;
    Q_EMIT currentChanged(m_current);
  }
  update();
}

void ImageGrid::setSide(int side) {
  m_fixedSide = side;
  updateGeometry();
  update();
}

void ImageGrid::setCurrent(int index) {
  if (index < 0 || index >= count() || index == m_current) return;
  m_current = index;
  update();
  Q_EMIT currentChanged(index);
}

const GridImage* ImageGrid::currentImage() const { return m_current < count() ? &m_view->images[size_t(m_current)] : nullptr; }

// A bar and a line of text under each image.
int ImageGrid::captionHeight() const { return 4 + kUnit + fontMetrics().height(); }

int ImageGrid::sideFor(const QSize& room) const {
  const int wide = (room.width() - 2 * kMargin - (kColumns - 1) * kGap) / kColumns;
  const int high = (room.height() - 2 * kMargin - (kColumns - 1) * kGap) / kColumns - captionHeight();
  return std::clamp(std::min(wide, high), kSmallest, kLargest);
}

int ImageGrid::side() const { return m_fixedSide > 0 ? m_fixedSide : sideFor(size()); }

QSize ImageGrid::minimumSizeHint() const {
  const int s = m_fixedSide > 0 ? m_fixedSide : kSmallest;
  return {kColumns * s + (kColumns - 1) * kGap + 2 * kMargin, kColumns * (s + captionHeight()) + (kColumns - 1) * kGap + 2 * kMargin};
}

QSize ImageGrid::sizeHint() const { return minimumSizeHint(); }

QRect ImageGrid::cell(int index) const {
  const int s = side();
  const int used = kColumns * s + (kColumns - 1) * kGap;
  const int left = std::max(kMargin, (width() - used) / 2);
  return {left + index % kColumns * (s + kGap), kMargin + index / kColumns * (s + captionHeight() + kGap), s, s};
}

int ImageGrid::indexAt(const QPoint& position) const {
  for (int i = 0; i < count(); ++i) {
    if (cell(i).adjusted(0, 0, 0, captionHeight()).contains(position)) return i;
  }
  return -1;
}

void ImageGrid::paintImage(QPainter& painter, int index, int s) {
  const Colors& c = m_theme.colors();
  const GridImage& image = m_view->images[size_t(index)];
  const QRect box = cell(index);
  const bool selected = index == m_current;

  if (selected) {
    painter.setPen(QPen(hasFocus() ? c.accent : c.lineStrong, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(box).adjusted(-4, -4, 4, 4), kRadius + 3, kRadius + 3);
  }
  painter.setPen(Qt::NoPen);
  painter.setBrush(c.track);
  const NeuronLoader::State state = m_loader.thumbnailState(image.image);
  const QPixmap pixmap = m_loader.thumbnail(image.image);
  if (state != NeuronLoader::State::Here) {
    painter.drawRoundedRect(box, kRadius, kRadius);
    if (state == NeuronLoader::State::Missing) {
      const int icon = std::min(40, s / 3);
      const QPixmap broken = Theme::pixmap(QStringLiteral("image-off"), icon, c.textMuted, devicePixelRatioF());
      painter.drawPixmap(box.center() - QPoint(icon / 2, icon / 2), broken);
    }
  } else {
    QSizeF size = QSizeF(pixmap.size()).scaled(box.size(), Qt::KeepAspectRatio);
    QRectF target(QPointF(), size);
    target.moveCenter(QRectF(box).center());
    if (target.width() < s - 1 || target.height() < s - 1) painter.drawRoundedRect(box, kRadius, kRadius);
    // As a brush: round corners with antialiased edges.
    QBrush brush(pixmap);
    brush.setTransform(QTransform::fromTranslate(target.left(), target.top())
                           .scale(target.width() / pixmap.width(), target.height() / pixmap.height()));
    painter.setBrush(brush);
    painter.drawRoundedRect(target, kRadius, kRadius);
  }
  if (index == m_hovered && !selected) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(c.accent, 1));
    painter.drawRoundedRect(QRectF(box).adjusted(-2.5, -2.5, 2.5, 2.5), kRadius + 2, kRadius + 2);
  }

  const double strongest = m_view->images.front().activation;
  const QRectF bar(box.left(), box.bottom() + 1 + 4, s, 3);
  paintBar(painter, bar, strongest > 0 ? image.activation / strongest : 0, c.accent, c.track);
  painter.setPen(selected ? c.text : c.textMuted);
  painter.drawText(QRectF(box.left(), bar.bottom() + 2, s, fontMetrics().height()), Qt::AlignHCenter | Qt::AlignVCenter,
                   QLocale::c().toString(double(image.activation), 'g', 4));
}

void ImageGrid::paintEvent(QPaintEvent*) {
  if (!m_view) return;
  QPainter painter(this);
  painter.setRenderHints(QPainter::Antialiasing | QPainter::SmoothPixmapTransform);
  const int s = side();
  bool whole = true;
  for (int i = 0; i < count(); ++i) {
    paintImage(painter, i, s);
    whole &= m_loader.thumbnailState(m_view->images[size_t(i)].image) != NeuronLoader::State::Waiting;
  }
  if (whole) Q_EMIT painted(m_view->detail.row.neuron);
}

void ImageGrid::mousePressEvent(QMouseEvent* event) {
  const int index = indexAt(event->pos());
  if (index >= 0) setCurrent(index);
}

void ImageGrid::mouseDoubleClickEvent(QMouseEvent* event) {
  const int index = indexAt(event->pos());
  if (index >= 0 && event->button() == Qt::LeftButton) Q_EMIT activated(index);
}

void ImageGrid::mouseMoveEvent(QMouseEvent* event) {
  const int index = indexAt(event->pos());
  if (index == m_hovered) return;
  m_hovered = index;
  update();
}

void ImageGrid::leaveEvent(QEvent*) {
  m_hovered = -1;
  update();
}

void ImageGrid::keyPressEvent(QKeyEvent* event) {
  const int last = count() - 1;
  switch (event->key()) {
    case Qt::Key_Left: setCurrent(m_current - 1); break;
    case Qt::Key_Right: setCurrent(m_current + 1); break;
    case Qt::Key_Up: setCurrent(m_current - kColumns); break;
    case Qt::Key_Down: setCurrent(m_current + kColumns); break;
    case Qt::Key_Home: setCurrent(0); break;
    case Qt::Key_End: setCurrent(last); break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
    case Qt::Key_Space:
      if (last >= 0) Q_EMIT activated(m_current);
      break;
    case Qt::Key_Menu:
      if (last >= 0) Q_EMIT contextMenuAt(m_current, mapToGlobal(cell(m_current).center()));
      break;
    default: QWidget::keyPressEvent(event);
  }
}

void ImageGrid::contextMenuEvent(QContextMenuEvent* event) {
  const int index = event->reason() == QContextMenuEvent::Mouse ? indexAt(event->pos()) : m_current;
  if (index < 0 || index >= count()) return;
  setCurrent(index);
  Q_EMIT contextMenuAt(index, event->reason() == QContextMenuEvent::Mouse ? event->globalPos() : mapToGlobal(cell(index).center()));
}

bool ImageGrid::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  auto* help = static_cast<QHelpEvent*>(event);
  const int index = indexAt(help->pos());
  if (index < 0) {
    QToolTip::hideText();
    return true;
  }
  const GridImage& image = m_view->images[size_t(index)];
  QStringList lines;
  lines << tr("Image %1").arg(image.image);
  if (!image.path.isEmpty()) lines << image.path;
  if (!image.className.isEmpty()) lines << tr("Class: %1").arg(image.className);
  lines << tr("Activation: %1").arg(QLocale::c().toString(double(image.activation), 'g', 7));
  QToolTip::showText(help->globalPos(), lines.join(QLatin1Char('\n')), this, cell(index));
  return true;
}

}  // namespace sememe
