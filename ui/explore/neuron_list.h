// The left panel of Explore: filters, the table of neurons, and how many of them are shown.
#pragma once

#include <QCheckBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStackedWidget>
#include <QTableView>
#include <QTimer>
#include <QWidget>
#include <vector>

#include "ui/models/neuron_table_model.h"
#include "ui/settings/settings.h"
#include "ui/widgets/range_filter.h"

namespace sememe {

class NeuronList : public QWidget {
  Q_OBJECT
 public:
  NeuronList(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);

  // Shows a run's neurons, indexed over `images`, under an encoder (0: none); filters and order stay as they are.
  void setSource(const std::filesystem::path& workspace, int64_t run, int64_t embeddings, int64_t neurons,
                 int64_t images);
  void clear();

  int64_t selected() const { return m_selected; }  // -1: none
  void select(int64_t neuron);                     // now, or when its row comes
  void step(int rows);                             // to a neighbour in the table's order
  void goToFirst();
  void goToLast();
  std::vector<int64_t> neighbours(int each) const;  // around the selected one, nearest first
  QString position() const;                         // "12 of 1,024"; empty when it is not in the table

  void focusSearch();
  void clearFilter();   // the search and the ranges
  void showEverything();  // those and the box for rare neurons
  void setLabel(int64_t neuron, const QString& label) { m_model->setLabel(neuron, label); }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

  NeuronTableModel& model() { return *m_model; }
  QTableView& table() { return *m_table; }

 Q_SIGNALS:
  void neuronSelected(qint64 neuron);  // -1: none
  void shown();                        // rows, or the word that there are none, are on the page
  void positionChanged();
  void failed(const sememe::JobFailure& failure);

 private:
  void runQuery();
  void updateCount();
  void rowsLoaded(int first, int last);
  void selectRow(int row);
  bool filtered() const;

  const Theme& m_theme;
  NeuronTableModel* m_model;
  QTableView* m_table;
  QStackedWidget* m_stack;
  QLineEdit* m_search;
  RangeFilter* m_ms;
  RangeFilter* m_rate;
  QCheckBox* m_onlyFullTop;
  QLabel* m_count;
  QPushButton* m_clear;
  QTimer m_debounce;
  std::filesystem::path m_workspace;
  int64_t m_run = 0, m_embeddings = 0, m_neurons = 0, m_images = 0;
  int64_t m_selected = -1;
  bool m_restoring = false;  // the table's own selection changes are not the person's
  bool m_selectFirst = true;
};

}  // namespace sememe
