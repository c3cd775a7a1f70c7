// The Experiments page.
#include "ui/experiments/experiments_page.h"

#include <QLocale>
#include <QMenu>
#include <QMessageBox>
#include <QVBoxLayout>

#include "ui/widgets/empty_state.h"

namespace sememe {

ExperimentsPage::ExperimentsPage(const Theme& theme, JobRunner& runner, TrainingServices services, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_trainings(new TrainingList(runner, std::move(services), this)) {
  m_confirm = [this](const QString& question, const QString& consequence, const QString& yes) { return ask(question, consequence, yes); };

  const QString howToExtract = tr("An SAE learns from stored activations of a model.\n"
                                  "In a terminal, run “sememe-cli extract” on this workspace, then reload.");
  const auto nothingToTrainOn = [&] {
    auto* empty = new EmptyState(theme, QStringLiteral("database"), tr("No activations to train on"), howToExtract, tr("Reload"));
    connect(empty, &EmptyState::actionClicked, this, &ExperimentsPage::reloadWanted);
    return empty;
  };
  m_form = new TrainingForm(theme);
  m_left = new QStackedWidget;
  m_left->addWidget(m_form);
  m_left->addWidget(nothingToTrainOn());
  auto* leftPanel = new QFrame;
  leftPanel->setProperty("panel", true);
  auto* leftBox = new QVBoxLayout(leftPanel);
  leftBox->setContentsMargins(0, 0, 0, 0);
  leftBox->addWidget(m_left);
  leftPanel->setMinimumWidth(270);

  m_splitter = new KeptSplitter(Qt::Horizontal);
  m_splitter->addWidget(leftPanel);
  m_splitter->addWidget(makeResults());
  m_splitter->setStretchFactor(0, 0);
  m_splitter->setStretchFactor(1, 1);

  auto* closed = new EmptyState(theme, QStringLiteral("chart"), tr("No workspace is open"),
                                tr("Open one to train sparse autoencoders on its activations and to compare them."), tr("Open workspace…"));
  connect(closed, &EmptyState::actionClicked, this, &ExperimentsPage::openWanted);
  m_states = new QStackedWidget;
  m_states->addWidget(closed);
  m_states->addWidget(nothingToTrainOn());
  m_states->addWidget(m_splitter);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(m_states);

  connect(m_form, &TrainingForm::startWanted, this, [this](const QString& name, const TrainJobParams& job) {
    const qint64 id = m_trainings->start(name, job);
    updateStates();
    m_table->select(id);
    m_table->scrollToTop();
  });
  connect(m_form, &TrainingForm::checked, this, &ExperimentsPage::actionsChanged);
  connect(m_panel, &TrainingPanel::pauseWanted, this, &ExperimentsPage::pauseOrResume);
  connect(m_panel, &TrainingPanel::resumeWanted, this, &ExperimentsPage::pauseOrResume);
  connect(m_panel, &TrainingPanel::exploreWanted, this, &ExperimentsPage::explore);
  connect(m_panel, &TrainingPanel::removeWanted, this, &ExperimentsPage::removeSelected);
  connect(m_table, &TrainingTable::selectionMoved, this, [this] {
    m_charts->setStrong(m_table->selected());
    updatePanel();
  });
  connect(m_table, &TrainingTable::removeWanted, this, &ExperimentsPage::removeSelected);
  connect(m_table, &TrainingTable::exploreWanted, this, &ExperimentsPage::explore);
  connect(m_table, &TrainingTable::menuWanted, this, &ExperimentsPage::contextMenu);
  const auto lookAgain = [this] {
    updateStates();
    updatePanel();
  };
  connect(m_trainings, &TrainingList::reset, this, lookAgain);
  connect(m_trainings, &TrainingList::removed, this, lookAgain);
  connect(m_trainings, &TrainingList::changed, this, lookAgain);
  connect(m_trainings, &TrainingList::pointsChanged, this, &ExperimentsPage::updatePanel);
  connect(m_trainings, &TrainingList::loaded, this, [this] {
    updateStates();
    if (!std::exchange(m_filled, true)) Q_EMIT filled();
  });
  connect(m_trainings, &TrainingList::explored, this, &ExperimentsPage::explored);
  connect(m_trainings, &TrainingList::failed, this, &ExperimentsPage::failed);
  connect(&theme, &Theme::changed, this, &ExperimentsPage::updatePanel);
  applySettings({});
  clear();
}

QWidget* ExperimentsPage::makeResults() {
  m_panel = new TrainingPanel(m_theme);
  m_charts = new ChartBoard(m_theme, *m_trainings, m_panel);
  m_table = new TrainingTable(m_theme, *m_trainings);
  m_table->setMinimumHeight(96);
  m_resultsSplitter = new KeptSplitter(Qt::Vertical);
  m_resultsSplitter->addWidget(m_charts);
  m_resultsSplitter->addWidget(m_table);
  m_resultsSplitter->setStretchFactor(0, 1);
  m_resultsSplitter->setStretchFactor(1, 0);
  auto* none = new EmptyState(m_theme, QStringLiteral("chart"), tr("No trainings yet"),
                              tr("Choose the values on the left, or a paper's preset, and press Start training.\n"
                                 "Loss, L0, explained variance, dead latents and MS appear here while it runs."));
  m_results = new QStackedWidget;
  m_results->addWidget(m_resultsSplitter);
  m_results->addWidget(none);
  return m_results;
}

void ExperimentsPage::setWorkspace(const WorkspaceSummary& summary) {
  m_summary = summary;
  m_filled = false;
  m_form->setSources(summary);
  m_trainings->setWorkspace(summary);
  updateStates();
}

void ExperimentsPage::clear() {
  m_summary = {};
  m_filled = false;
  m_form->setSources({});
  m_trainings->setWorkspace({});
  updateStates();
  if (!std::exchange(m_filled, true)) Q_EMIT filled();
}

void ExperimentsPage::updateStates() {
  const bool none = m_trainings->count() == 0, nothing = m_summary.activations.empty();
  m_states->setCurrentIndex(m_summary.path.empty() ? 0 : none && nothing ? 1 : 2);
  m_left->setCurrentIndex(nothing ? 1 : 0);
  m_results->setCurrentIndex(none ? 1 : 0);
  m_form->setTakenNames(m_trainings->names());
  m_form->setBusy(m_trainings->anyActive());
}

void ExperimentsPage::focusFirst() {
  if (m_states->currentIndex() != 2) return;
  if (m_results->currentIndex() == 0) m_table->setFocus();
  else m_form->field("run").focusProxy()->setFocus();
}

void ExperimentsPage::updatePanel() {
  m_panel->show(m_trainings->find(m_table->current()), int(m_table->selected().size()), m_summary.readOnly);
  Q_EMIT actionsChanged();
}

void ExperimentsPage::pauseOrResume() {
  // What the button says of the one in the panel is done with all that are selected.
  const Training* shown = m_trainings->find(m_table->current());
  if (!shown) return;
  const bool resume = shown->canGoOn();
  for (const qint64 id : m_table->selected()) resume ? m_trainings->resume(id) : m_trainings->pause(id);
}

void ExperimentsPage::explore() {
  if (!m_summary.readOnly) m_trainings->explore(m_table->current());
}

void ExperimentsPage::removeSelected() {
  const QList<qint64> ids = m_table->selected();
  if (ids.isEmpty()) return;
  const Training* first = m_trainings->find(ids.first());
  if (!first) return;
  // One that never began has nothing to lose.
  if (ids.size() == 1 && first->status == TrainingStatus::Waiting && !first->job.resume) return m_trainings->pause(ids.first());
  const QLocale english(QLocale::English);
  QString question, lost;
  if (ids.size() > 1) {
    question = tr("Delete %1 trainings?").arg(ids.size());
    lost = tr("Their dictionaries, states and curves are removed from the disk. What was brought to Explore stays.");
  } else if (first->status == TrainingStatus::Finished) {
    question = tr("Delete the training “%1”?").arg(first->name);
    lost = tr("Its dictionary and its curves are removed from the disk. What was brought to Explore stays.");
  } else {
    question = first->active() ? tr("Cancel the training “%1”?").arg(first->name) : tr("Delete the training “%1”?").arg(first->name);
    lost = tr("The %1 steps trained so far and their curves are lost.").arg(english.toString(qlonglong(first->stepsDone)));
    if (first->active()) lost += tr(" Pause keeps them.");
  }
  const bool cancels = ids.size() == 1 && first->active();
  if (!m_confirm(question, lost, cancels ? tr("Cancel training") : tr("Delete"))) return;
  for (const qint64 id : ids) {
    // While the question stood it may have come to its end, and nobody meant to throw a finished one away.
    const Training* now = m_trainings->find(id);
    if (now && !(cancels && now->status == TrainingStatus::Finished)) m_trainings->remove(id);
  }
}

bool ExperimentsPage::ask(const QString& question, const QString& consequence, const QString& yes) {
  QMessageBox box(QMessageBox::Warning, tr("Sememe"), question, QMessageBox::NoButton, this);
  box.setInformativeText(consequence);
  QPushButton* accept = box.addButton(yes, QMessageBox::DestructiveRole);
  QPushButton* keep = box.addButton(tr("Keep"), QMessageBox::RejectRole);
  box.setDefaultButton(keep);
  box.setEscapeButton(keep);
  box.exec();
  return box.clickedButton() == accept;
}

void ExperimentsPage::contextMenu(const QPoint& global) {
  if (m_table->selected().isEmpty()) return;
  QMenu menu(this);
  const auto add = [&](const QPushButton& button, const QString& icon, void (ExperimentsPage::*run)()) {
    if (button.isHidden()) return;
    menu.addAction(m_theme.icon(icon), button.text(), this, run)->setEnabled(button.isEnabled());
  };
  add(m_panel->exploreButton(), QStringLiteral("grid"), &ExperimentsPage::explore);
  add(m_panel->pauseButton(), m_panel->state().startsWith(tr("Running")) ? QStringLiteral("pause") : QStringLiteral("play"),
      &ExperimentsPage::pauseOrResume);
  add(m_panel->removeButton(), QStringLiteral("trash"), &ExperimentsPage::removeSelected);
  menu.exec(global);
}

void ExperimentsPage::applySettings(const Settings& settings) {
  m_form->setValues(settings.trainingForm);
  m_charts->applySettings(settings);
  m_table->applySettings(settings);
  m_splitter->apply(settings.experimentsSplitter, {360, 1000});
  m_resultsSplitter->apply(settings.resultsSplitter, {520, 190});
}

void ExperimentsPage::storeSettings(Settings& settings) const {
  settings.trainingForm = m_form->values();
  m_charts->storeSettings(settings);
  m_table->storeSettings(settings);
  settings.experimentsSplitter = m_splitter->kept();
  settings.resultsSplitter = m_resultsSplitter->kept();
}

}  // namespace sememe
