// How agreement with people grows with a metric's difference: a point with its confidence bar for each interval and metric.
#pragma once

#include <QWidget>
#include <optional>
#include <vector>

#include "core/pipeline/metric_benchmark.h"
#include "ui/theme/theme.h"

namespace sememe {

// The pointer or the keyboard picks an interval, whose numbers the legend shows. GUI thread.
class AgreementChart : public QWidget {
  Q_OBJECT
 public:
  explicit AgreementChart(const Theme& theme, QWidget* parent = nullptr);

  void setMetrics(std::vector<MetricBenchmarkResult::Metric> metrics, const QString& emptyText);
  const std::vector<MetricBenchmarkResult::Metric>& metrics() const { return m_metrics; }
  std::optional<int> cursor() const { return m_cursor; }  // the interval that is read out
  // Whether the intervals of all metrics are equally wide, so that one scale of differences is true of all.
  bool sharesScale() const { return m_width > 0; }

  QSize sizeHint() const override { return {600, 320}; }
  QSize minimumSizeHint() const override { return {320, 160}; }

 protected:
  void paintEvent(QPaintEvent*) override;
  void mouseMoveEvent(QMouseEvent*) override;
  void leaveEvent(QEvent*) override;
  void keyPressEvent(QKeyEvent*) override;
  void focusOutEvent(QFocusEvent*) override;

 private:
  QRectF plot() const;
  double legendWidth() const;
  QString intervalName(int interval) const;
  void paintAxes(QPainter& painter, const QRectF& plot) const;
  void paintPoints(QPainter& painter, const QRectF& plot) const;
  void paintLegend(QPainter& painter, const QRectF& plot) const;
  void moveCursor(std::optional<int> interval);

  const Theme& m_theme;
  std::vector<MetricBenchmarkResult::Metric> m_metrics;
  QString m_emptyText;
  int m_intervals = 0;  // of the metric with the most
  double m_width = 0;   // of the intervals of all; 0: they differ
  std::optional<int> m_cursor;
};

}  // namespace sememe
