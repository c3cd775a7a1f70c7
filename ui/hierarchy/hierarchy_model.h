// The neurons of a Matryoshka SAE by group and by what they refine, and one column of them as a list.
#pragma once

#include <QAbstractListModel>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/neuron_sets.h"
#include "core/pipeline/refinements.h"
#include "core/store/neurons.h"

namespace sememe {

struct HierarchyData {
  Refinements refinements;
  HierarchyResult depths;  // without groups where the classes say nothing of depth
};

// Reads the hierarchy of "workspace.sememe#RUN"; on the compute lane. Throws as refinements() does.
using HierarchyReader = std::function<HierarchyData(const std::string& run, const std::stop_token&, const ProgressFn&)>;

// GUI thread.
class HierarchyNeurons {
 public:
  explicit HierarchyNeurons(HierarchyData data);

  int groups() const { return int(m_data.refinements.groupSizes.size()); }
  int groupOf(int64_t neuron) const;
  const HierarchyData& data() const { return m_data; }

  // Labels and scores, of neuron 0, 1, …; all of the run.
  void setRows(std::vector<NeuronRow> rows);
  NeuronRow* row(int64_t neuron);              // null: not here yet
  double meanMs(int group) const;              // of the scored ones; NaN without any

  std::vector<int64_t> all(int group) const;       // those that most refine first, then by MS
  std::vector<int64_t> children(int64_t neuron) const;  // the highest share first
  std::vector<int64_t> orphans(int group) const;   // of a finer group: that refine none

 private:
  HierarchyData m_data;
  std::vector<int64_t> m_starts;  // of the groups; then one past the last neuron
  std::vector<NeuronRow> m_rows;
};

class HierarchyModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role { NeuronRole = Qt::UserRole };
  using QAbstractListModel::QAbstractListModel;

  void setNeurons(std::shared_ptr<HierarchyNeurons> source, std::vector<int64_t> neurons);
  const std::vector<int64_t>& neurons() const { return m_neurons; }
  HierarchyNeurons* source() const { return m_source.get(); }
  void refresh();  // labels or scores changed

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;

 private:
  std::shared_ptr<HierarchyNeurons> m_source;
  std::vector<int64_t> m_neurons;
};

}  // namespace sememe
