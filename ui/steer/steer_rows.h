// The neurons being steered, a row each.
#pragma once

#include <QLabel>
#include <QScrollArea>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <QWidget>
#include <vector>

#include "ui/steer/steer_row.h"

namespace sememe {

class SteerRows : public QWidget {
  Q_OBJECT
 public:
  SteerRows(const Theme& theme, const NeuronLoader& loader, QWidget* parent = nullptr);

  void setNeurons(const std::vector<NeuronEdit>& neurons);  // emits nothing; rows of neurons that stay keep their focus
  std::vector<NeuronEdit> neurons() const;
  void setTokenNorm(double norm);
  void refresh();  // the loader has more
  const std::vector<SteerRow*>& rows() const { return m_rows; }
  SteerRow* row(int64_t neuron) const;  // null: none
  void focusRow(int64_t neuron);
  int64_t current() const { return m_current; }  // −1: none
  bool isMoving() const;  // a hand is on a slider

 Q_SIGNALS:
  // neurons() have changed. `merge`: the same as the last time when it goes on with that change; empty: it stands alone.
  void edited(const QString& what, const QString& merge);
  void rested();
  void currentChanged(qint64 neuron);
  void exploreWanted(qint64 neuron);
  void pointedAt(qint64 neuron);  // the pointer is on its name or its images; −1: on none any more

 private:
  SteerRow* makeRow(const NeuronEdit& edit);
  void setCurrent(int64_t neuron);

  const Theme& m_theme;
  const NeuronLoader& m_loader;
  double m_norm = 0;
  int64_t m_current = -1;
  int m_changes = 0;
  std::vector<SteerRow*> m_rows;
  QStackedWidget* m_stack;
  QScrollArea* m_scroll;
  QWidget* m_body;
  QVBoxLayout* m_column;
};

}  // namespace sememe
