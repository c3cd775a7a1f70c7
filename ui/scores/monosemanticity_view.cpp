// Monosemanticity scores: table and curves.
#include "ui/scores/monosemanticity_view.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "core/base/files.h"
#include "ui/widgets/empty_state.h"

namespace sememe {
namespace {

constexpr int kFirstChosen = 8;  // curves shown at first: as many as there are colours

std::filesystem::path toPath(const QString& text) { return std::filesystem::path(text.toStdU16String()); }

}  // namespace

MonosemanticityView::MonosemanticityView(const Theme& theme, JobRunner& runner, QWidget* parent) : QWidget(parent), m_theme(theme), m_runner(runner) {
  m_model = new ScoreTableModel(this);
  m_table = new ScoreView(theme, m_model, ScoreTableModel::SortRole, {ScoreTableModel::Name});
  m_table->setAccessibleName(tr("Scores"));
  m_chart = new ScoreChart(theme);

  auto* top = new QWidget;
  auto* topBox = new QVBoxLayout(top);
  topBox->setContentsMargins(kUnit, kUnit, kUnit, 0);
  topBox->setSpacing(kUnit / 2);
  topBox->addWidget(makeHead());
  topBox->addWidget(m_chart, 1);
  m_splitter = new KeptSplitter(Qt::Vertical);
  m_splitter->addWidget(top);
  m_splitter->addWidget(m_table);
  m_splitter->setStretchFactor(0, 1);
  m_splitter->setStretchFactor(1, 0);

  auto* none = new EmptyState(theme, QStringLiteral("columns"), tr("No scores yet"),
                              tr("In a terminal, run “sememe-cli index” and “sememe-cli score” on this workspace, or a whole\n"
                                 "experiment with “sememe-cli sweep”, then reload."),
                              tr("Reload"));
  connect(none, &EmptyState::actionClicked, this, &MonosemanticityView::reloadWanted);
  m_states = new QStackedWidget;
  for (QWidget* state : std::initializer_list<QWidget*>{none, m_splitter}) m_states->addWidget(state);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(m_states);

  connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &MonosemanticityView::readChosen);
  connect(m_table, &QTableView::doubleClicked, this, &MonosemanticityView::explore);
  connect(m_table, &QWidget::customContextMenuRequested, this, [this](const QPoint& at) {
    const QModelIndex index = m_table->indexAt(at);
    if (!index.isValid()) return;
    QMenu menu(this);
    menu.addAction(m_theme.icon(QStringLiteral("grid")), tr("Explore its neurons"), this, [this, index] { explore(index); });
    menu.exec(m_table->viewport()->mapToGlobal(at));
  });
  applySettings({});
  clear();
}

QWidget* MonosemanticityView::makeHead() {
  auto* head = new QWidget;
  auto* row = new QHBoxLayout(head);
  row->setContentsMargins(0, 0, 0, 0);
  auto* title = new QLabel(tr("Monosemanticity of the neurons, sorted"));
  QFont bold = title->font();
  bold.setWeight(QFont::DemiBold);
  title->setFont(bold);
  auto* hint = new QLabel(tr("Select rows below to compare their curves"));
  hint->setProperty("role", QStringLiteral("muted"));
  row->addWidget(title);
  row->addSpacing(kUnit);
  row->addWidget(hint, 1);
  m_export = new QPushButton(tr("Export"));
  auto* menu = new QMenu(m_export);
  menu->addAction(tr("Figure as SVG…"), this, [this] { askExport(QStringLiteral("scores.svg"), tr("SVG (*.svg)"), false); });
  menu->addAction(tr("Figure as PNG…"), this, [this] { askExport(QStringLiteral("scores.png"), tr("PNG (*.png)"), false); });
  menu->addSeparator();
  menu->addAction(tr("Curves as CSV…"), this, [this] { askExport(QStringLiteral("curves.csv"), tr("CSV (*.csv)"), true); });
  menu->addAction(tr("Table as CSV…"), this, [this] { askExport(QStringLiteral("scores.csv"), tr("CSV (*.csv)"), false); });
  menu->addAction(tr("The paper's table as Markdown…"), this, [this] { askExport(QStringLiteral("scores.md"), tr("Markdown (*.md)"), false); });
  m_export->setProperty("menu", true);
  m_export->setMenu(menu);
  m_export->setToolTip(tr("Write the selected rows to a file"));
  row->addWidget(m_export);
  return head;
}

void MonosemanticityView::setWorkspace(const WorkspaceSummary& summary) {
  m_path = summary.path;
  m_filled = false;
  load();
}

void MonosemanticityView::clear() {
  ++m_generation;
  ++m_curveGeneration;
  m_path.clear();
  m_model->setRows({});
  m_chart->setFigure(ScoreFigure(), {});
  m_states->setCurrentIndex(0);
  finish();
}

void MonosemanticityView::finish() {
  if (!std::exchange(m_filled, true)) Q_EMIT filled();
}

void MonosemanticityView::load() {
  const int generation = ++m_generation;
  JobSpec spec;
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this, [](JobContext& context) { return scoreTable(context.workspace()); },
      [this, generation](std::vector<ScoreRow> rows) {
        if (generation != m_generation) return;
        m_states->setCurrentIndex(rows.empty() ? 0 : 1);
        m_model->setRows(std::move(rows));
        if (m_model->rows().empty()) return finish();
        chooseFirst();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_generation) return;
    m_states->setCurrentIndex(0);
    finish();
    Q_EMIT failed(tr("Reading the scores failed"), failure, [this] { load(); });
  });
}

// The runs as one encoder sees them.
void MonosemanticityView::chooseFirst() {
  QItemSelection selection;
  int chosen = 0;
  const std::vector<ScoreRow>& rows = m_model->rows();
  for (size_t i = 0; i < rows.size() && chosen < kFirstChosen; ++i) {
    if (rows[i].embeddings != rows.front().embeddings) continue;
    const QModelIndex index = m_table->indexOf(int(i));
    selection.select(index, index);
    ++chosen;
  }
  m_table->selectionModel()->setCurrentIndex(m_table->model()->index(0, 0), QItemSelectionModel::NoUpdate);
  m_table->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
}

std::vector<ScoreRow> MonosemanticityView::chosen() const {
  std::vector<ScoreRow> rows;
  for (const int row : m_table->selectedRows()) rows.push_back(m_model->rows()[size_t(row)]);
  return rows;
}

void MonosemanticityView::readChosen() {
  const int generation = ++m_curveGeneration;
  const std::vector<ScoreRow> rows = chosen();
  m_export->setEnabled(!rows.empty());
  if (rows.empty()) {
    m_chart->setFigure(ScoreFigure(), tr("Select rows below to see their curves."));
    return;
  }
  JobSpec spec;
  spec.urgency = Urgency::Now;
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this, [rows](JobContext& context) { return readCurves(context.workspace(), rows); },
      [this, generation](std::vector<ScoreCurve> curves) {
        if (generation != m_curveGeneration) return;
        m_chart->setFigure(ScoreFigure(std::move(curves)), tr("No neuron of these runs has a score."));
        finish();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_curveGeneration) return;
    m_chart->setFigure(ScoreFigure(), tr("The scores could not be read."));
    finish();
    Q_EMIT failed(tr("Reading the scores failed"), failure, [this] { readChosen(); });
  });
}

void MonosemanticityView::explore(const QModelIndex& index) {
  if (index.isValid()) Q_EMIT exploreWanted(m_model->rows()[size_t(m_table->rowOf(index))].run);
}

void MonosemanticityView::askExport(const QString& suggestion, const QString& filter, bool curves) {
  const QString folder = QFileInfo(QString::fromStdU16String(m_path.u16string())).absolutePath();
  QString file = QFileDialog::getSaveFileName(this, tr("Export"), folder + QLatin1Char('/') + suggestion, filter);
  if (file.isEmpty()) return;
  if (QFileInfo(file).suffix().isEmpty()) file += QLatin1Char('.') + QFileInfo(suggestion).suffix();
  exportTo(file, curves);
}

void MonosemanticityView::exportTo(const QString& file, bool curves) {
  const std::vector<ScoreRow> rows = chosen();
  const auto again = [this, file, curves] { exportTo(file, curves); };
  const QString title = tr("“%1” can not be written").arg(QFileInfo(file).fileName());
  const QString done = tr("Wrote %1").arg(file);
  const QString ending = QFileInfo(file).suffix().toLower();
  if (ending != QLatin1String("csv") && ending != QLatin1String("md")) {
    try {
      writeFigure(toPath(file), m_chart->figure());
      Q_EMIT exported(done);
    } catch (const Error& error) {
      Q_EMIT failed(title, JobFailure::from(error), again);
    }
    return;
  }
  JobSpec spec;
  spec.title = tr("Exporting scores");
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this,
      [rows, path = toPath(file), curves, table = ending == QLatin1String("md")](JobContext& context) {
        writeTextFile(path, table ? paperTable(rows) : curves ? scoreCurvesCsv(context.workspace(), rows) : scoreTableCsv(rows));
        return true;
      },
      [this, done](bool) { Q_EMIT exported(done); });
  connect(job, &Job::failed, this, [this, title, again](const JobFailure& failure) { Q_EMIT failed(title, failure, again); });
}

void MonosemanticityView::applySettings(const Settings& settings) {
  m_splitter->apply(settings.scoresSplitter, {520, 260});
}

void MonosemanticityView::storeSettings(Settings& settings) const { settings.scoresSplitter = m_splitter->kept(); }

}  // namespace sememe
