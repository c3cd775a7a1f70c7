// The neurons of a run as table rows that stream in from a reader lane, page after page.
#pragma once

#include <QAbstractTableModel>
#include <QPointer>
#include <filesystem>
#include <vector>

#include "core/store/neurons.h"
#include "ui/jobs/job_runner.h"

namespace sememe {

// GUI thread. A new query keeps the old rows until its first page is here; pages of an overtaken query are dropped by
// their generation number. Once the count is known the model has all its rows, and those that have not come yet have
// no data.
class NeuronTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Number, Ms, FiringRate, Max, Label, ColumnCount };
  enum Role { ValueRole = Qt::UserRole };  // the raw number (qlonglong, double) or text; invalid while not loaded

  explicit NeuronTableModel(JobRunner& runner, QObject* parent = nullptr);
  ~NeuronTableModel() override;

  void setQuery(const std::filesystem::path& workspace, const NeuronQuery& query);
  void clear();
  const NeuronQuery& query() const { return m_query; }

  const NeuronRow* loadedRow(int row) const;  // null: not here yet
  int rowOf(int64_t neuron) const;            // -1: not among the rows that are here
  int64_t total() const { return m_total; }   // rows of the query; -1: not known yet
  int loadedRows() const { return int(m_rows.size()); }
  bool loading() const { return m_loading; }
  double largestMax() const { return m_largestMax; }  // of the rows that are here

  void setLabel(int64_t neuron, const QString& label);  // shows what was saved; the order stays

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  void sort(int column, Qt::SortOrder order) override;

  static NeuronQuery::Sort sortOf(int column);

 Q_SIGNALS:
  void firstPage();                     // the rows are another query's now
  void rowsLoaded(int first, int last);
  void countChanged();
  void complete();                      // all rows are here
  void failed(const sememe::JobFailure& failure);

 private:
  void reload(bool sameFilter);
  void takePage(int generation, std::vector<NeuronRow> rows, bool first, bool last);
  void takeCount(int generation, int64_t count);

  JobRunner& m_runner;
  std::filesystem::path m_workspace;
  NeuronQuery m_query;
  std::vector<NeuronRow> m_rows;
  int m_shown = 0;  // rowCount()
  int64_t m_total = -1;
  double m_largestMax = 0;
  bool m_loading = false;
  bool m_awaitingFirst = false;
  int m_generation = 0;
  QPointer<Job> m_pages, m_count;
};

}  // namespace sememe
