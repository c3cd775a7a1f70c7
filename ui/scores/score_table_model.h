// The scores of a workspace as rows of a table.
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/pipeline/score_table.h"

namespace sememe {

// GUI thread.
class ScoreTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Name, Encoder, Layer, Sae, Neurons, Dead, Mean, Deviation, Best, Worst, Median, ColumnCount };
  enum Role { SortRole = Qt::UserRole };  // the raw number or text; invalid: not known, sorted last

  explicit ScoreTableModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  void setRows(std::vector<ScoreRow> rows);
  const std::vector<ScoreRow>& rows() const { return m_rows; }

  int rowCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : int(m_rows.size()); }
  int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : ColumnCount; }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QVariant value(const ScoreRow& row, int column) const;

  std::vector<ScoreRow> m_rows;
};

}  // namespace sememe
