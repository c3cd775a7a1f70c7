// The neurons of a run as table rows that stream in from a reader lane.
#include "ui/models/neuron_table_model.h"

#include <QLocale>
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace sememe {
namespace {
constexpr int kFirstPage = 200;   // enough for any screen
constexpr int kLaterPage = 4000;  // some milliseconds of reading each
}  // namespace

NeuronTableModel::NeuronTableModel(JobRunner& runner, QObject* parent) : QAbstractTableModel(parent), m_runner(runner) {}

NeuronTableModel::~NeuronTableModel() {
  if (m_pages) m_pages->cancel();
  if (m_count) m_count->cancel();
}

void NeuronTableModel::setQuery(const std::filesystem::path& workspace, const NeuronQuery& query) {
  const NeuronQuery& old = m_query;
  const bool sameFilter = workspace == m_workspace && old.run == query.run && old.embeddings == query.embeddings &&
                          old.msMin == query.msMin && old.msMax == query.msMax && old.rateMin == query.rateMin &&
                          old.rateMax == query.rateMax && old.text == query.text;
  m_workspace = workspace;
  m_query = query;
  reload(sameFilter);
  Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
}

void NeuronTableModel::clear() {
  ++m_generation;
  if (m_pages) m_pages->cancel();
  if (m_count) m_count->cancel();
  beginResetModel();
  m_rows.clear();
  m_shown = 0;
  m_total = -1;
  m_loading = false;
  m_query = {};
  endResetModel();
}

void NeuronTableModel::reload(bool sameFilter) {
  const int generation = ++m_generation;
  if (m_pages) m_pages->cancel();
  m_loading = true;
  m_awaitingFirst = true;

  JobSpec spec;
  spec.lane = Lane::Reader;
  spec.urgency = Urgency::Now;
  spec.workspace = m_workspace;
  const QPointer<QObject> guard(this);
  m_pages = m_runner.start(spec, [this, guard, generation, query = m_query](JobContext& context) -> JobRunner::Delivery {
    std::optional<NeuronRow> after;
    for (int limit = kFirstPage;; limit = kLaterPage) {
      std::vector<NeuronRow> rows = context.workspace().neurons().page(query, after, limit);
      const bool first = !after;
      const bool last = int(rows.size()) < limit;
      if (!rows.empty()) after = rows.back();
      auto page = std::make_shared<std::vector<NeuronRow>>(std::move(rows));
      context.post(guard, [this, generation, page, first, last] { takePage(generation, std::move(*page), first, last); });
      if (last) return {};
      throwIfStopped(context.stop);
    }
  });
  const auto report = [this, generation](const JobFailure& failure) {
    if (generation != m_generation) return;
    m_loading = false;
    Q_EMIT failed(failure);
  };
  connect(m_pages, &Job::failed, this, report);

  if (sameFilter && m_total >= 0) return;
  if (m_count) m_count->cancel();
  m_total = -1;
  m_count = m_runner.run(
      spec, this, [query = m_query](JobContext& context) { return context.workspace().neurons().count(query); },
      [this, generation](int64_t count) { takeCount(generation, count); });
}

void NeuronTableModel::takePage(int generation, std::vector<NeuronRow> rows, bool first, bool last) {
  if (generation != m_generation) return;
  int begin = 0;
  if (first) {
    beginResetModel();
    m_awaitingFirst = false;
    m_rows = std::move(rows);
    m_largestMax = 0;
    m_shown = int(std::max<int64_t>(m_total, int64_t(m_rows.size())));
    if (last) m_shown = int(m_rows.size());
    endResetModel();
    Q_EMIT firstPage();
  } else {
    begin = int(m_rows.size());
    const int end = begin + int(rows.size());
    if (end > m_shown) {
      beginInsertRows({}, m_shown, end - 1);
      m_shown = end;
      m_rows.insert(m_rows.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
      endInsertRows();
    } else {
      m_rows.insert(m_rows.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    }
  }
  const int end = int(m_rows.size());
  for (int i = begin; i < end; ++i) {
    if (std::isfinite(m_rows[size_t(i)].max)) m_largestMax = std::max(m_largestMax, m_rows[size_t(i)].max);
  }
  if (end > begin) {
    if (!first) Q_EMIT dataChanged(index(begin, 0), index(end - 1, ColumnCount - 1));
    Q_EMIT rowsLoaded(begin, end - 1);
  }
  if (!last) return;
  // The pages are the truth; the count was taken a moment earlier or later.
  if (m_shown > end) {
    beginRemoveRows({}, end, m_shown - 1);
    m_shown = end;
    endRemoveRows();
  }
  m_total = end;
  m_loading = false;
  Q_EMIT countChanged();
  Q_EMIT complete();
}

void NeuronTableModel::takeCount(int generation, int64_t count) {
  if (generation != m_generation || !m_loading) return;
  m_total = count;
  if (!m_awaitingFirst && count > m_shown) {
    beginInsertRows({}, m_shown, int(count) - 1);
    m_shown = int(count);
    endInsertRows();
  }
  Q_EMIT countChanged();
}

const NeuronRow* NeuronTableModel::loadedRow(int row) const {
  return row >= 0 && row < int(m_rows.size()) ? &m_rows[size_t(row)] : nullptr;
}

int NeuronTableModel::rowOf(int64_t neuron) const {
  const auto found = std::find_if(m_rows.begin(), m_rows.end(), [&](const NeuronRow& r) { return r.neuron == neuron; });
  return found == m_rows.end() ? -1 : int(found - m_rows.begin());
}

void NeuronTableModel::setLabel(int64_t neuron, const QString& label) {
  const int row = rowOf(neuron);
  if (row < 0) return;
  m_rows[size_t(row)].label = label.toStdString();
  Q_EMIT dataChanged(index(row, Label), index(row, Label));
}

int NeuronTableModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : m_shown; }
int NeuronTableModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant NeuronTableModel::data(const QModelIndex& index, int role) const {
  const NeuronRow* row = loadedRow(index.row());
  if (!row) return {};
  if (role == ValueRole) {
    switch (index.column()) {
      case Number: return qlonglong(row->neuron);
      case Ms: return row->ms;
      case FiringRate: return row->firingRate;
      case Max: return row->max;
      case Label: return QString::fromStdString(row->label);
      default: return {};
    }
  }
  const QLocale locale = QLocale::c();
  const auto number = [&](double value) {
    return std::isfinite(value) ? locale.toString(value, 'f', 3) : QStringLiteral("–");
  };
  if (role == Qt::ToolTipRole) {
    switch (index.column()) {
      case Ms:
        return std::isfinite(row->ms) ? tr("MS %1").arg(locale.toString(row->ms, 'f', 6))
                                      : tr("No score: the neuron is dead, active on one image alone, or not scored.");
      case FiringRate: return tr("Fires on %1 % of the images").arg(locale.toString(row->firingRate * 100, 'f', 4));
      case Label: return row->label.empty() ? QVariant() : QString::fromStdString(row->label);
      default: return {};
    }
  }
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  switch (index.column()) {
    case Number: return QString::number(row->neuron);
    case Ms: return number(row->ms);
    case FiringRate:
      return QString(locale.toString(row->firingRate * 100, 'f', row->firingRate < 0.0995 ? 2 : 1) + QStringLiteral(" %"));
    case Max: return number(row->max);
    case Label: return QString::fromStdString(row->label);
    default: return {};
  }
}

QVariant NeuronTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::InitialSortOrderRole) {
    return int(section == Number || section == Label ? Qt::AscendingOrder : Qt::DescendingOrder);
  }
  if (role == Qt::TextAlignmentRole) return int((section == Label || section == Ms ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
  if (role == Qt::ToolTipRole) {
    switch (section) {
      case Number: return tr("The neuron's number");
      case Ms: return tr("Monosemanticity score under the chosen encoder: how alike the images are that it fires on");
      case FiringRate: return tr("Share of the images on which it is above zero");
      case Max: return tr("Its strongest activation on any image");
      case Label: return tr("What you call it");
      default: return {};
    }
  }
  if (role != Qt::DisplayRole) return {};
  const QString names[] = {tr("Neuron"), tr("MS"), tr("Fires"), tr("Max"), tr("Label")};
  if (section < 0 || section >= ColumnCount) return {};
  if (sortOf(section) != m_query.sort) return names[section];
  return QString(names[section] + (m_query.descending ? QStringLiteral(" ↓") : QStringLiteral(" ↑")));
}

NeuronQuery::Sort NeuronTableModel::sortOf(int column) {
  switch (column) {
    case Ms: return NeuronQuery::Sort::Ms;
    case FiringRate: return NeuronQuery::Sort::FiringRate;
    case Max: return NeuronQuery::Sort::Max;
    case Label: return NeuronQuery::Sort::Label;
    default: return NeuronQuery::Sort::Id;
  }
}

void NeuronTableModel::sort(int column, Qt::SortOrder order) {
  if (column < 0 || column >= ColumnCount) return;
  NeuronQuery query = m_query;
  query.sort = sortOf(column);
  query.descending = order == Qt::DescendingOrder;
  if (query.sort == m_query.sort && query.descending == m_query.descending) return;
  if (query.run == 0) {
    m_query = query;
    return;
  }
  setQuery(m_workspace, query);
}

}  // namespace sememe
