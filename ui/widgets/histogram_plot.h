// A histogram, painted: bars over equal steps, with a linear or logarithmic count axis and the counts under the pointer.
#pragma once

#include <QWidget>
#include <cstdint>
#include <vector>

#include "ui/theme/theme.h"

namespace sememe {

class HistogramPlot : public QWidget {
  Q_OBJECT
 public:
  explicit HistogramPlot(const Theme& theme, QWidget* parent = nullptr);
  void setData(std::vector<int64_t> counts, double minimum, double maximum);
  void setLogarithmic(bool on);
  QSize sizeHint() const override;
  QString textAt(int x) const;  // what the pointer shows there; empty beside the bars

 protected:
  void paintEvent(QPaintEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void leaveEvent(QEvent*) override;

 private:
  QRectF plot() const;
  int barAt(double x) const;  // -1: none
  double heightOf(int64_t count) const;  // 0 … 1

  const Theme& m_theme;
  std::vector<int64_t> m_counts;
  double m_minimum = 0, m_maximum = 0;
  int64_t m_largest = 0;
  bool m_logarithmic = true;
  int m_hovered = -1;
};

}  // namespace sememe
