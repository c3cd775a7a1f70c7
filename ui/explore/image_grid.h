// The strongest images of a neuron, four by four: painted, walked with the keyboard, enlarged on demand.
#pragma once

#include <QScrollArea>
#include <QWidget>

#include "ui/models/neuron_loader.h"
#include "ui/theme/theme.h"

namespace sememe {

class ImageGrid : public QWidget {
  Q_OBJECT
 public:
  static constexpr int kColumns = 4;

  ImageGrid(const Theme& theme, const NeuronLoader& loader, QWidget* parent = nullptr);

  void setView(const NeuronViewPtr& view);  // null: empty; thumbnails that are not here yet stay blank
  const NeuronViewPtr& view() const { return m_view; }
  void setSide(int side);  // of an image, in pixels; 0: as large as fits
  int current() const { return m_current; }
  void setCurrent(int index);
  const GridImage* currentImage() const;
  QRect cell(int index) const;  // the image's square

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void currentChanged(int index);
  void activated(int index);  // enlarge it
  void contextMenuAt(int index, const QPoint& global);
  void painted(qint64 neuron);  // all its thumbnails (or their placeholders) are on the screen

 protected:
  void paintEvent(QPaintEvent*) override;
  void mousePressEvent(QMouseEvent*) override;
  void mouseDoubleClickEvent(QMouseEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void leaveEvent(QEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void contextMenuEvent(QContextMenuEvent*) override;
  bool event(QEvent*) override;

 private:
  int count() const { return m_view ? int(m_view->images.size()) : 0; }
  int captionHeight() const;
  int side() const;
  int sideFor(const QSize& room) const;
  int indexAt(const QPoint& position) const;
  void paintImage(QPainter& painter, int index, int side);

  const Theme& m_theme;
  const NeuronLoader& m_loader;
  NeuronViewPtr m_view;
  int m_fixedSide = 0;
  int m_current = 0;
  int m_hovered = -1;
};

}  // namespace sememe
