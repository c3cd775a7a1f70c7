// A neuron's label and notes: saved by themselves a moment after the last key, and at once when one goes elsewhere.
#pragma once

#include <QHash>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTimer>
#include <QWidget>
#include <filesystem>

#include "ui/jobs/job_runner.h"
#include "ui/theme/theme.h"

namespace sememe {

class LabelEditor : public QWidget {
  Q_OBJECT
 public:
  LabelEditor(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);
  ~LabelEditor() override;  // saves what is not saved yet

  void setSource(const std::filesystem::path& workspace, int64_t run, bool readOnly);
  // Shows a neuron's texts; what was typed for the one before is saved first. The same neuron again changes nothing.
  void showNeuron(int64_t neuron, const QString& label, const QString& notes);
  void clear();
  void flush();  // saves now what is waiting
  void focusLabel();

  enum class State { Unchanged, Waiting, Saving, Saved, Failed };
  State state() const { return m_state; }

 Q_SIGNALS:
  void edited(qint64 neuron, const QString& label, const QString& notes);  // with each save that begins
  void stateChanged();

 private:
  struct Texts {
    QString label, notes;
  };
  void typed();
  void commit();
  void save(int64_t neuron, const Texts& texts);
  void setState(State state, const QString& detail = {});

  const Theme& m_theme;
  JobRunner& m_runner;
  std::filesystem::path m_workspace;
  int64_t m_run = 0;
  int64_t m_neuron = -1;
  bool m_readOnly = false;
  Texts m_saved;
  QHash<int64_t, Texts> m_unsaved;  // what could not be written, by neuron: kept, shown and tried again
  int m_generation = 0;
  State m_state = State::Unchanged;
  QTimer m_debounce;
  QLineEdit* m_label;
  QPlainTextEdit* m_notes;
  QLabel* m_icon;
  QLabel* m_status;
  QPushButton* m_retry;
};

}  // namespace sememe
