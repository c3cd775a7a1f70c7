// The Scores page.
#include "ui/scores/scores_page.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>

#include "core/base/error.h"
#include "core/base/files.h"
#include "ui/widgets/empty_state.h"

namespace sememe {
namespace {

constexpr int kFirstChosen = 8;  // curves shown at first: as many as there are colours

// What is not known comes last in either order.
class SortedScores : public QSortFilterProxyModel {
 public:
  using QSortFilterProxyModel::QSortFilterProxyModel;

 protected:
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override {
    const QVariant a = left.data(sortRole()), b = right.data(sortRole());
    if (a.isValid() != b.isValid()) return a.isValid() == (sortOrder() == Qt::AscendingOrder);
    return QSortFilterProxyModel::lessThan(left, right);
  }
};

// Cells that begin where their head does; a row is one thing, without a frame round one cell of it.
class ScoreDelegate : public QStyledItemDelegate {
 public:
  ScoreDelegate(const Theme& theme, QObject* parent) : QStyledItemDelegate(parent), m_theme(theme) {}
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    QStyleOptionViewItem cell = option;
    initStyleOption(&cell, index);
    const Colors& c = m_theme.colors();
    if (option.state & QStyle::State_Selected) painter->fillRect(option.rect, c.accentSoft);
    const QRect text = option.rect.adjusted(kUnit, 0, -kUnit, 0);
    painter->setPen(c.text);
    painter->drawText(text, int(cell.displayAlignment) | Qt::TextSingleLine,
                      option.fontMetrics.elidedText(cell.text, index.column() == ScoreTableModel::Name ? Qt::ElideMiddle : Qt::ElideRight, text.width()));
  }
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    return QStyledItemDelegate::sizeHint(option, index) + QSize(2 * kUnit, 0);
  }

 private:
  const Theme& m_theme;
};

// Enter does what a double click does.
class ScoreTableView : public QTableView {
 public:
  using QTableView::QTableView;

 protected:
  void keyPressEvent(QKeyEvent* event) override {
    if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && currentIndex().isValid()) {
      Q_EMIT doubleClicked(currentIndex());
      return;
    }
    QTableView::keyPressEvent(event);
  }
};

std::filesystem::path toPath(const QString& text) { return std::filesystem::path(text.toStdU16String()); }

}  // namespace

ScoresPage::ScoresPage(const Theme& theme, JobRunner& runner, QWidget* parent) : QWidget(parent), m_theme(theme), m_runner(runner) {
  m_model = new ScoreTableModel(this);
  m_sorted = new SortedScores(this);
  m_sorted->setSourceModel(m_model);
  m_sorted->setSortRole(ScoreTableModel::SortRole);
  m_table = new ScoreTableView;
  m_table->setModel(m_sorted);
  m_table->setItemDelegate(new ScoreDelegate(theme, m_table));
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_table->setShowGrid(false);
  m_table->setTabKeyNavigation(false);
  m_table->setWordWrap(false);
  m_table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_table->setAccessibleName(tr("Scores"));
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kUnit + 4);
  m_table->setMinimumHeight(96);
  QHeaderView* header = m_table->horizontalHeader();
  header->setHighlightSections(false);
  header->setSortIndicator(-1, Qt::AscendingOrder);  // as they come: in the order of their making
  header->setSortIndicatorClearable(true);
  header->setSectionResizeMode(QHeaderView::ResizeToContents);
  header->setSectionResizeMode(ScoreTableModel::Name, QHeaderView::Stretch);
  m_table->setSortingEnabled(true);
  m_chart = new ScoreChart(theme);

  auto* top = new QWidget;
  auto* topBox = new QVBoxLayout(top);
  topBox->setContentsMargins(kUnit, kUnit, kUnit, 0);
  topBox->setSpacing(kUnit / 2);
  topBox->addWidget(makeHead());
  topBox->addWidget(m_chart, 1);
  m_splitter = new QSplitter(Qt::Vertical);
  m_splitter->setHandleWidth(1);
  m_splitter->setChildrenCollapsible(false);
  m_splitter->addWidget(top);
  m_splitter->addWidget(m_table);
  m_splitter->setStretchFactor(0, 1);
  m_splitter->setStretchFactor(1, 0);

  auto* closed = new EmptyState(theme, QStringLiteral("columns"), tr("No workspace is open"),
                                tr("Open one to compare the monosemanticity of its layers and sparse autoencoders."), tr("Open workspace…"));
  connect(closed, &EmptyState::actionClicked, this, &ScoresPage::openWanted);
  auto* none = new EmptyState(theme, QStringLiteral("columns"), tr("No scores yet"),
                              tr("In a terminal, run “sememe-cli index” and “sememe-cli score” on this workspace, or a whole\n"
                                 "experiment with “sememe-cli sweep”, then reload."),
                              tr("Reload"));
  connect(none, &EmptyState::actionClicked, this, &ScoresPage::reloadWanted);
  m_states = new QStackedWidget;
  for (QWidget* state : std::initializer_list<QWidget*>{closed, none, m_splitter}) m_states->addWidget(state);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(m_states);

  connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &ScoresPage::readChosen);
  connect(m_table, &QTableView::doubleClicked, this, &ScoresPage::explore);
  m_table->setContextMenuPolicy(Qt::CustomContextMenu);
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

QWidget* ScoresPage::makeHead() {
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

void ScoresPage::setWorkspace(const WorkspaceSummary& summary) {
  m_path = summary.path;
  m_filled = false;
  load();
}

void ScoresPage::clear() {
  ++m_generation;
  ++m_curveGeneration;
  m_path.clear();
  m_model->setRows({});
  m_chart->setFigure(ScoreFigure(), {});
  m_states->setCurrentIndex(0);
  finish();
}

void ScoresPage::finish() {
  if (!std::exchange(m_filled, true)) Q_EMIT filled();
}

void ScoresPage::load() {
  const int generation = ++m_generation;
  JobSpec spec;
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this, [](JobContext& context) { return scoreTable(context.workspace()); },
      [this, generation](std::vector<ScoreRow> rows) {
        if (generation != m_generation) return;
        m_states->setCurrentIndex(rows.empty() ? 1 : 2);
        m_model->setRows(std::move(rows));
        if (m_model->rows().empty()) return finish();
        chooseFirst();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_generation) return;
    m_states->setCurrentIndex(1);
    finish();
    Q_EMIT failed(tr("Reading the scores failed"), failure, [this] { load(); });
  });
}

// The runs as one encoder sees them.
void ScoresPage::chooseFirst() {
  QItemSelection selection;
  int chosen = 0;
  const std::vector<ScoreRow>& rows = m_model->rows();
  for (size_t i = 0; i < rows.size() && chosen < kFirstChosen; ++i) {
    if (rows[i].embeddings != rows.front().embeddings) continue;
    const QModelIndex index = m_sorted->mapFromSource(m_model->index(int(i), 0));
    selection.select(index, index);
    ++chosen;
  }
  m_table->selectionModel()->setCurrentIndex(m_sorted->index(0, 0), QItemSelectionModel::NoUpdate);
  m_table->selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
}

std::vector<ScoreRow> ScoresPage::chosen() const {
  QModelIndexList indexes = m_table->selectionModel()->selectedRows();
  std::sort(indexes.begin(), indexes.end());
  std::vector<ScoreRow> rows;
  for (const QModelIndex& index : indexes) rows.push_back(m_model->rows()[size_t(m_sorted->mapToSource(index).row())]);
  return rows;
}

void ScoresPage::readChosen() {
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

void ScoresPage::explore(const QModelIndex& index) {
  if (index.isValid()) Q_EMIT exploreWanted(m_model->rows()[size_t(m_sorted->mapToSource(index).row())].run);
}

void ScoresPage::askExport(const QString& suggestion, const QString& filter, bool curves) {
  const QString folder = QFileInfo(QString::fromStdU16String(m_path.u16string())).absolutePath();
  QString file = QFileDialog::getSaveFileName(this, tr("Export"), folder + QLatin1Char('/') + suggestion, filter);
  if (file.isEmpty()) return;
  if (QFileInfo(file).suffix().isEmpty()) file += QLatin1Char('.') + QFileInfo(suggestion).suffix();
  exportTo(file, curves);
}

void ScoresPage::exportTo(const QString& file, bool curves) {
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

void ScoresPage::applySettings(const Settings& settings) {
  m_splitter->setSizes(settings.scoresSplitter.size() == 2 ? settings.scoresSplitter : QList<int>{520, 260});
}

void ScoresPage::storeSettings(Settings& settings) const { settings.scoresSplitter = m_splitter->sizes(); }

}  // namespace sememe
