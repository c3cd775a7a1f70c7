// The paper's figure: the scores of all neurons of a run, sorted, as one curve for each run and encoder.
#pragma once

#include <QPainter>
#include <QStringList>
#include <optional>
#include <vector>

#include "core/pipeline/score_table.h"
#include "ui/theme/theme.h"

namespace sememe {

struct ScoreCurve {
  QString name;
  std::vector<double> sorted;  // highest first, no NaN
};

// What tells these rows apart, in few words: "layer 22, Matryoshka BatchTopK k 20 ×8".
QStringList curveNames(const std::vector<ScoreRow>& rows);

// The curves of the rows. Any thread, with its own connection. Throws as the store does.
std::vector<ScoreCurve> readCurves(Workspace& workspace, const std::vector<ScoreRow>& rows);

// Paints the figure anywhere: a widget, a picture, an SVG. Plain value.
class ScoreFigure {
 public:
  explicit ScoreFigure(std::vector<ScoreCurve> curves = {});

  bool isEmpty() const;  // no curve has a neuron
  const std::vector<ScoreCurve>& curves() const { return m_curves; }

  // `cursor`: the share of the neurons (0 … 1) at which the values are read out.
  void paint(QPainter& painter, const QRectF& area, const Colors& colors, std::optional<double> cursor = {}) const;
  QRectF plot(const QRectF& area, const QFontMetricsF& metrics) const;  // where the curves are

  // The score of a curve's neuron at a share of its neurons; none without neurons.
  static std::optional<double> scoreAt(const ScoreCurve& curve, double share);

 private:
  double legendWidth(const QRectF& area, const QFontMetricsF& metrics) const;
  void paintAxes(QPainter& painter, const QRectF& plot, const Colors& colors) const;
  void paintLegend(QPainter& painter, const QRectF& plot, const QRectF& area, const Colors& colors, std::optional<double> cursor) const;

  std::vector<ScoreCurve> m_curves;
  double m_low = 0, m_high = 1;
};

// Writes the figure as .svg or .png (twice the size in pixels), on white. GUI thread, with a QGuiApplication; atomic.
// Throws Error (Invalid: another ending; Io, DiskFull).
void writeFigure(const std::filesystem::path& path, const ScoreFigure& figure, QSizeF size = {960, 600});

}  // namespace sememe
