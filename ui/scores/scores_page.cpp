// The Scores page.
#include "ui/scores/scores_page.h"

#include <QToolButton>
#include <QVBoxLayout>

#include "ui/widgets/empty_state.h"

namespace sememe {

ScoresPage::ScoresPage(const Theme& theme, JobRunner& runner, QWidget* parent)
    : QWidget(parent),
      m_tabs(new QButtonGroup(this)),
      m_views(new QStackedWidget),
      m_monosemanticity(new MonosemanticityView(theme, runner)),
      m_steering(new SteeringScoresView(theme, runner)),
      m_agreement(new AgreementView(theme, runner)) {
  auto* closed = new EmptyState(theme, QStringLiteral("columns"), tr("No workspace is open"),
                                tr("Open one to compare the monosemanticity of its layers and sparse autoencoders, and how well\n"
                                  "steering them works. Agreement with people needs none."),
                               tr("Open workspace…"));
  connect(closed, &EmptyState::actionClicked, this, &ScoresPage::openWanted);
  m_closed = closed;
  for (QWidget* view : std::initializer_list<QWidget*>{m_monosemanticity, m_steering, m_agreement, m_closed})
    m_views->addWidget(view);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeTabs());
  column->addWidget(m_views, 1);

  const auto fill = [this] {
    if (isFilled()) Q_EMIT filled();
  };
  connect(m_monosemanticity, &MonosemanticityView::filled, this, fill);
  connect(m_monosemanticity, &MonosemanticityView::reloadWanted, this, &ScoresPage::reloadWanted);
  connect(m_monosemanticity, &MonosemanticityView::exploreWanted, this, &ScoresPage::exploreWanted);
  connect(m_monosemanticity, &MonosemanticityView::failed, this, &ScoresPage::failed);
  connect(m_monosemanticity, &MonosemanticityView::exported, this, &ScoresPage::exported);
  connect(m_steering, &SteeringScoresView::filled, this, fill);
  connect(m_steering, &SteeringScoresView::reloadWanted, this, &ScoresPage::reloadWanted);
  connect(m_steering, &SteeringScoresView::exploreWanted, this, &ScoresPage::exploreNeuronWanted);
  connect(m_steering, &SteeringScoresView::steerWanted, this, &ScoresPage::steerWanted);
  connect(m_steering, &SteeringScoresView::failed, this, &ScoresPage::failed);
  connect(m_steering, &SteeringScoresView::exported, this, &ScoresPage::exported);
  connect(m_agreement, &AgreementView::failed, this, &ScoresPage::failed);
  connect(m_agreement, &AgreementView::exported, this, &ScoresPage::exported);
  connect(m_agreement, &AgreementView::compared, this, &ScoresPage::settled);
  showView(Monosemanticity);
}

QWidget* ScoresPage::makeTabs() {
  auto* strip = new QWidget;
  strip->setAccessibleName(tr("Kinds of scores"));
  auto* row = new QHBoxLayout(strip);
  row->setContentsMargins(kUnit / 2, kUnit / 2, kUnit, 0);
  row->setSpacing(kUnit / 2);
  const QString titles[] = {tr("Monosemanticity"), tr("Steering"), tr("Agreement with people")};
  for (int view = Monosemanticity; view <= Agreement; ++view) {
    auto* button = new QToolButton;
    button->setText(titles[view]);
    button->setCheckable(true);
    button->setFocusPolicy(Qt::TabFocus);
    button->setProperty("tab", true);
    m_tabs->addButton(button, view);
    row->addWidget(button);
  }
  row->addStretch(1);
  connect(m_tabs, &QButtonGroup::idClicked, this, [this](int view) {
    showView(View(view));
    focusFirst();
  });
  return strip;
}

void ScoresPage::showView(View view) {
  m_tabs->button(view)->setChecked(true);
  arrange();
}

void ScoresPage::arrange() {
  if (!m_open && view() != Agreement) return m_views->setCurrentWidget(m_closed);
  m_views->setCurrentIndex(view());
}

void ScoresPage::focusFirst() {
  if (view() == Agreement) return m_agreement->focusFirst();
  if (view() == Steering) return m_steering->focusFirst();
  m_monosemanticity->focusFirst();
}

void ScoresPage::setWorkspace(const WorkspaceSummary& summary) {
  m_open = true;
  arrange();
  m_monosemanticity->setWorkspace(summary);
  m_steering->setWorkspace(summary);
  m_agreement->setWorkspace(summary);
}

void ScoresPage::clear() {
  m_open = false;
  arrange();
  m_monosemanticity->clear();
  m_steering->clear();
  m_agreement->clear();
}

void ScoresPage::applySettings(const Settings& settings) {
  m_monosemanticity->applySettings(settings);
  m_agreement->applySettings(settings);
}

void ScoresPage::storeSettings(Settings& settings) const {
  m_monosemanticity->storeSettings(settings);
  m_agreement->storeSettings(settings);
}

}  // namespace sememe
