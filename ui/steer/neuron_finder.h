// Finds neurons to steer: those that fire on the image or on some of its patches, or those whose label, notes or number is typed.
#pragma once

#include <QAbstractListModel>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPointer>
#include <QStackedWidget>
#include <QTimer>
#include <QWidget>
#include <filesystem>
#include <vector>

#include "core/pipeline/steer.h"
#include "ui/jobs/job_runner.h"
#include "ui/models/neuron_loader.h"
#include "ui/theme/theme.h"

namespace sememe {

struct FoundNeuron {
  int64_t neuron = 0;
  double activation = 0;  // the strongest on the image; NaN: it was searched for, not seen
};

class FoundNeurons : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role { NeuronRole = Qt::UserRole, ActivationRole };
  FoundNeurons(const NeuronLoader& loader, QObject* parent) : QAbstractListModel(parent), m_loader(loader) {}
  void set(std::vector<FoundNeuron> found);
  const std::vector<FoundNeuron>& found() const { return m_found; }
  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  void refresh();

 private:
  const NeuronLoader& m_loader;
  std::vector<FoundNeuron> m_found;
};

class NeuronFinder : public QWidget {
  Q_OBJECT
 public:
  NeuronFinder(const Theme& theme, JobRunner& runner, const NeuronLoader& loader, QWidget* parent = nullptr);

  // Where labels are searched; run 0: nowhere, numbers alone. `neurons`: of the SAE; 0: no SAE.
  void setSource(const std::filesystem::path& workspace, int64_t run, int64_t neurons);
  // `where`: "on the image"; strongest first.
  void setFiring(const std::vector<FiringNeuron>& firing, const QString& where);
  void refresh();  // the loader has more
  void focusSearch();
  std::vector<int64_t> visibleNeurons() const;

  QLineEdit& search() { return *m_search; }
  QListView& list() { return *m_list; }
  FoundNeurons& model() { return *m_model; }
  QString heading() const { return m_heading->text(); }

 Q_SIGNALS:
  void chosen(qint64 neuron);
  void pointedAt(qint64 neuron);  // under the pointer, or the current one while the list has the focus; −1: none any more
  void viewChanged();             // others are in view

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void fill();
  void choose(const QModelIndex& index);
  void point(const QModelIndex& index);
  void present(std::vector<FoundNeuron> found, const QString& heading, const QString& empty);

  JobRunner& m_runner;
  std::filesystem::path m_workspace;
  int64_t m_run = 0, m_neurons = 0;
  std::vector<FoundNeuron> m_firing;
  QString m_where;
  int m_generation = 0;
  bool m_searching = false;    // the list is not what the text asks for yet
  bool m_chooseFirst = false;  // of the list that comes
  QTimer m_pause;  // until typing rests
  QLineEdit* m_search;
  QLabel* m_heading;
  QStackedWidget* m_stack;
  QListView* m_list;
  QLabel* m_hint;
  FoundNeurons* m_model;
};

}  // namespace sememe
