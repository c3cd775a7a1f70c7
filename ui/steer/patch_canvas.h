// An image cut into patches: painted on with the mouse or the keyboard, and overlaid with what a neuron says of each patch.
#pragma once

#include <QImage>
#include <QPixmap>
#include <QPointer>
#include <QWidget>
#include <vector>

#include "ui/theme/theme.h"

namespace sememe {

// The colour of a share 0 … 1 of the strongest activation over an image: translucent, and nothing at 0.
QColor heatColor(double share);

// A click picks a patch; a drag with the left button paints, with the right button or Alt erases, both with a square brush.
// Keys: arrows, Home, End move the cursor, Space paints or erases under it, Enter picks, Delete clears, Ctrl+A paints all,
// Ctrl+I inverts, + and − (and the wheel) change the brush, Escape takes a stroke back while it is drawn.
class PatchCanvas : public QWidget {
  Q_OBJECT
 public:
  static constexpr int kLargestBrush = 9;  // patches along its side

  explicit PatchCanvas(const Theme& theme, QWidget* parent = nullptr);

  // Another grid than before forgets the mask; the heat is forgotten always. A null image: nothing is shown.
  void setImage(const QImage& image, int rows, int columns);
  bool hasImage() const { return !m_image.isNull(); }
  int rows() const { return m_rows; }
  int columns() const { return m_columns; }

  // Which patches are painted, [rows · columns] in rows from the top left. Empty: none is, which stands for the whole image.
  std::vector<bool> mask() const;
  void setMask(const std::vector<bool>& mask);  // of another size: none; says nothing
  void clearMask();                             // these three say maskChanged, where it changes
  void paintAll();
  void invertMask();

  // One value for each patch, drawn in heatColor() from 0 to their maximum; empty, or of another size: none.
  void setHeat(const std::vector<float>& heat);
  bool hasHeat() const { return !m_heat.empty(); }
  float strongest() const;  // of the heat; 0 without one

  int brush() const { return m_brush; }
  void setBrush(int side);  // kept within 1 … kLargestBrush
  int cursorPatch() const { return m_cursor; }
  QRectF patchRect(int patch) const;  // where it is drawn

  QSize sizeHint() const override { return {320, 320}; }
  QSize minimumSizeHint() const override { return {160, 160}; }

 Q_SIGNALS:
  void maskChanging();           // while a stroke is drawn
  void maskChanged();            // once, when a stroke or another change is complete
  void patchClicked(int patch);
  void brushChanged(int side);

 protected:
  void paintEvent(QPaintEvent*) override;
  void mousePressEvent(QMouseEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void mouseReleaseEvent(QMouseEvent*) override;
  void leaveEvent(QEvent*) override;
  void wheelEvent(QWheelEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void focusOutEvent(QFocusEvent*) override;
  bool event(QEvent*) override;

 private:
  enum class Stroke { None, Pressed, Paint, Erase };  // Pressed: a click, as long as the pointer stays

  QRectF picture() const;                           // where the image is drawn
  int patchAt(const QPointF& position) const;       // −1: outside
  int nearestPatch(const QPointF& position) const;  // inside or not
  void footprint(int patch, bool value);
  void strokeTo(const QPointF& position);
  void beginStroke(Stroke stroke, const QPointF& position);
  void endStroke();
  void change(std::vector<bool> painted);
  void moveCursor(int row, int column);
  void describe();
  QRect brushCells(int patch) const;
  QRectF cellsRect(const QRect& cells) const;
  void paintOutline(QPainter& painter) const;

  const Theme& m_theme;
  QImage m_image;
  QPixmap m_scaled;  // the image at the size and resolution it was drawn last
  int m_rows = 0, m_columns = 0;
  std::vector<bool> m_painted;  // [rows · columns]
  std::vector<bool> m_before;   // of the stroke
  std::vector<float> m_heat;
  QImage m_heatImage;           // a pixel for each patch
  int m_brush = 3;
  int m_cursor = 0, m_hovered = -1;
  Stroke m_stroke = Stroke::None;
  Qt::MouseButton m_button = Qt::NoButton;
  QPointF m_pressed, m_last;
  int m_wheel = 0;  // of a step of the wheel, so far
};

}  // namespace sememe
