// One image, as large as the window.
#include "ui/explore/image_viewer.h"

#include <QApplication>
#include <QKeyEvent>
#include <QLocale>
#include <QPainter>
#include <algorithm>

namespace sememe {
namespace {
constexpr int kSide = 7 * kUnit;  // room beside the image
}

ImageViewer::ImageViewer(const Theme& theme, NeuronLoader& loader, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_loader(loader) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Enlarged image"));
  hide();
  parent->installEventFilter(this);
}

void ImageViewer::open(const NeuronViewPtr& view, int index) {
  if (!view || index < 0 || index >= int(view->images.size())) return;
  m_view = view;
  if (!isVisible()) m_focusBefore = QApplication::focusWidget();
  setGeometry(parentWidget()->rect());
  raise();
  show();
  setFocus();
  goTo(index);
}

void ImageViewer::goTo(int index) {
  if (index < 0 || index >= int(m_view->images.size())) return;
  m_index = index;
  m_full = {};
  m_note.clear();
  const int generation = ++m_generation;
  m_loader.readFull(m_view->images[size_t(index)], this, [this, generation](const QImage& image, const QString& reason) {
    if (generation != m_generation) return;
    m_full = QPixmap::fromImage(image);
    if (image.isNull()) m_note = tr("%1 This is the stored thumbnail.").arg(reason);
    update();
    Q_EMIT fullImageShown();
  });
  update();
  Q_EMIT currentChanged(index);
}

void ImageViewer::closeViewer() {
  if (!isVisible()) return;
  ++m_generation;
  hide();
  m_full = {};
  if (m_focusBefore) m_focusBefore->setFocus();
  Q_EMIT closed();
}

QRect ImageViewer::button(int which) const {
  const int s = 5 * kUnit;
  if (which == 0) return {width() - s - kUnit, kUnit, s, s};
  return {which == 1 ? kUnit : width() - s - kUnit, (height() - s) / 2, s, s};
}

void ImageViewer::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHints(QPainter::Antialiasing | QPainter::SmoothPixmapTransform);
  painter.fillRect(rect(), m_theme.colors().veil);
  if (!m_view) return;
  // On the veil, which is dark in both themes.
  const QColor text(0xF2, 0xF4, 0xF6), muted(0xB9, 0xC1, 0xC8);
  const GridImage& image = m_view->images[size_t(m_index)];
  const int line = fontMetrics().height();
  const int footer = 3 * line + 5 * kUnit;

  const QPixmap pixmap = m_full.isNull() ? m_loader.thumbnail(image.image) : m_full;
  const QRectF room = QRectF(rect()).adjusted(kSide, 3 * kUnit, -kSide, -footer);
  if (!pixmap.isNull()) {
    QSizeF size = QSizeF(pixmap.size()).scaled(room.size(), Qt::KeepAspectRatio);
    // Small pictures are enlarged, but not to a blur.
    const double limit = 4.0 * pixmap.width();
    if (size.width() > limit) size *= limit / size.width();
    QRectF target(QPointF(), size);
    target.moveCenter(room.center());
    painter.drawPixmap(target, pixmap, QRectF(pixmap.rect()));
  } else {
    const int icon = 8 * kUnit;
    painter.drawPixmap((room.center() - QPointF(icon / 2, icon / 2)).toPoint(),
                       Theme::pixmap(QStringLiteral("image-off"), icon, muted, devicePixelRatioF()));
  }

  const auto write = [&](int row, const QColor& color, const QString& what) {
    painter.setPen(color);
    const QRect box(kSide, height() - footer + 2 * kUnit + row * (line + kUnit / 2), width() - 2 * kSide, line);
    painter.drawText(box, Qt::AlignHCenter | Qt::AlignVCenter, fontMetrics().elidedText(what, Qt::ElideMiddle, box.width()));
  };
  QString first = tr("%1 of %2    activation %3")
                      .arg(m_index + 1)
                      .arg(m_view->images.size())
                      .arg(QLocale::c().toString(double(image.activation), 'g', 5));
  if (!image.className.isEmpty()) first += tr("    class %1").arg(image.className);
  write(0, text, first);
  QString second = image.path.isEmpty() ? tr("image %1").arg(image.image) : image.path;
  if (!m_full.isNull()) second += QStringLiteral("    %1 × %2").arg(m_full.width()).arg(m_full.height());
  write(1, muted, second);
  if (!m_note.isEmpty()) write(2, QColor(0xF5, 0xC4, 0x6B), m_note);

  const char* icons[] = {"close", "left", "right"};
  for (int i = 0; i < 3; ++i) {
    if ((i == 1 && m_index == 0) || (i == 2 && m_index + 1 == int(m_view->images.size()))) continue;
    painter.drawPixmap(button(i).center() - QPoint(12, 12),
                       Theme::pixmap(QString::fromLatin1(icons[i]), 24, text, devicePixelRatioF()));
  }
}

void ImageViewer::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Up: goTo(m_index - 1); break;
    case Qt::Key_Right:
    case Qt::Key_Down: goTo(m_index + 1); break;
    case Qt::Key_Home: goTo(0); break;
    case Qt::Key_End: goTo(int(m_view->images.size()) - 1); break;
    case Qt::Key_Escape:
    case Qt::Key_Return:
    case Qt::Key_Enter:
    case Qt::Key_Space: closeViewer(); break;
    default: QWidget::keyPressEvent(event);
  }
}

void ImageViewer::mousePressEvent(QMouseEvent* event) {
  if (button(1).contains(event->pos())) return goTo(m_index - 1);
  if (button(2).contains(event->pos())) return goTo(m_index + 1);
  closeViewer();
}

bool ImageViewer::eventFilter(QObject* watched, QEvent* event) {
  if (watched == parentWidget() && event->type() == QEvent::Resize) setGeometry(parentWidget()->rect());
  return QWidget::eventFilter(watched, event);
}

}  // namespace sememe
