// Sorted scores as curves.
#include "ui/scores/score_figure.h"

#include <QBuffer>
#include <QFontMetricsF>
#include <QGuiApplication>
#include <QImage>
#include <QSvgGenerator>
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr double kSwatch = 18;       // length of a line in the legend
constexpr double kValueRoom = 44;    // beside the names, for the values under the cross-hair
constexpr int kMostPoints = 2000;    // of a drawn curve: more than a picture is wide

// Colours come round after eight curves, in another pattern of line.
QPen curvePen(const Colors& colors, size_t curve, double width) {
  const size_t count = colors.series.size();
  constexpr Qt::PenStyle styles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
  return {colors.series[curve % count], width, styles[curve / count % std::size(styles)], Qt::RoundCap, Qt::RoundJoin};
}

QString tr(const char* text) { return QGuiApplication::translate("sememe::ScoreFigure", text); }

}  // namespace

QStringList curveNames(const std::vector<ScoreRow>& rows) {
  // Tokens tell apart what is of one layer alone: the image embedding has none.
  std::map<int, std::set<std::string>> tokens;
  for (const ScoreRow& row : rows) tokens[row.layer].insert(row.tokens);
  const std::vector<std::function<std::string(const ScoreRow&)>> parts = {
      [](const ScoreRow& r) { return r.model; },  [](const ScoreRow& r) { return layerName(r.layer); },
      [&](const ScoreRow& r) { return tokens[r.layer].size() > 1 ? r.tokens : std::string(); }, [](const ScoreRow& r) { return saeName(r); },
      [](const ScoreRow& r) { return "by " + r.encoder; }};
  QStringList names;
  for (size_t i = 0; i < rows.size(); ++i) names << QString();
  for (const auto& part : parts) {
    std::set<std::string> values;
    for (const ScoreRow& row : rows) values.insert(part(row));
    if (values.size() < 2) continue;
    for (size_t i = 0; i < rows.size(); ++i) {
      const QString text = QString::fromStdString(part(rows[i]));
      if (text.isEmpty()) continue;
      names[qsizetype(i)] += (names[qsizetype(i)].isEmpty() ? QString() : QStringLiteral(", ")) + text;
    }
  }
  // Where that says nothing, or the same of two, the run's own name does.
  for (size_t i = 0; i < rows.size(); ++i) {
    const QString& name = names[qsizetype(i)];
    if (name.isEmpty() || names.count(name) > 1) {
      const QString own = QString::fromStdString(rows[i].name);
      names[qsizetype(i)] = name.isEmpty() ? own : own + QStringLiteral(", ") + QString::fromStdString(rows[i].encoder);
    }
  }
  return names;
}

std::vector<ScoreCurve> readCurves(Workspace& workspace, const std::vector<ScoreRow>& rows) {
  const QStringList names = curveNames(rows);
  std::vector<ScoreCurve> curves;
  for (size_t i = 0; i < rows.size(); ++i)
    curves.push_back({names[qsizetype(i)], sortedScores(workspace.neurons().scores(rows[i].run, rows[i].embeddings))});
  return curves;
}

ScoreFigure::ScoreFigure(std::vector<ScoreCurve> curves) : m_curves(std::move(curves)) {
  double low = 0, high = 0;
  for (const ScoreCurve& curve : m_curves) {
    if (curve.sorted.empty()) continue;
    high = std::max(high, curve.sorted.front());
    low = std::min(low, curve.sorted.back());
  }
  // Scores are cosines: from 0, or below where there are such, up to the next tenth.
  m_high = high > 0 ? std::min(1.0, std::ceil(high * 10 + 0.2) / 10) : 1;
  m_low = low < 0 ? std::max(-1.0, std::floor(low * 10 - 0.2) / 10) : 0;
}

bool ScoreFigure::isEmpty() const {
  return std::all_of(m_curves.begin(), m_curves.end(), [](const ScoreCurve& curve) { return curve.sorted.empty(); });
}

std::optional<double> ScoreFigure::scoreAt(const ScoreCurve& curve, double share) {
  if (curve.sorted.empty()) return {};
  const double last = double(curve.sorted.size() - 1);
  return curve.sorted[size_t(std::llround(std::clamp(share, 0.0, 1.0) * last))];
}

double ScoreFigure::legendWidth(const QRectF& area, const QFontMetricsF& metrics) const {
  double widest = 0;
  for (const ScoreCurve& curve : m_curves) widest = std::max(widest, metrics.horizontalAdvance(curve.name));
  return std::min(widest + kSwatch + kValueRoom + 3 * kUnit, area.width() * 0.45);
}

QRectF ScoreFigure::plot(const QRectF& area, const QFontMetricsF& metrics) const {
  const double text = metrics.height();
  return area.adjusted(metrics.horizontalAdvance(QStringLiteral("-0.0")) + text + 2 * kUnit, text / 2 + kUnit, -legendWidth(area, metrics) - kUnit,
                       -2 * text - 1.5 * kUnit);
}

void ScoreFigure::paintAxes(QPainter& painter, const QRectF& plot, const Colors& colors) const {
  const QFontMetricsF metrics(painter.font(), painter.device());
  const double text = metrics.height();
  const ChartAxis y(m_low, m_high);
  for (const Tick& tick : y.ticks(std::clamp(int(plot.height() / (2.4 * text)), 2, 10))) {
    const double at = std::round(plot.bottom() - y.shareOf(tick.value) * plot.height()) + 0.5;
    painter.setPen(QPen(tick.value == 0 ? colors.lineStrong : colors.line, 1));
    painter.drawLine(QPointF(plot.left(), at), QPointF(plot.right(), at));
    painter.setPen(colors.textMuted);
    painter.drawText(QRectF(plot.left() - 80, at - text / 2, 80 - kUnit, text), Qt::AlignRight | Qt::AlignVCenter, tick.text);
  }
  painter.setPen(QPen(colors.lineStrong, 1));
  const double base = std::round(plot.bottom()) + 0.5;
  painter.drawLine(QPointF(plot.left(), base), QPointF(plot.right(), base));
  for (int percent = 0; percent <= 100; percent += 20) {
    const double x = std::round(plot.left() + percent / 100.0 * plot.width()) + 0.5;
    painter.setPen(QPen(colors.lineStrong, 1));
    painter.drawLine(QPointF(x, base), QPointF(x, base + 3));
    painter.setPen(colors.textMuted);
    painter.drawText(QRectF(x - 40, base + 4, 80, text), Qt::AlignCenter, QStringLiteral("%1 %").arg(percent));
  }
  painter.setPen(colors.text);
  painter.drawText(QRectF(plot.left(), base + 6 + text, plot.width(), text), Qt::AlignCenter, tr("Neurons with a score, highest first"));
  painter.save();
  painter.translate(plot.left() - metrics.horizontalAdvance(QStringLiteral("-0.0")) - text - kUnit, plot.center().y());
  painter.rotate(-90);
  painter.drawText(QRectF(-plot.height() / 2, -text / 2, plot.height(), text), Qt::AlignCenter, tr("Monosemanticity score"));
  painter.restore();
}

void ScoreFigure::paintLegend(QPainter& painter, const QRectF& plot, const QRectF& area, const Colors& colors, std::optional<double> cursor) const {
  const QFontMetricsF metrics(painter.font(), painter.device());
  const double line = metrics.height() + 5, left = plot.right() + 2 * kUnit;
  const auto room = size_t(std::max(1.0, (plot.bottom() - plot.top() - (cursor ? line : 0)) / line));
  double y = plot.top();
  if (cursor) {
    painter.setPen(colors.textMuted);
    painter.drawText(QRectF(left, y, area.right() - left, line), Qt::AlignLeft | Qt::AlignVCenter,
                     tr("at %1 % of the neurons").arg(*cursor * 100, 0, 'f', 1));
    y += line;
  }
  for (size_t i = 0; i < m_curves.size(); ++i, y += line) {
    painter.setPen(colors.textMuted);
    if (i + 1 == room && m_curves.size() > room) {
      painter.drawText(QRectF(left, y, area.right() - left, line), Qt::AlignLeft | Qt::AlignVCenter, tr("… and %1 more").arg(m_curves.size() - i));
      return;
    }
    painter.setPen(curvePen(colors, i, 2));
    painter.drawLine(QPointF(left, y + line / 2), QPointF(left + kSwatch, y + line / 2));
    painter.setPen(colors.text);
    const double nameLeft = left + kSwatch + kUnit, width = area.right() - kValueRoom - nameLeft;
    painter.drawText(QRectF(nameLeft, y, width, line), Qt::AlignLeft | Qt::AlignVCenter, metrics.elidedText(m_curves[i].name, Qt::ElideMiddle, width));
    const std::optional<double> value = cursor ? scoreAt(m_curves[i], *cursor) : std::nullopt;
    if (value)
      painter.drawText(QRectF(area.right() - kValueRoom, y, kValueRoom - kUnit / 2.0, line), Qt::AlignRight | Qt::AlignVCenter,
                       QString::number(*value, 'f', 3));
  }
}

void ScoreFigure::paint(QPainter& painter, const QRectF& area, const Colors& colors, std::optional<double> cursor) const {
  const QRectF inner = plot(area, QFontMetricsF(painter.font(), painter.device()));
  if (inner.width() < 40 || inner.height() < 30) return;
  paintAxes(painter, inner, colors);
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setBrush(Qt::NoBrush);
  const auto pixel = [&](double share, double score) {
    return QPointF(inner.left() + share * inner.width(), inner.bottom() - (score - m_low) / (m_high - m_low) * inner.height());
  };
  for (size_t i = 0; i < m_curves.size(); ++i) {
    const std::vector<double>& sorted = m_curves[i].sorted;
    if (sorted.empty()) continue;
    QPolygonF polygon;
    if (sorted.size() == 1) polygon << pixel(0, sorted.front());
    const size_t points = std::min<size_t>(sorted.size(), kMostPoints);
    for (size_t point = 0; point < points; ++point) {
      const double share = points > 1 ? double(point) / double(points - 1) : 1;
      polygon << pixel(share, *scoreAt(m_curves[i], share));
    }
    painter.setPen(curvePen(colors, i, 1.8));
    painter.drawPolyline(polygon);
  }
  if (cursor) {
    const double x = inner.left() + *cursor * inner.width();
    painter.setPen(QPen(colors.textFaint, 1));
    painter.drawLine(QPointF(x, inner.top()), QPointF(x, inner.bottom()));
    for (size_t i = 0; i < m_curves.size(); ++i) {
      const std::optional<double> value = scoreAt(m_curves[i], *cursor);
      if (!value) continue;
      painter.setPen(QPen(colors.panel, 1.5));
      painter.setBrush(curvePen(colors, i, 1).color());
      painter.drawEllipse(pixel(*cursor, *value), 4, 4);
    }
  }
  painter.restore();
  paintLegend(painter, inner, area, colors, cursor);
}

void writeFigure(const std::filesystem::path& path, const ScoreFigure& figure, QSizeF size) {
  const std::string ending = path.extension().string();
  const QRectF area = QRectF(QPointF(), size).adjusted(kUnit, kUnit, -kUnit, -kUnit);
  QBuffer bytes;
  bytes.open(QIODevice::WriteOnly);
  QFont font = QGuiApplication::font();
  font.setPixelSize(13);
  const auto paint = [&](QPainter& painter) {
    painter.fillRect(QRectF(QPointF(), size), Qt::white);
    painter.setFont(font);
    figure.paint(painter, area, lightColors());
  };
  if (ending == ".svg") {
    QSvgGenerator svg;
    svg.setOutputDevice(&bytes);
    svg.setSize(size.toSize());
    svg.setViewBox(QRectF(QPointF(), size));
    svg.setResolution(96);
    svg.setTitle(tr("Sorted monosemanticity scores"));
    QPainter painter(&svg);
    paint(painter);
  } else if (ending == ".png") {
    constexpr double kScale = 2;
    QImage image((size * kScale).toSize(), QImage::Format_RGB32);
    image.setDevicePixelRatio(kScale);
    {
      QPainter painter(&image);
      paint(painter);
    }
    image.save(&bytes, "PNG");
  } else {
    throw Error(ErrorCode::Invalid, "a figure is written as .svg or .png", path.string());
  }
  writeTextFile(path, std::string_view(bytes.data().constData(), size_t(bytes.data().size())));
}

}  // namespace sememe
