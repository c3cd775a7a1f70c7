// A row that limits a number to a range: a name, two fields, and between them a slider with two handles.
#pragma once

#include <QLabel>
#include <QLineEdit>
#include <QWidget>
#include <optional>

#include "ui/theme/theme.h"

namespace sememe {

// A track with two handles at positions 0 … 1, moved by mouse or arrow keys (Tab goes from one to the other).
class RangeSlider : public QWidget {
  Q_OBJECT
 public:
  explicit RangeSlider(const Theme& theme, QWidget* parent = nullptr);
  void setRange(double low, double high);  // no signal
  double low() const { return m_position[0]; }
  double high() const { return m_position[1]; }
  QSize sizeHint() const override;

 Q_SIGNALS:
  void moved(double low, double high);

 protected:
  void paintEvent(QPaintEvent*) override;
  void mousePressEvent(QMouseEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void mouseReleaseEvent(QMouseEvent*) override;
  void mouseDoubleClickEvent(QMouseEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  bool focusNextPrevChild(bool next) override;
  void focusInEvent(QFocusEvent*) override;

 private:
  double positionAt(double x) const;
  double xOf(double position) const;
  void move(int handle, double position);

  const Theme& m_theme;
  double m_position[2] = {0, 1};
  int m_active = 0;
  bool m_dragging = false;
};

class RangeFilter : public QWidget {
  Q_OBJECT
 public:
  enum class Scale { Linear, Log };  // Log: the slider goes from 1e-5 to 1

  // Values lie in 0 … 1; `factor` is what they are shown as (100 for a share in per cent).
  RangeFilter(const Theme& theme, const QString& name, Scale scale, double factor, QWidget* parent = nullptr);

  std::optional<double> minimum() const { return m_minimum; }  // none: no limit
  std::optional<double> maximum() const { return m_maximum; }
  void setLimits(std::optional<double> minimum, std::optional<double> maximum);  // with the signal when they change
  void clear() { setLimits({}, {}); }
  void setNameWidth(int width) { m_name->setFixedWidth(width); }

 Q_SIGNALS:
  void changed();

 private:
  double toPosition(double value) const;
  double toValue(double position) const;
  void readFields();
  void display();

  Scale m_scale;
  double m_factor;
  std::optional<double> m_minimum, m_maximum;
  QLabel* m_name;
  QLineEdit* m_low;
  QLineEdit* m_high;
  RangeSlider* m_slider;
};

}  // namespace sememe
