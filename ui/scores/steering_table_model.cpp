// The steered neurons of one set of steering scores as rows of a table.
#include "ui/scores/steering_table_model.h"

#include <cmath>

#include "ui/widgets/chart_axis.h"

namespace sememe {

void SteeringTableModel::setRows(const SteeringScoreSet& set, bool hasSae, std::vector<SteeredNeuron> rows) {
  beginResetModel();
  m_set = set;
  m_hasSae = hasSae;
  m_rows = std::move(rows);
  endResetModel();
  Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
}

QString SteeringTableModel::beforeName() const { return suppressed() && m_hasSae ? tr("Reconstruction") : tr("Unsteered"); }

QVariant SteeringTableModel::value(const SteeredNeuron& row, int column) const {
  const auto number = [](double value) { return std::isnan(value) ? QVariant() : QVariant(value); };
  switch (column) {
    case Neuron: return qlonglong(row.neuron);
    case Label: return row.neuronLabel.empty() ? QVariant() : QVariant(QString::fromStdString(row.neuronLabel));
    case Word: return row.images > 0 ? QVariant(QString::fromStdString(row.label)) : QVariant();
    case Score: return number(row.score);
    case Before: return number(row.before);
    case Change: return number(row.score - row.before);
    case Control: return number(row.control);
    case Said: return row.images > 0 ? QVariant(double(row.labelled) / double(row.images)) : QVariant();
    case Ms: return number(row.ms);
    default: return {};
  }
}

void SteeringTableModel::setLabel(int64_t neuron, const QString& label) {
  for (size_t i = 0; i < m_rows.size(); ++i) {
    if (m_rows[i].neuron != neuron) continue;
    m_rows[i].neuronLabel = label.toStdString();
    const QModelIndex changed = index(int(i), Label);
    Q_EMIT dataChanged(changed, changed);
  }
}

QVariant SteeringTableModel::data(const QModelIndex& index, int role) const {
  const SteeredNeuron& row = m_rows[size_t(index.row())];
  const int column = index.column();
  if (role == SortRole) return value(row, column);
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignVCenter | (column == Label || column == Word ? Qt::AlignLeft : Qt::AlignRight));
  if (role != Qt::DisplayRole) return {};
  const QVariant v = value(row, column);
  if (!v.isValid()) return column == Label ? QString() : QStringLiteral("–");
  if (column == Neuron) return QString::number(row.neuron);
  if (column == Label || column == Word) return v;
  if (column == Said) return tr("%1 of %2").arg(grouped(row.labelled), grouped(row.images));
  const double number = std::abs(v.toDouble()) < 0.0005 ? 0 : v.toDouble();  // without a sign
  const QString text = QString::number(number, 'f', 3);
  return column == Change && number > 0 ? QLatin1Char('+') + text : text;
}

QVariant SteeringTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignVCenter | (section == Label || section == Word ? Qt::AlignLeft : Qt::AlignRight));
  const QString names[] = {tr("Neuron"), tr("Label"), tr("Said most often"), tr("In"), tr("Score"), beforeName(), tr("Change"), tr("Control"), tr("MS")};
  const QString tips[] = {
      tr("The neuron that was steered"),
      tr("What it is called in this workspace"),
      tr("The first word of LLaVA's answers, most often"),
      tr("In how many of the answers"),
      tr("Mean cosine of the words with the mean embedding of the neuron's strongest images"),
      beforeName() == tr("Unsteered") ? tr("The same of LLaVA's words without steering") : tr("The same with the SAE's reconstruction, no neuron changed"),
      tr("Score less what it was before"),
      suppressed() ? tr("Chance: the same with another neuron suppressed") : tr("Chance: the same of the words under the other neurons"),
      tr("Monosemanticity score")};
  if (role == Qt::DisplayRole) return names[section];
  if (role == Qt::ToolTipRole) return tips[section];
  return {};
}

}  // namespace sememe
