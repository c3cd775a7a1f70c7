// The Scores page: how monosemantic the neurons of every run are, how well steering them works, and how well metrics of
// neurons agree with people.
#pragma once

#include <QButtonGroup>
#include <QStackedWidget>

#include "ui/scores/agreement_view.h"
#include "ui/scores/monosemanticity_view.h"
#include "ui/scores/steering_scores_view.h"

namespace sememe {

class ScoresPage : public QWidget {
  Q_OBJECT
 public:
  enum View { Monosemanticity, Steering, Agreement };  // Agreement needs no workspace

  ScoresPage(const Theme& theme, JobRunner& runner, QWidget* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary);
  void clear();  // no workspace
  bool isFilled() const { return m_monosemanticity->isFilled() && m_steering->isFilled(); }
  void focusFirst();

  void showView(View view);
  View view() const { return View(m_tabs->checkedId()); }
  MonosemanticityView& monosemanticity() { return *m_monosemanticity; }
  SteeringScoresView& steering() { return *m_steering; }
  AgreementView& agreement() { return *m_agreement; }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 Q_SIGNALS:
  void filled();
  void openWanted();
  void reloadWanted();
  void exploreWanted(qint64 run);
  void exploreNeuronWanted(qint64 run, qint64 neuron);
  void steerWanted(const sememe::RunInfo& run, qint64 neuron);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);
  void exported(const QString& sentence);
  void settled();  // what was entered has worked, and is to be remembered

 private:
  QWidget* makeTabs();
  void arrange();

  bool m_open = false;      // a workspace is
  QButtonGroup* m_tabs;     // by View
  QStackedWidget* m_views;  // by View, and what is shown without a workspace
  QWidget* m_closed;
  MonosemanticityView* m_monosemanticity;
  SteeringScoresView* m_steering;
  AgreementView* m_agreement;
};

}  // namespace sememe
