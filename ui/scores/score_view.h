// The look and the ways of the Scores page's tables.
#pragma once

#include <QAbstractItemModel>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <vector>

#include "ui/theme/theme.h"

namespace sememe {

// A read-only table over a model of rows, sorted by what the model has under `sortRole`: what is not known (invalid) comes
// last in either order. The columns `wide` share the room that is left. Enter does what a double click does. GUI thread.
class ScoreView : public QTableView {
  Q_OBJECT
 public:
  ScoreView(const Theme& theme, QAbstractItemModel* model, int sortRole, const std::vector<int>& wide, QWidget* parent = nullptr);

  // Rows of the model, in the order of the table.
  std::vector<int> selectedRows() const;
  int rowOf(const QModelIndex& index) const { return m_sorted->mapToSource(index).row(); }  // of an index of the table
  QModelIndex indexOf(int row) const { return m_sorted->mapFromSource(m_sorted->sourceModel()->index(row, 0)); }

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QSortFilterProxyModel* m_sorted;
};

}  // namespace sememe
