// The strip above a page: which run is shown, whose MS, and a note at the right.
#pragma once

#include <QComboBox>
#include <QFrame>
#include <QLabel>
#include <vector>

#include "ui/models/workspace_summary.h"

namespace sememe {

class RunHeader : public QFrame {
  Q_OBJECT
 public:
  explicit RunHeader(QWidget* parent = nullptr);

  // A run's encoders, by the id of their embeddings; the one that was chosen stays chosen where it is there. Emits nothing.
  void setEncoders(const std::vector<ScoreSet>& scores);

  QComboBox& runs() { return *m_runs; }
  QComboBox& encoders() { return *m_encoders; }
  QLabel& encoderName() { return *m_encoderName; }
  QLabel& note() { return *m_note; }

 private:
  QComboBox* m_runs;
  QComboBox* m_encoders;
  QLabel* m_encoderName;
  QLabel* m_note;
};

}  // namespace sememe
