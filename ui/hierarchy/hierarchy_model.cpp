// Groups, children and orphans of a Matryoshka SAE.
#include "ui/hierarchy/hierarchy_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sememe {

HierarchyNeurons::HierarchyNeurons(HierarchyData data) : m_data(std::move(data)) {
  m_starts.push_back(0);
  for (const int64_t size : m_data.refinements.groupSizes) m_starts.push_back(m_starts.back() + size);
}

int HierarchyNeurons::groupOf(int64_t neuron) const {
  return int(std::upper_bound(m_starts.begin(), m_starts.end(), neuron) - m_starts.begin()) - 1;
}

void HierarchyNeurons::setRows(std::vector<NeuronRow> rows) { m_rows = std::move(rows); }

NeuronRow* HierarchyNeurons::row(int64_t neuron) {
  return neuron >= 0 && neuron < int64_t(m_rows.size()) ? &m_rows[size_t(neuron)] : nullptr;
}

double HierarchyNeurons::meanMs(int group) const {
  double sum = 0;
  int64_t scored = 0;
  for (int64_t n = m_starts[size_t(group)]; n < std::min(m_starts[size_t(group) + 1], int64_t(m_rows.size())); ++n) {
    if (std::isnan(m_rows[size_t(n)].ms)) continue;
    sum += m_rows[size_t(n)].ms;
    ++scored;
  }
  return scored == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / double(scored);
}

std::vector<int64_t> HierarchyNeurons::all(int group) const {
  std::vector<int64_t> found;
  for (int64_t n = m_starts[size_t(group)]; n < m_starts[size_t(group) + 1]; ++n) found.push_back(n);
  const auto ms = [this](int64_t n) {
    const double score = size_t(n) < m_rows.size() ? m_rows[size_t(n)].ms : std::numeric_limits<double>::quiet_NaN();
    return std::isnan(score) ? -2.0 : score;
  };
  const std::vector<int64_t>& children = m_data.refinements.children;
  std::stable_sort(found.begin(), found.end(), [&](int64_t a, int64_t b) {
    if (children[size_t(a)] != children[size_t(b)]) return children[size_t(a)] > children[size_t(b)];
    return ms(a) > ms(b);
  });
  return found;
}

std::vector<int64_t> HierarchyNeurons::children(int64_t neuron) const {
  std::vector<int64_t> found;
  const int next = groupOf(neuron) + 1;
  if (next >= groups()) return found;
  const Refinements& r = m_data.refinements;
  for (int64_t n = m_starts[size_t(next)]; n < m_starts[size_t(next) + 1]; ++n) {
    if (r.parents[size_t(n)] == neuron) found.push_back(n);
  }
  std::stable_sort(found.begin(), found.end(), [&](int64_t a, int64_t b) { return r.shares[size_t(a)] > r.shares[size_t(b)]; });
  return found;
}

std::vector<int64_t> HierarchyNeurons::orphans(int group) const {
  std::vector<int64_t> found = all(group);
  std::erase_if(found, [this](int64_t n) { return m_data.refinements.parents[size_t(n)] >= 0; });
  return found;
}

void HierarchyModel::setNeurons(std::shared_ptr<HierarchyNeurons> source, std::vector<int64_t> neurons) {
  beginResetModel();
  m_source = std::move(source);
  m_neurons = std::move(neurons);
  endResetModel();
}

void HierarchyModel::refresh() {
  if (!m_neurons.empty()) Q_EMIT dataChanged(index(0), index(rowCount() - 1));
}

int HierarchyModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int(m_neurons.size()); }

QVariant HierarchyModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const int64_t neuron = m_neurons[size_t(index.row())];
  if (role == NeuronRole) return qlonglong(neuron);
  if (role != Qt::DisplayRole && role != Qt::AccessibleTextRole) return {};
  const NeuronRow* row = m_source->row(neuron);
  return row && !row->label.empty() ? tr("%1  %2").arg(neuron).arg(QString::fromStdString(row->label)) : QString::number(neuron);
}

}  // namespace sememe
