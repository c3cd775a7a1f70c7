// A slider for a neuron's value: fine near zero and coarse far from it, with marks for what is natural.
#pragma once

#include <QSlider>
#include <vector>

#include "ui/theme/theme.h"

namespace sememe {

class ValueSlider : public QSlider {
  Q_OBJECT
 public:
  struct Mark {
    double value = 0;
    QString name;
  };
  explicit ValueSlider(const Theme& theme, QWidget* parent = nullptr);

  // low < 0 < high. `linear`: else a value's place grows with its square root, so that small ones can be told apart.
  void setScale(double low, double high, bool linear);
  void setMarks(std::vector<Mark> marks);  // the more important ones first: their names are drawn where there is room
  const std::vector<Mark>& marks() const { return m_marks; }
  double low() const { return m_low; }
  double high() const { return m_high; }

  // A value outside the scale shows at its end.
  void setNumber(double value);
  double number() const { return m_number; }

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void numberMoved(double value);  // by mouse or key
  void released();                 // a drag or a key has ended

 protected:
  void paintEvent(QPaintEvent*) override;
  void mousePressEvent(QMouseEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void mouseReleaseEvent(QMouseEvent*) override;
  void keyReleaseEvent(QKeyEvent*) override;
  void wheelEvent(QWheelEvent*) override;

 private:
  int positionOf(double value) const;
  double valueOf(int position) const;
  double xOf(int position) const;
  void moveTo(double x);

  const Theme& m_theme;
  double m_low = -1, m_high = 1, m_number = 0;
  bool m_linear = false;
  bool m_quiet = false;  // the position is set from the number, not by hand
  std::vector<Mark> m_marks;
};

}  // namespace sememe
