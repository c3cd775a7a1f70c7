// The five charts of the trainings.
#include "ui/experiments/chart_board.h"

#include <QFrame>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QTimer>
#include <QVBoxLayout>
#include <limits>

namespace sememe {
namespace {

constexpr int kRedrawMs = 60;  // however fast the points come

struct MeasureInfo {
  const char* key;  // in the settings
  QString title, explanation, empty;
  bool canBeLogarithmic;
  std::optional<double> low, high;
};

const std::vector<MeasureInfo>& measures() {
  static const std::vector<MeasureInfo> all = {
      {"loss", QObject::tr("Loss"), QObject::tr("What training makes small: the squared error and the type's other terms, on each step's batch"),
       QObject::tr("No step yet"), true, {}, {}},
      {"l0", QObject::tr("L0"), QObject::tr("Mean number of latents that fire for a row. Line: each step's batch; dots: images held out"),
       QObject::tr("No step yet"), true, 0.0, {}},
      {"fve", QObject::tr("Explained variance"), QObject::tr("Share of the variance that the SAE explains; 1 is all. Line: each step's batch; dots: images held out"),
       QObject::tr("No step yet"), false, 0.0, 1.0},
      {"dead", QObject::tr("Dead latents"), QObject::tr("Line: latents that have not fired for long; dots: those that fire on none of the images held out"),
       QObject::tr("No step yet"), false, 0.0, {}},
      {"ms", QObject::tr("Monosemanticity (MS)"), QObject::tr("How alike the images are that a latent fires on: the mean over the latents, on images held out"),
       QObject::tr("Measured on images held out,\nunder the encoder chosen as “MS by”"), false, {}, {}},
  };
  return all;
}

double stepValue(const StepStats& s, int measure) {
  switch (measure) {
    case ChartBoard::Loss: return s.loss;
    case ChartBoard::L0: return s.l0;
    case ChartBoard::ExplainedVariance: return s.fve;
    case ChartBoard::Dead: return double(s.dead);
    default: return std::numeric_limits<double>::quiet_NaN();
  }
}

std::optional<double> heldOutValue(const ValidationStats& v, int measure) {
  switch (measure) {
    case ChartBoard::L0: return v.inference.l0;
    case ChartBoard::ExplainedVariance: return v.inference.fve;
    case ChartBoard::Dead: return double(v.inference.dead);
    case ChartBoard::Ms: return v.ms ? std::optional(v.ms->mean) : std::nullopt;
    default: return {};
  }
}

CurveSeries seriesOf(const Training& t, int measure, bool strong) {
  CurveSeries s{.name = t.name, .color = t.color, .strong = strong};
  if (measure != ChartBoard::Ms) s.line.reserve(t.points.size());
  for (const TrainingPoint& p : t.points) {
    const double x = double(p.step.step);
    if (measure != ChartBoard::Ms) s.line.emplace_back(x, stepValue(p.step, measure));
    if (!p.validation) continue;
    if (const auto y = heldOutValue(*p.validation, measure)) s.marks.emplace_back(x, *y);
  }
  return s;
}

}  // namespace

ChartBoard::ChartBoard(const Theme& theme, TrainingList& list, QWidget* last, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_list(list), m_last(last) {
  m_grid = new QGridLayout(this);
  m_grid->setContentsMargins(0, 0, 0, 0);
  m_grid->setSpacing(1);
  for (int measure = 0; measure < kCharts; ++measure) m_panels.push_back(makePanel(measure));
  for (const Panel& panel : m_panels) {
    connect(panel.chart, &CurveChart::cursorMoved, this, [this, from = panel.chart](std::optional<double> step) {
      for (const Panel& other : m_panels) {
        if (other.chart != from) other.chart->setCursorStep(step);
      }
    });
  }
  arrange();
  for (const auto signal : {&TrainingList::reset, &TrainingList::removed}) connect(&list, signal, this, &ChartBoard::redrawSoon);
  for (const auto signal : {&TrainingList::changed, &TrainingList::pointsChanged, &TrainingList::inserted})
    connect(&list, signal, this, &ChartBoard::redrawSoon);
}

ChartBoard::Panel ChartBoard::makePanel(int measure) {
  const MeasureInfo& info = measures()[size_t(measure)];
  Panel panel;
  auto* frame = new QFrame;
  frame->setProperty("panel", true);
  panel.frame = frame;
  auto* title = new QLabel(info.title);
  title->setProperty("role", QStringLiteral("heading"));
  title->setToolTip(info.explanation);
  title->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  panel.chart = new CurveChart(m_theme, info.title);
  panel.chart->setEmptyText(info.empty);
  panel.chart->setLimits(info.low, info.high);
  connect(panel.chart, &CurveChart::activated, this, [this, measure] { enlarge(m_enlarged == measure ? -1 : measure); });
  auto* head = new QHBoxLayout;
  head->setContentsMargins(kUnit, 0, 0, 0);
  head->setSpacing(2);
  head->addWidget(title, 1);
  const auto button = [&](const QString& name) {
    auto* b = new QToolButton;
    b->setAccessibleName(name);
    b->setToolTip(name);
    b->setFocusPolicy(Qt::TabFocus);
    b->setProperty("small", true);
    head->addWidget(b);
    return b;
  };
  if (info.canBeLogarithmic) {
    panel.logarithmic = button(tr("Logarithmic axis for %1").arg(info.title));
    panel.logarithmic->setText(tr("log"));
    panel.logarithmic->setCheckable(true);
    connect(panel.logarithmic, &QToolButton::toggled, panel.chart, &CurveChart::setLogarithmic);
  }
  panel.expand = button(tr("%1 alone, large (double click)").arg(info.title));
  panel.expand->setIcon(m_theme.icon(QStringLiteral("expand")));
  panel.expand->setIconSize({14, 14});
  panel.expand->setCheckable(true);
  connect(panel.expand, &QToolButton::clicked, this, [this, measure] { enlarge(m_enlarged == measure ? -1 : measure); });
  auto* column = new QVBoxLayout(frame);
  column->setContentsMargins(kUnit, kUnit / 2, kUnit / 2, kUnit / 2);
  column->setSpacing(2);
  column->addLayout(head);
  column->addWidget(panel.chart, 1);
  return panel;
}

void ChartBoard::arrange() {
  std::vector<QWidget*> cells;
  for (const Panel& panel : m_panels) cells.push_back(panel.frame);
  cells.push_back(m_last);
  for (QWidget* cell : cells) m_grid->removeWidget(cell);
  for (int i = 0; i < 6; ++i) {
    m_grid->setColumnStretch(i, 0);
    m_grid->setRowStretch(i, 0);
  }
  const bool alone = m_enlarged >= 0;
  for (size_t i = 0; i < m_panels.size(); ++i) {
    m_panels[i].expand->setChecked(m_enlarged == int(i));
  }
  if (alone) {
    // The large chart over the other panel at its side.
    for (QWidget* cell : cells) cell->hide();
    m_grid->addWidget(cells[size_t(m_enlarged)], 0, 0);
    m_grid->addWidget(m_last, 0, 1);
    m_grid->setColumnStretch(0, 3);
    m_grid->setColumnStretch(1, 1);
    m_grid->setRowStretch(0, 1);
    cells[size_t(m_enlarged)]->show();
    m_last->show();
    return;
  }
  constexpr int columns = 3;
  for (size_t i = 0; i < cells.size(); ++i) {
    m_grid->addWidget(cells[i], int(i) / columns, int(i) % columns);
    m_grid->setColumnStretch(int(i) % columns, 1);
    m_grid->setRowStretch(int(i) / columns, 1);
    cells[i]->show();
  }
}

void ChartBoard::enlarge(int measure) {
  m_enlarged = measure;
  arrange();
  if (measure >= 0) m_panels[size_t(measure)].chart->setFocus();
}

void ChartBoard::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape && m_enlarged >= 0) return enlarge(-1);
  QWidget::keyPressEvent(event);
}

void ChartBoard::setStrong(const QList<qint64>& ids) {
  if (ids == m_strong) return;
  m_strong = ids;
  redraw();
}

void ChartBoard::redrawSoon() {
  if (std::exchange(m_pending, true)) return;
  QTimer::singleShot(kRedrawMs, this, [this] {
    m_pending = false;
    redraw();
  });
}

void ChartBoard::redraw() {
  int charted = 0;
  for (int row = 0; row < m_list.count(); ++row) charted += int(m_list.at(row).charted);
  for (int measure = 0; measure < kCharts; ++measure) {
    std::vector<CurveSeries> series;
    // The oldest first: the newest lie above.
    for (int row = m_list.count() - 1; row >= 0; --row) {
      const Training& t = m_list.at(row);
      if (t.charted && !t.points.empty()) series.push_back(seriesOf(t, measure, charted > 1 && m_strong.contains(t.id)));
    }
    m_panels[size_t(measure)].chart->setSeries(std::move(series));
  }
}

void ChartBoard::applySettings(const Settings& settings) {
  for (size_t i = 0; i < m_panels.size(); ++i) {
    if (m_panels[i].logarithmic)
      m_panels[i].logarithmic->setChecked(settings.logarithmicCharts.contains(QLatin1String(measures()[i].key)));
  }
}

void ChartBoard::storeSettings(Settings& settings) const {
  settings.logarithmicCharts.clear();
  for (size_t i = 0; i < m_panels.size(); ++i) {
    if (m_panels[i].logarithmic && m_panels[i].logarithmic->isChecked()) settings.logarithmicCharts << QString::fromLatin1(measures()[i].key);
  }
}

}  // namespace sememe
