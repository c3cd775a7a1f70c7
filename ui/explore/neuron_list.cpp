// The left panel of Explore.
#include "ui/explore/neuron_list.h"

#include <QAction>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QLocale>
#include <QScrollBar>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/explore/neuron_delegate.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {
constexpr int kDebounceMs = 200;
}  // namespace

NeuronList::NeuronList(const Theme& theme, JobRunner& runner, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_model(new NeuronTableModel(runner, this)) {
  m_search = new QLineEdit;
  m_search->setPlaceholderText(tr("Search labels, notes and numbers"));
  m_search->setClearButtonEnabled(true);
  m_search->addAction(theme.icon(QStringLiteral("search")), QLineEdit::LeadingPosition);
  m_search->setAccessibleName(tr("Search neurons"));
  m_ms = new RangeFilter(theme, tr("MS"), RangeFilter::Scale::Linear, 1);
  m_rate = new RangeFilter(theme, tr("Fires %"), RangeFilter::Scale::Log, 100);
  const int nameWidth = fontMetrics().horizontalAdvance(tr("Fires %")) + 4;
  m_ms->setNameWidth(nameWidth);
  m_rate->setNameWidth(nameWidth);
  // The highest scores belong to neurons of two or three images, which say little.
  m_onlyFullTop = new QCheckBox(tr("Only neurons that fire on %1 images or more").arg(kTopImages));

  m_table = new QTableView;
  m_table->setModel(m_model);
  m_table->setItemDelegate(new NeuronDelegate(theme, m_table));
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::SingleSelection);
  m_table->setShowGrid(false);
  m_table->setMouseTracking(true);
  m_table->setTabKeyNavigation(false);
  m_table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_table->setWordWrap(false);
  m_table->setAccessibleName(tr("Neurons"));
  m_table->verticalHeader()->hide();
  // One height for all rows: 100,000 of them are laid out without looking at each.
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kUnit + 4);
  QHeaderView* header = m_table->horizontalHeader();
  header->setHighlightSections(false);
  header->setStretchLastSection(true);
  header->setMinimumSectionSize(44);
  header->setSectionsClickable(true);
  m_table->setSortingEnabled(false);

  auto* empty = new EmptyState(theme, QStringLiteral("filter"), tr("No neuron passes the filter"),
                               tr("Widen a range, shorten the text, or let neurons that fire rarely in."), tr("Show all neurons"));
  m_stack = new QStackedWidget;
  m_stack->addWidget(m_table);
  m_stack->addWidget(empty);

  m_count = new QLabel;
  m_count->setProperty("role", QStringLiteral("muted"));
  m_clear = new QPushButton(tr("Clear filter"));
  m_clear->setProperty("link", true);
  m_clear->setCursor(Qt::PointingHandCursor);
  m_clear->hide();

  auto* filters = new QVBoxLayout;
  filters->setContentsMargins(2 * kUnit, 2 * kUnit, 2 * kUnit, kUnit);
  filters->setSpacing(kUnit);
  filters->addWidget(m_search);
  filters->addWidget(m_ms);
  filters->addWidget(m_rate);
  filters->addWidget(m_onlyFullTop);
  auto* rule = new QFrame;
  rule->setProperty("role", QStringLiteral("rule"));
  auto* footer = new QHBoxLayout;
  footer->setContentsMargins(2 * kUnit, kUnit, 2 * kUnit, kUnit);
  footer->addWidget(m_count, 1);
  footer->addWidget(m_clear);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addLayout(filters);
  column->addWidget(m_stack, 1);
  column->addWidget(rule);
  column->addLayout(footer);

  m_debounce.setSingleShot(true);
  m_debounce.setInterval(kDebounceMs);
  connect(&m_debounce, &QTimer::timeout, this, &NeuronList::runQuery);
  connect(m_search, &QLineEdit::textChanged, &m_debounce, qOverload<>(&QTimer::start));
  connect(m_ms, &RangeFilter::changed, &m_debounce, qOverload<>(&QTimer::start));
  connect(m_rate, &RangeFilter::changed, &m_debounce, qOverload<>(&QTimer::start));
  connect(m_onlyFullTop, &QCheckBox::toggled, this, &NeuronList::runQuery);
  connect(m_search, &QLineEdit::returnPressed, this, [this] {
    runQuery();
    m_table->setFocus();
  });
  connect(m_clear, &QPushButton::clicked, this, &NeuronList::clearFilter);
  connect(empty, &EmptyState::actionClicked, this, &NeuronList::showEverything);

  connect(header, &QHeaderView::sectionClicked, this, [this](int column) {
    const bool same = NeuronTableModel::sortOf(column) == m_model->query().sort;
    const auto initial = Qt::SortOrder(m_model->headerData(column, Qt::Horizontal, Qt::InitialSortOrderRole).toInt());
    const auto flipped = m_model->query().descending ? Qt::AscendingOrder : Qt::DescendingOrder;
    m_model->sort(column, same ? flipped : initial);
  });
  connect(m_model, &QAbstractItemModel::modelAboutToBeReset, this, [this] { m_restoring = true; });
  connect(m_model, &NeuronTableModel::firstPage, this, [this] {
    m_restoring = false;
    m_table->scrollToTop();
    m_stack->setCurrentIndex(m_model->rowCount() == 0 && m_model->query().run != 0 ? 1 : 0);
    if (m_model->rowCount() == 0) Q_EMIT shown();
  });
  connect(m_model, &NeuronTableModel::rowsLoaded, this, &NeuronList::rowsLoaded);
  connect(m_model, &NeuronTableModel::countChanged, this, &NeuronList::updateCount);
  connect(m_model, &NeuronTableModel::failed, this, &NeuronList::failed);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& now) {
    if (m_restoring || !now.isValid()) return;
    const NeuronRow* row = m_model->loadedRow(now.row());
    if (!row || row->neuron == m_selected) return;
    m_selected = row->neuron;
    Q_EMIT neuronSelected(m_selected);
    Q_EMIT positionChanged();
  });
  applySettings({});
}

void NeuronList::applySettings(const Settings& settings) {
  QList<int> widths = settings.columnWidths;
  if (widths.size() != NeuronTableModel::ColumnCount) {
    const auto wide = [&](const char* text) { return fontMetrics().horizontalAdvance(QString::fromLatin1(text)) + 2 * kUnit; };
    widths = {wide("Neuron ^"), wide("0.000") + 7 * kUnit, wide("00.00 %"), wide("000.000"), 96};
  }
  for (int i = 0; i < widths.size(); ++i) m_table->setColumnWidth(i, std::max(44, widths[i]));
  m_onlyFullTop->setChecked(settings.onlyFullTop);
  m_model->sort(settings.sortColumn, settings.sortDescending ? Qt::DescendingOrder : Qt::AscendingOrder);
}

void NeuronList::storeSettings(Settings& settings) const {
  settings.columnWidths.clear();
  for (int i = 0; i < NeuronTableModel::ColumnCount; ++i) {
    settings.columnWidths.append(m_table->columnWidth(i));
    if (NeuronTableModel::sortOf(i) == m_model->query().sort) settings.sortColumn = i;
  }
  settings.sortDescending = m_model->query().descending;
  settings.onlyFullTop = m_onlyFullTop->isChecked();
}

void NeuronList::setSource(const std::filesystem::path& workspace, int64_t run, int64_t embeddings, int64_t neurons,
                           int64_t images) {
  if (workspace != m_workspace || run != m_run) {
    m_selected = -1;
    m_selectFirst = true;
  }
  m_workspace = workspace;
  m_run = run;
  m_embeddings = embeddings;
  m_neurons = neurons;
  m_images = images;
  m_ms->setEnabled(embeddings != 0);
  runQuery();
}

void NeuronList::clear() {
  const NeuronQuery order = m_model->query();
  m_debounce.stop();
  m_run = 0;
  m_selected = -1;
  m_restoring = true;
  m_model->clear();
  m_model->sort(0, Qt::AscendingOrder);
  for (int i = 0; i < NeuronTableModel::ColumnCount; ++i) {
    if (NeuronTableModel::sortOf(i) == order.sort) m_model->sort(i, order.descending ? Qt::DescendingOrder : Qt::AscendingOrder);
  }
  m_restoring = false;
  updateCount();
}

void NeuronList::runQuery() {
  m_debounce.stop();
  if (m_run == 0) return;
  NeuronQuery query = m_model->query();
  query.run = m_run;
  query.embeddings = m_embeddings;
  query.msMin = m_embeddings ? m_ms->minimum() : std::nullopt;
  query.msMax = m_embeddings ? m_ms->maximum() : std::nullopt;
  query.rateMin = m_rate->minimum();
  query.rateMax = m_rate->maximum();
  if (m_onlyFullTop->isChecked()) query.rateMin = std::max(query.rateMin.value_or(0), rateOfFullTop(m_images));
  query.text = m_search->text().trimmed().toStdString();
  m_model->setQuery(m_workspace, query);
  m_clear->setVisible(filtered());
}

bool NeuronList::filtered() const {
  const NeuronQuery& q = m_model->query();
  return q.msMin || q.msMax || m_rate->minimum() || q.rateMax || !q.text.empty();
}

void NeuronList::showEverything() {
  const QSignalBlocker once(m_onlyFullTop);
  m_onlyFullTop->setChecked(false);
  clearFilter();
}

void NeuronList::clearFilter() {
  m_search->clear();
  m_ms->clear();
  m_rate->clear();
  runQuery();
}

void NeuronList::updateCount() {
  if (m_run == 0) return m_count->clear();
  if (m_model->total() < 0) return m_count->setText(tr("Counting…"));
  m_count->setText(m_model->total() != m_neurons ? tr("%1 of %2 neurons").arg(grouped(m_model->total()), grouped(m_neurons))
                              : tr("%1 neurons").arg(grouped(m_model->total())));
  Q_EMIT positionChanged();
}

void NeuronList::rowsLoaded(int first, int last) {
  if (m_selected < 0 && m_selectFirst && first == 0) {
    m_selectFirst = false;
    selectRow(0);
  } else if (m_selected >= 0) {
    const int row = m_model->rowOf(m_selected);
    if (row >= first && row <= last) {
      // Marked without scrolling: after a sort one wants to see the top.
      m_restoring = true;
      const int before = m_table->verticalScrollBar()->value();
      m_table->setCurrentIndex(m_model->index(row, 0));
      m_table->verticalScrollBar()->setValue(before);
      m_restoring = false;
      Q_EMIT positionChanged();
    }
  }
  if (first == 0) Q_EMIT shown();
}

void NeuronList::selectRow(int row) {
  const NeuronRow* data = m_model->loadedRow(row);
  if (!data) return;
  m_table->setCurrentIndex(m_model->index(row, 0));
  m_table->scrollTo(m_model->index(row, 0));
}

void NeuronList::select(int64_t neuron) {
  const int row = m_model->rowOf(neuron);
  m_selectFirst = false;
  if (row >= 0) return selectRow(row);
  m_selected = neuron;
  Q_EMIT neuronSelected(neuron);
}

void NeuronList::step(int rows) {
  const int row = m_selected < 0 ? -1 : m_model->rowOf(m_selected);
  if (row < 0) return selectRow(0);
  selectRow(std::clamp(row + rows, 0, std::max(0, m_model->loadedRows() - 1)));
}

void NeuronList::goToFirst() { selectRow(0); }
void NeuronList::goToLast() { selectRow(m_model->loadedRows() - 1); }

std::vector<int64_t> NeuronList::neighbours(int each) const {
  std::vector<int64_t> found;
  const int row = m_selected < 0 ? -1 : m_model->rowOf(m_selected);
  if (row < 0) return found;
  for (int d = 1; d <= each; ++d) {
    for (const int r : {row + d, row - d}) {
      if (const NeuronRow* data = m_model->loadedRow(r)) found.push_back(data->neuron);
    }
  }
  return found;
}

QString NeuronList::position() const {
  const int row = m_selected < 0 ? -1 : m_model->rowOf(m_selected);
  if (row < 0 || m_model->total() < 0) return {};
  return tr("%1 of %2").arg(grouped(row + 1), grouped(m_model->total()));
}

void NeuronList::focusSearch() {
  m_search->setFocus(Qt::ShortcutFocusReason);
  m_search->selectAll();
}

}  // namespace sememe
