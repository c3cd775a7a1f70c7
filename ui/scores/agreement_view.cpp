// Agreement with people: fields, figures, chart and table.
#include "ui/scores/agreement_view.h"

#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/files.h"
#include "core/pipeline/benchmark_csv.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kFirstChosen = 8;  // metrics charted at first: as many as there are colours

QStringList filesIn(const QMimeData* data) {
  QStringList files;
  for (const QUrl& url : data->urls())
    if (url.isLocalFile() && AgreementInputs::takes(url.toLocalFile())) files << url.toLocalFile();
  return files;
}

QString number(double value, int digits) {
  return std::isnan(value) ? QStringLiteral("–") : QString::number(value, 'f', digits);
}

QString comparisonText(const MetricBenchmarkResult::Comparison& c) {
  return AgreementView::tr("MS by %1 beside the released MS %2: largest difference %3, mean %4, correlation %5, over %6 neurons")
      .arg(QFileInfo(QString::fromStdString(c.embeddings)).fileName(), QString::fromStdString(c.encoder),
           number(c.largestDifference, 5), number(c.meanDifference, 5), number(c.correlation, 4), grouped(c.neurons));
}

// Of each embeddings the released scores that are nearest to theirs: those of the same encoder, where there are such.
std::vector<MetricBenchmarkResult::Comparison> nearest(const std::vector<MetricBenchmarkResult::Comparison>& all) {
  std::vector<MetricBenchmarkResult::Comparison> best;
  for (const MetricBenchmarkResult::Comparison& c : all) {
    if (best.empty() || best.back().embeddings != c.embeddings) {
      best.push_back(c);
    } else if (std::isnan(best.back().meanDifference) || c.meanDifference < best.back().meanDifference) {
      best.back() = c;
    }
  }
  return best;
}

}  // namespace

AgreementView::AgreementView(const Theme& theme, JobRunner& runner, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_runner(runner) {
  setAcceptDrops(true);
  m_inputs = new AgreementInputs;
  auto* strip = new QWidget;
  auto* stripBox = new QVBoxLayout(strip);
  stripBox->setContentsMargins(kUnit, kUnit, kUnit, kUnit);
  stripBox->addWidget(m_inputs);

  auto* none = new EmptyState(
      theme, QStringLiteral("columns"), tr("How well do metrics agree with people?"),
      tr("The paper asked people which of two neurons is the more monosemantic, and released their answers as "
         "metric_benchmark.tar.gz.\n"
         "It is not part of this program: get it where the paper points to, then open it or drop it here.\n"
         "Compared are the released MS, MS computed anew with embeddings of yours, and any metric as a CSV of neuron and value:\n"
         "for each the share of pairs on which it agrees with people, with a 95 % interval, and how that grows with its "
         "difference."),
      tr("Open…"));
  connect(none, &EmptyState::actionClicked, m_inputs, &AgreementInputs::chooseArchive);
  m_comparing = new EmptyState(theme, QStringLiteral("clock"), tr("Comparing"), QString());
  m_states = new QStackedWidget;
  for (QWidget* state : std::initializer_list<QWidget*>{none, m_comparing, makeFound()}) m_states->addWidget(state);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(strip);
  column->addWidget(m_states, 1);

  connect(m_inputs, &AgreementInputs::compareWanted, this, &AgreementView::compare);
  connect(&theme, &Theme::changed, this, &AgreementView::showFigures);
  applySettings({});
}

QWidget* AgreementView::makeFound() {
  m_figures = new QLabel;
  m_figures->setTextFormat(Qt::RichText);
  m_figures->setWordWrap(true);
  m_figures->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* save = new QPushButton(tr("Export"));
  auto* menu = new QMenu(save);
  menu->addAction(tr("Table as CSV…"), this, [this] { askExport(QStringLiteral("agreement.csv"), false); });
  menu->addAction(tr("Intervals as CSV…"), this, [this] { askExport(QStringLiteral("agreement_intervals.csv"), true); });
  save->setProperty("menu", true);
  save->setMenu(menu);
  save->setToolTip(tr("Write all metrics to a file"));
  auto* head = new QHBoxLayout;
  head->setSpacing(kUnit);
  head->addWidget(m_figures, 1);
  head->addWidget(save, 0, Qt::AlignTop);

  m_chart = new AgreementChart(m_theme);
  m_model = new AgreementTableModel(this);
  m_table = new ScoreView(m_theme, m_model, AgreementTableModel::SortRole, {AgreementTableModel::Name});
  m_table->setAccessibleName(tr("Agreement of each metric"));
  m_table->setContextMenuPolicy(Qt::NoContextMenu);
  auto* top = new QWidget;
  auto* topBox = new QVBoxLayout(top);
  topBox->setContentsMargins(kUnit, 0, kUnit, 0);
  topBox->setSpacing(kUnit / 2);
  topBox->addLayout(head);
  topBox->addWidget(m_chart, 1);
  m_splitter = new KeptSplitter(Qt::Vertical);
  m_splitter->addWidget(top);
  m_splitter->addWidget(m_table);
  m_splitter->setStretchFactor(0, 1);
  m_splitter->setStretchFactor(1, 0);
  connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &AgreementView::showChosen);
  return m_splitter;
}

void AgreementView::compare() {
  const MetricBenchmarkParams params = m_inputs->params();
  if (params.data.empty()) return;
  const int generation = ++m_generation;
  if (m_job) m_job->discard();
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.urgency = Urgency::Now;
  spec.title = tr("Comparing with people");
  if (m_states->currentIndex() != Found) m_states->setCurrentIndex(Comparing);
  m_comparing->setText(tr("Waiting for other computations to end."));
  m_job = m_runner.run(
      spec, this, [params](JobContext& context) { return benchmarkMetrics(params, context.stop, context.progress); },
      [this, generation](MetricBenchmarkResult result) {
        if (generation != m_generation) return;
        showResult(std::move(result));
      });
  connect(m_job, &Job::started, this, [this, generation] {
    if (generation == m_generation)
      m_comparing->setText(
          tr("The archive is read once from its start to its end.\nThe line below says how far that is, and stops it."));
  });
  connect(m_job, &Job::cancelled, this, [this, generation] {
    if (generation == m_generation) rest();
  });
  connect(m_job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_generation) return;
    rest();
    Q_EMIT failed(tr("Comparing with people failed"), failure, [this] { compare(); });
  });
}

void AgreementView::rest() {
  m_job.clear();
  m_states->setCurrentIndex(m_model->rows().empty() ? Nothing : Found);
}

void AgreementView::showResult(MetricBenchmarkResult result) {
  m_result = std::move(result);
  m_model->setRows(m_result.metrics);
  rest();
  showFigures();
  QItemSelection selection;
  for (int row = 0; row < std::min(kFirstChosen, m_model->rowCount()); ++row) {
    const QModelIndex index = m_table->indexOf(row);
    selection.select(index, index);
  }
  m_table->selectionModel()->setCurrentIndex(m_table->model()->index(0, 0), QItemSelectionModel::NoUpdate);
  m_table->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
  showChosen();
  Q_EMIT compared();
}

void AgreementView::showFigures() {
  if (m_model->rows().empty()) return m_figures->clear();
  QString text = tr("<b>%1</b> pairs of <b>%2</b> neurons &nbsp;·&nbsp; people's answers written as %3")
                     .arg(grouped(m_result.pairs), grouped(m_result.neurons),
                          QString::fromLatin1(answerCodingName(m_result.coding)).toHtmlEscaped());
  QStringList about;
  for (const MetricBenchmarkResult::Comparison& c : nearest(m_result.comparisons)) about << comparisonText(c).toHtmlEscaped();
  if (m_result.topChecked > 0)
    about << tr("The released strongest images are those of the activations for %1 of %2 neurons")
                 .arg(grouped(m_result.topAgree), grouped(m_result.topChecked));
  if (!about.isEmpty())
    text += QStringLiteral("<br><span style=\"color:%1\">%2</span>")
                .arg(m_theme.colors().textMuted.name(), about.join(QStringLiteral("<br>")));
  m_figures->setText(text);
  QStringList all;
  for (const MetricBenchmarkResult::Comparison& c : m_result.comparisons) all << comparisonText(c);
  m_figures->setToolTip(all.join(QLatin1Char('\n')));
}

void AgreementView::showChosen() {
  std::vector<MetricBenchmarkResult::Metric> metrics;
  for (const int row : m_table->selectedRows()) metrics.push_back(m_model->rows()[size_t(row)]);
  m_chart->setMetrics(std::move(metrics), m_table->selectionModel()->hasSelection() ? tr("No pair could be compared.")
                                                                                    : tr("Select rows below to chart them."));
}

void AgreementView::askExport(const QString& suggestion, bool intervals) {
  const QString folder = QFileInfo(m_inputs->archive().text()).absolutePath();
  QString file = QFileDialog::getSaveFileName(this, tr("Export"), folder + QLatin1Char('/') + suggestion, tr("CSV (*.csv)"));
  if (file.isEmpty()) return;
  if (QFileInfo(file).suffix().isEmpty()) file += QStringLiteral(".csv");
  exportTo(file, intervals);
}

void AgreementView::exportTo(const QString& file, bool intervals) {
  JobSpec spec;
  spec.title = tr("Exporting agreement with people");
  Job* job = m_runner.run(
      spec, this,
      [path = std::filesystem::path(file.toStdU16String()),
       csv = intervals ? benchmarkIntervalsCsv(m_result) : benchmarkCsv(m_result)](JobContext&) {
        writeTextFile(path, csv);
        return true;
      },
      [this, file](bool) { Q_EMIT exported(tr("Wrote %1").arg(file)); });
  connect(job, &Job::failed, this, [this, file, intervals](const JobFailure& failure) {
    Q_EMIT failed(tr("“%1” can not be written").arg(QFileInfo(file).fileName()), failure,
                  [this, file, intervals] { exportTo(file, intervals); });
  });
}

// Anything else, such as a workspace, is the window's.
void AgreementView::dragEnterEvent(QDragEnterEvent* event) {
  if (filesIn(event->mimeData()).isEmpty()) return event->ignore();
  event->acceptProposedAction();
}

void AgreementView::dropEvent(QDropEvent* event) {
  for (const QString& file : filesIn(event->mimeData())) m_inputs->take(file);
  event->acceptProposedAction();
}

void AgreementView::applySettings(const Settings& settings) {
  m_inputs->applySettings(settings);
  m_splitter->apply(settings.agreementSplitter, {520, 220});
}

void AgreementView::storeSettings(Settings& settings) const {
  m_inputs->storeSettings(settings);
  settings.agreementSplitter = m_splitter->kept();
}

}  // namespace sememe
