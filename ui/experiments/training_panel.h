// What one training is and does: state, progress, rate and time left, its latest figures, and what can be done with it.
#pragma once

#include <QFrame>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>

#include "ui/experiments/training.h"
#include "ui/theme/theme.h"

namespace sememe {

class TrainingPanel : public QFrame {
  Q_OBJECT
 public:
  explicit TrainingPanel(const Theme& theme, QWidget* parent = nullptr);

  // Null: none is selected. `selected`: how many are; with more than one, removing means all of them. `readOnly`: the workspace is.
  void show(const Training* training, int selected, bool readOnly);

  QString state() const { return m_state->text(); }
  QString numbers() const { return m_numbers->text(); }
  QPushButton& pauseButton() const { return *m_pause; }    // Pause, Resume or Start again
  QPushButton& exploreButton() const { return *m_explore; }
  QPushButton& removeButton() const { return *m_remove; }  // Cancel… or Delete…

 Q_SIGNALS:
  void pauseWanted();
  void resumeWanted();
  void exploreWanted();
  void removeWanted();

 private:
  const Theme& m_theme;
  QLabel* m_swatch;
  QLabel* m_name;
  QLabel* m_state;
  QLabel* m_numbers;  // rate and time left
  QLabel* m_facts;
  QProgressBar* m_bar;
  QPushButton* m_pause;
  QPushButton* m_explore;
  QPushButton* m_remove;
  bool m_resumes = false;  // what m_pause does
};

}  // namespace sememe
