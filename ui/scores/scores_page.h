// The Scores page: how monosemantic the neurons of every run are, and how well steering them works.
#pragma once

#include <QButtonGroup>
#include <QStackedWidget>

#include "ui/scores/monosemanticity_view.h"
#include "ui/scores/steering_scores_view.h"

namespace sememe {

class ScoresPage : public QWidget {
  Q_OBJECT
 public:
  enum View { Monosemanticity, Steering };

  ScoresPage(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary);
  void clear();  // no workspace
  bool isFilled() const { return m_monosemanticity->isFilled() && m_steering->isFilled(); }
  void focusFirst();

  void showView(View view);
  View view() const { return View(m_views->currentIndex()); }
  MonosemanticityView& monosemanticity() { return *m_monosemanticity; }
  SteeringScoresView& steering() { return *m_steering; }

  // The demo's models, that steering may be scored with; may be empty.
  void setDemo(const SteeringModelParams& demo) { m_demo = demo; }
  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const { m_monosemanticity->storeSettings(settings); }

 Q_SIGNALS:
  void filled();
  void openWanted();
  void reloadWanted();
  void exploreWanted(qint64 run);
  void exploreNeuronWanted(qint64 run, qint64 neuron);
  void steerWanted(const sememe::RunInfo& run, qint64 neuron);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);
  void exported(const QString& sentence);

 private:
  QWidget* makeTabs();

  SteeringModelParams m_demo;
  QStackedWidget* m_states;  // no workspace, the page
  QButtonGroup* m_tabs;      // by View
  QStackedWidget* m_views;   // by View
  MonosemanticityView* m_monosemanticity;
  SteeringScoresView* m_steering;
};

}  // namespace sememe
