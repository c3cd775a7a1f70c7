// Curves over the steps of trainings, painted: several runs in one chart, with axes, a grid and the values under a cross-hair.
#pragma once

#include <QColor>
#include <QPolygonF>
#include <QWidget>
#include <optional>
#include <vector>

#include "ui/widgets/chart_axis.h"
#include "ui/theme/theme.h"

namespace sememe {

struct CurveSeries {
  QString name;
  int color = 0;       // of Colors::series
  bool strong = false; // drawn thicker and above the others
  std::vector<QPointF> line;   // x ascending; a y that is not finite is a gap
  std::vector<QPointF> marks;  // what validation found: dots on a dashed line
};

// The points of a line that a picture `columns` pixels wide can show: of each column the first, lowest, highest and last.
// Each polygon is a stretch without gaps.
std::vector<QPolygonF> drawnStretches(const std::vector<QPointF>& line, const ChartAxis& x, const ChartAxis& y, const QRectF& plot);

class CurveChart : public QWidget {
  Q_OBJECT
 public:
  // `measure`: what is drawn, for people who hear it instead of seeing it.
  CurveChart(const Theme& theme, const QString& measure, QWidget* parent = nullptr);

  void setSeries(std::vector<CurveSeries> series);
  const std::vector<CurveSeries>& series() const { return m_series; }
  void setLogarithmic(bool on);
  bool isLogarithmic() const { return m_logarithmic; }
  // The axis never shows what lies outside; the range within is chosen from the values.
  void setLimits(std::optional<double> low, std::optional<double> high);
  void setEmptyText(const QString& text);

  // The cross-hair, in steps; none: hidden. Charts of the same trainings share one.
  void setCursorStep(std::optional<double> step);
  std::optional<double> cursorStep() const { return m_cursor; }

  QRectF plot() const;  // where the curves are, in pixels
  const ChartAxis& xAxis() const { return m_x; }
  const ChartAxis& yAxis() const { return m_y; }
  QPointF pixelOf(const QPointF& point) const;
  // The point of a series nearest to `step`; none where the series has not come that far. Validation's when `marks`.
  static std::optional<QPointF> pointAt(const CurveSeries& series, double step, bool marks = false);
  QStringList readOut(double step) const;  // as the cross-hair shows it: the step, then a line for each series there

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void cursorMoved(std::optional<double> step);
  void activated();  // double click, or Enter

 protected:
  void paintEvent(QPaintEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void mouseDoubleClickEvent(QMouseEvent*) override;
  void leaveEvent(QEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void focusOutEvent(QFocusEvent*) override;

 private:
  void fitAxes();
  std::vector<Tick> yTicks() const;  // as many as there is room for
  void moveCursor(std::optional<double> step);
  bool isEmpty() const;
  void paintGrid(QPainter& painter) const;
  void paintSeries(QPainter& painter, const CurveSeries& series) const;
  void paintCursor(QPainter& painter) const;
  void paintReadOut(QPainter& painter, double x) const;

  const Theme& m_theme;
  QString m_measure;
  QString m_emptyText;
  std::vector<CurveSeries> m_series;
  bool m_logarithmic = false;
  std::optional<double> m_low, m_high;
  ChartAxis m_x, m_y;
  std::optional<double> m_cursor;
  bool m_hovered = false;  // the cross-hair was moved here: the read-out is shown
};

}  // namespace sememe
