// How well each metric of neurons agrees with people, as rows of a table.
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/pipeline/metric_benchmark.h"

namespace sememe {

// GUI thread.
class AgreementTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Name, Share, Interval, Pairs, Undecided, Missing, ColumnCount };
  enum Role { SortRole = Qt::UserRole };  // the raw number or text, of an interval its lower end; invalid: not known, sorted last

  explicit AgreementTableModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  void setRows(std::vector<MetricBenchmarkResult::Metric> rows);
  const std::vector<MetricBenchmarkResult::Metric>& rows() const { return m_rows; }

  int rowCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : int(m_rows.size()); }
  int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : ColumnCount; }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QVariant value(const MetricBenchmarkResult::Metric& row, int column) const;

  std::vector<MetricBenchmarkResult::Metric> m_rows;
};

}  // namespace sememe
