// Sorting for tables in which some values are not known.
#pragma once

#include <QSortFilterProxyModel>

namespace sememe {

// What is not known, an invalid QVariant under the sort role, comes last in either order.
class UnknownLast : public QSortFilterProxyModel {
 public:
  using QSortFilterProxyModel::QSortFilterProxyModel;

 protected:
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override {
    const QVariant a = left.data(sortRole()), b = right.data(sortRole());
    if (a.isValid() != b.isValid()) return a.isValid() == (sortOrder() == Qt::AscendingOrder);
    return QSortFilterProxyModel::lessThan(left, right);
  }
};

}  // namespace sememe
