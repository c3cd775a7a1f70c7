// The steered neurons of one set of steering scores as rows of a table.
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/store/steering_scores.h"

namespace sememe {

// GUI thread.
class SteeringTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Neuron, Label, Word, Said, Score, Before, Change, Control, Ms, ColumnCount };
  enum Role { SortRole = Qt::UserRole };  // the raw number or text; invalid: not known, sorted last

  explicit SteeringTableModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  // `hasSae`: whether the neurons are those of an SAE, whose reconstruction is then what suppressing is compared with.
  void setRows(const SteeringScoreSet& set, bool hasSae, std::vector<SteeredNeuron> rows);
  const std::vector<SteeredNeuron>& rows() const { return m_rows; }
  void setLabel(int64_t neuron, const QString& label);
  QString beforeName() const;  // what a score is compared with

  int rowCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : int(m_rows.size()); }
  int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : ColumnCount; }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  bool suppressed() const { return m_set.test == SteeringTest::Suppressed; }
  QVariant value(const SteeredNeuron& row, int column) const;

  SteeringScoreSet m_set;
  bool m_hasSae = false;
  std::vector<SteeredNeuron> m_rows;
};

}  // namespace sememe
