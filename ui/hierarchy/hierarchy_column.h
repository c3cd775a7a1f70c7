// One group of a Matryoshka SAE: what it is, and those of its neurons that are looked at.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QListView>
#include <QStackedWidget>
#include <QWidget>

#include "ui/hierarchy/hierarchy_model.h"
#include "ui/models/neuron_loader.h"
#include "ui/theme/theme.h"

namespace sememe {

class HierarchyColumn : public QWidget {
  Q_OBJECT
 public:
  enum Show { Refining, All, Orphans };
  HierarchyColumn(const Theme& theme, const NeuronLoader& loader, int group, QWidget* parent = nullptr);

  // `parent`: the neuron that is selected in the column before; -1: none. The first column shows the whole group.
  void setSource(std::shared_ptr<HierarchyNeurons> source, int64_t parent);
  void refresh();  // labels or scores changed

  int64_t selected() const;  // -1: none
  void selectFirst();
  void selectBranching();  // the first that others refine; else the first
  std::vector<int64_t> visibleNeurons() const;
  QListView& list() { return *m_list; }
  QComboBox& show() { return *m_show; }
  HierarchyModel& model() { return *m_model; }
  QString facts() const { return m_facts->text(); }

 Q_SIGNALS:
  void selectionChanged();
  void activated(qint64 neuron);
  void stepAside(int columns);  // -1: to the coarser one
  void viewChanged();           // other neurons came into view

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void fill();
  void describe();

  int m_group;
  int64_t m_parent = -1;
  std::shared_ptr<HierarchyNeurons> m_source;
  HierarchyModel* m_model;
  QLabel* m_facts;
  QComboBox* m_show;
  QStackedWidget* m_stack;
  QListView* m_list;
  QLabel* m_hint;
};

}  // namespace sememe
