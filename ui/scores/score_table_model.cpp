// The scores of a workspace as rows of a table.
#include "ui/scores/score_table_model.h"

#include <QLocale>
#include <cmath>

namespace sememe {

void ScoreTableModel::setRows(std::vector<ScoreRow> rows) {
  beginResetModel();
  m_rows = std::move(rows);
  endResetModel();
}

QVariant ScoreTableModel::value(const ScoreRow& row, int column) const {
  const ScoreSummary& s = row.summary;
  const auto number = [](double value) { return std::isnan(value) ? QVariant() : QVariant(value); };
  switch (column) {
    case Name:
      return QString::fromStdString(row.name);
    case Encoder:
      return QString::fromStdString(row.encoder);
    case Layer:
      return row.layer < 0 ? 1'000'000 : row.layer;  // the image embedding comes after the layers
    case Sae:
      return QString::fromStdString(saeName(row));
    case Neurons:
      return qlonglong(s.neurons);
    case Dead:
      return qlonglong(s.dead);
    case Mean:
      return number(s.mean);
    case Deviation:
      return number(s.deviation);
    case Best:
      return s.best.empty() ? QVariant() : QVariant(s.best.front().score);
    case Worst:
      return s.worst.empty() ? QVariant() : QVariant(s.worst.front().score);
    case Median:
      return number(s.quantiles[kScoreQuantiles.size() / 2]);
    default:
      return {};
  }
}

QVariant ScoreTableModel::data(const QModelIndex& index, int role) const {
  const ScoreRow& row = m_rows[size_t(index.row())];
  const int column = index.column();
  const bool text = column == Name || column == Encoder || column == Sae || column == Layer;
  if (role == SortRole) return value(row, column);
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignVCenter | (text ? Qt::AlignLeft : Qt::AlignRight));
  if (role == Qt::ToolTipRole && column == Name) {
    QStringList quantiles;
    for (size_t i = 0; i < kScoreQuantiles.size(); ++i)
      quantiles << tr("%1 %: %2").arg(100 * kScoreQuantiles[i]).arg(row.summary.quantiles[i], 0, 'f', 3);
    return tr("%1\nQuantiles of the scores – %2").arg(QString::fromStdString(row.name), quantiles.join(QStringLiteral(", ")));
  }
  if (role != Qt::DisplayRole) return {};
  if (column == Layer) return QString::fromStdString(layerName(row.layer));
  const QVariant v = value(row, column);
  if (!v.isValid()) return QStringLiteral("–");
  if (column == Neurons || column == Dead) return QLocale(QLocale::English).toString(v.toLongLong());
  return text ? v : QVariant(QString::number(v.toDouble(), 'f', 3));
}

QVariant ScoreTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignVCenter | (section < Neurons ? Qt::AlignLeft : Qt::AlignRight));
  const QString names[] = {tr("Run"),  tr("Compared by"), tr("Layer"), tr("SAE"),   tr("Neurons"), tr("Dead"),
                           tr("Mean"), tr("Std"),         tr("Best"),  tr("Worst"), tr("Median")};
  const QString tips[] = {tr("The run whose neurons are scored"),
                          tr("The encoder whose embeddings say how alike images are"),
                          tr("Where the activations were read"),
                          tr("The sparse autoencoder, or raw neurons"),
                          tr("Neurons in all"),
                          tr("Without a score: constant, or active on one image alone"),
                          tr("Mean score of the others"),
                          tr("Their standard deviation"),
                          tr("The highest score"),
                          tr("The lowest score"),
                          tr("Half of the neurons score higher")};
  if (role == Qt::DisplayRole) return names[section];
  if (role == Qt::ToolTipRole) return tips[section];
  return {};
}

}  // namespace sememe
