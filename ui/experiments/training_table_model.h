// The trainings as rows of a table.
#pragma once

#include <QAbstractTableModel>

#include "ui/experiments/training_list.h"

namespace sememe {

// GUI thread; `list` outlives it.
class TrainingTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Name, Type, Latents, K, State, Steps, Loss, L0, ExplainedVariance, Dead, Ms, ColumnCount };
  enum Role {
    SortRole = Qt::UserRole,  // the raw number or text; invalid: not known, sorted last
    IdRole,
    ColorRole,                // int, of Colors::series
    ShareRole,                // double: steps done of all, while it runs or is unfinished; invalid otherwise
  };

  explicit TrainingTableModel(TrainingList& list, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;  // the check box alone
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QVariant value(const Training& training, int column) const;

  TrainingList& m_list;
};

}  // namespace sememe
