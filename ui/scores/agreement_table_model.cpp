// How well each metric of neurons agrees with people, as rows of a table.
#include "ui/scores/agreement_table_model.h"

#include <cmath>

#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

QString percent(double share) { return QString::number(100 * share, 'f', 1); }

}  // namespace

void AgreementTableModel::setRows(std::vector<MetricBenchmarkResult::Metric> rows) {
  beginResetModel();
  m_rows = std::move(rows);
  endResetModel();
}

QVariant AgreementTableModel::value(const MetricBenchmarkResult::Metric& row, int column) const {
  const auto number = [](double value) { return std::isnan(value) ? QVariant() : QVariant(value); };
  switch (column) {
    case Name: return QString::fromStdString(row.name);
    case Share: return number(row.agreement.all.share);
    case Interval: return number(row.agreement.all.low);
    case Pairs: return qlonglong(row.agreement.all.pairs);
    case Undecided: return qlonglong(row.agreement.undecided);
    case Missing: return qlonglong(row.agreement.missing);
    default: return {};
  }
}

QVariant AgreementTableModel::data(const QModelIndex& index, int role) const {
  const MetricBenchmarkResult::Metric& row = m_rows[size_t(index.row())];
  const int column = index.column();
  if (role == SortRole) return value(row, column);
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignVCenter | (column == Name ? Qt::AlignLeft : Qt::AlignRight));
  if (role == Qt::ToolTipRole && column == Name) return value(row, Name);
  if (role != Qt::DisplayRole) return {};
  const QVariant v = value(row, column);
  if (!v.isValid()) return QStringLiteral("–");
  if (column == Share) return tr("%1 %").arg(percent(v.toDouble()));
  if (column == Interval) return tr("%1 – %2 %").arg(percent(row.agreement.all.low), percent(row.agreement.all.high));
  return column == Name ? v : QVariant(grouped(v.toLongLong()));
}

QVariant AgreementTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignVCenter | (section == Name ? Qt::AlignLeft : Qt::AlignRight));
  const QString names[] = {tr("Metric"), tr("Agreement"), tr("95 % interval"), tr("Pairs"), tr("Undecided"), tr("No value")};
  const QString tips[] = {
      tr("MS by an encoder as it was released, MS computed anew, or the file of another metric"),
      tr("Share of the pairs of which people and the metric prefer the same neuron; equal values count one half"),
      tr("Where the agreement lies when the pairs are drawn anew: the bootstrap's 95 % interval"),
      tr("Pairs that were compared"),
      tr("Pairs left out because people were undecided"),
      tr("Pairs left out because the metric has no value for one of the two neurons")};
  if (role == Qt::DisplayRole) return names[section];
  if (role == Qt::ToolTipRole) return tips[section];
  return {};
}

}  // namespace sememe
