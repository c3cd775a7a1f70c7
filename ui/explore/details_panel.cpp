// The right panel of Explore.
#include "ui/explore/details_panel.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLocale>
#include <QScrollArea>
#include <QVBoxLayout>
#include <cmath>
#include <limits>

#include "ui/models/class_counts.h"

namespace sememe {
namespace {

QLabel* heading(const QString& text) {
  auto* label = new QLabel(text);
  label->setProperty("role", QStringLiteral("heading"));
  return label;
}

QString number(double value) { return std::isfinite(value) ? QLocale::c().toString(value, 'g', 5) : QStringLiteral("–"); }

}  // namespace

DetailsPanel::DetailsPanel(const Theme& theme, JobRunner& runner, SubsetScorer scorer, QWidget* parent) : QWidget(parent) {
  m_scores = new ScoreBars(theme);
  m_subset = new SubsetBox(theme, runner, std::move(scorer));
  m_histogram = new HistogramPlot(theme);
  m_logarithmic = new QCheckBox(tr("log counts"));
  m_logarithmic->setChecked(true);
  m_logarithmic->setToolTip(tr("Show the counts on a logarithmic scale"));
  m_labels = new LabelEditor(theme, runner);

  auto* statistics = new QGridLayout;
  statistics->setHorizontalSpacing(2 * kUnit);
  statistics->setVerticalSpacing(kUnit / 2);
  statistics->setColumnStretch(1, 1);
  const auto row = [&](const QString& name) {
    auto* label = new QLabel(name);
    label->setProperty("role", QStringLiteral("muted"));
    auto* value = new QLabel;
    value->setTextInteractionFlags(Qt::TextSelectableByMouse);
    value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    value->setWordWrap(true);
    const int at = statistics->rowCount();
    statistics->addWidget(label, at, 0, Qt::AlignTop);
    statistics->addWidget(value, at, 1);
    return value;
  };
  m_fires = row(tr("Fires on"));
  m_max = row(tr("Max"));
  m_mean = row(tr("Mean"));
  m_min = row(tr("Min"));
  m_classes = row(tr("Classes"));
  m_classes->setObjectName(QStringLiteral("classes"));
  m_entropy = row(tr("Their entropy"));
  m_entropy->setObjectName(QStringLiteral("entropy"));
  m_entropy->setToolTip(tr("Of the classes of the strongest images, in bits: 0 where all are of one class, 4 where sixteen images are of sixteen"));

  auto* histogramHead = new QHBoxLayout;
  histogramHead->addWidget(heading(tr("Activations")), 1);
  histogramHead->addWidget(m_logarithmic);

  auto* inside = new QWidget;
  auto* column = new QVBoxLayout(inside);
  column->setContentsMargins(2 * kUnit, 2 * kUnit, 2 * kUnit, 2 * kUnit);
  column->setSpacing(kUnit);
  column->addWidget(heading(tr("Monosemanticity")));
  column->addWidget(m_scores);
  column->addWidget(m_subset);
  column->addSpacing(kUnit);
  column->addWidget(heading(tr("Statistics")));
  column->addLayout(statistics);
  column->addSpacing(kUnit);
  column->addLayout(histogramHead);
  column->addWidget(m_histogram);
  column->addSpacing(kUnit);
  column->addWidget(m_labels, 1);

  auto* scroll = new QScrollArea;
  scroll->setWidget(inside);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->viewport()->setAutoFillBackground(false);
  inside->setAutoFillBackground(false);
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->addWidget(scroll);

  connect(m_subset, &SubsetBox::changed, this, &DetailsPanel::showScores);
  connect(m_logarithmic, &QCheckBox::toggled, m_histogram, &HistogramPlot::setLogarithmic);
}

void DetailsPanel::setChosenEncoder(int64_t embeddings) {
  m_encoder = embeddings;
  showScores();
}

void DetailsPanel::showScores() {
  std::vector<ScoreBars::Score> scores;
  if (m_view) {
    for (const NeuronMs& s : m_view->detail.scores) {
      double ms = s.ms;
      if (const auto& subset = m_subset->scores()) {
        ms = std::numeric_limits<double>::quiet_NaN();
        for (const SubsetScores::Set& set : subset->sets) {
          if (set.embeddings == s.embeddings && size_t(m_view->detail.row.neuron) < set.ms.size()) ms = set.ms[size_t(m_view->detail.row.neuron)];
        }
      }
      scores.push_back({QString::fromStdString(s.encoder), ms, s.embeddings == m_encoder});
    }
  }
  m_scores->setScores(std::move(scores));
}

void DetailsPanel::setView(const NeuronViewPtr& view) {
  m_view = view;
  showScores();
  if (!view) {
    for (QLabel* label : {m_fires, m_max, m_mean, m_min, m_classes, m_entropy}) label->setText(QStringLiteral("–"));
    m_classes->setToolTip({});
    m_histogram->setData({}, 0, 0);
    m_labels->clear();
    return;
  }
  const NeuronDetail& d = view->detail;
  const QLocale english(QLocale::English);
  m_fires->setText(tr("%1 of %2 images (%3 %)")
                       .arg(english.toString(qlonglong(d.firingCount)), english.toString(qlonglong(d.images)),
                            QLocale::c().toString(d.row.firingRate * 100, 'g', 3)));
  m_max->setText(number(d.row.max));
  m_mean->setText(number(d.row.mean));
  m_min->setText(number(d.min));
  constexpr int kClassesShown = 3;
  const std::vector<ClassCount> classes = classCounts(view->images);
  m_classes->setText(classes.empty() ? QStringLiteral("–") : classText(classes, kClassesShown));
  m_classes->setToolTip(int(classes.size()) > kClassesShown ? classText(classes, int(classes.size())) : QString());
  m_entropy->setText(classes.empty() ? QStringLiteral("–") : tr("%1 bits").arg(QLocale::c().toString(classEntropy(classes), 'f', 2)));
  m_histogram->setData(d.histogram, d.histogramMin, d.histogramMax);
  m_labels->showNeuron(d.row.neuron, QString::fromStdString(d.label), QString::fromStdString(d.notes));
}

void DetailsPanel::applySettings(const Settings& settings) { m_logarithmic->setChecked(settings.histogramLog); }
void DetailsPanel::storeSettings(Settings& settings) const { settings.histogramLog = m_logarithmic->isChecked(); }

}  // namespace sememe
