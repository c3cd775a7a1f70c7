// Steering scores: a chooser of sets, their figures, and a table of neurons.
#include "ui/scores/steering_scores_view.h"

#include <QDateTime>
#include <QFileDialog>
#include <QFileInfo>
#include <QLocale>
#include <QMenu>
#include <QMessageBox>
#include <QVBoxLayout>
#include <cmath>

#include "core/base/files.h"
#include "core/pipeline/steering_score.h"
#include "ui/widgets/chart_axis.h"
#include "ui/widgets/empty_state.h"

namespace sememe {

SteeringScoresView::SteeringScoresView(const Theme& theme, JobRunner& runner, QWidget* parent) : QWidget(parent), m_theme(theme), m_runner(runner) {
  m_model = new SteeringTableModel(this);
  m_table = new ScoreView(theme, m_model, SteeringTableModel::SortRole, {SteeringTableModel::Label, SteeringTableModel::Word});
  m_table->setAccessibleName(tr("Steered neurons"));
  m_table->sortByColumn(SteeringTableModel::Score, Qt::DescendingOrder);
  m_figures = new QLabel;
  m_figures->setTextFormat(Qt::RichText);
  m_figures->setWordWrap(true);

  auto* filled = new QWidget;
  auto* column = new QVBoxLayout(filled);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(kUnit / 2);
  auto* top = new QVBoxLayout;
  top->setContentsMargins(kUnit, kUnit, kUnit, kUnit / 2);
  top->setSpacing(kUnit);
  top->addWidget(makeHead());
  top->addWidget(m_figures);
  column->addLayout(top);
  column->addWidget(m_table, 1);

  auto* none = new EmptyState(theme, QStringLiteral("sliders"), tr("No steering scores yet"),
                              tr("How well do the words that LLaVA says under a clamped neuron fit the images that fire it?\n"
                                 "Score the neurons of this workspace here, or with “sememe-cli steering-score”."),
                              tr("Score neurons…"));
  connect(none, &EmptyState::actionClicked, this, &SteeringScoresView::askScore);
  m_states = new QStackedWidget;
  for (QWidget* state : std::initializer_list<QWidget*>{none, filled}) m_states->addWidget(state);
  auto* whole = new QVBoxLayout(this);
  whole->setContentsMargins(0, 0, 0, 0);
  whole->addWidget(m_states);

  connect(&theme, &Theme::changed, this, [this] {
    if (const Entry* entry = current()) showFigures(*entry);
  });
  connect(m_sets, &QComboBox::currentIndexChanged, this, &SteeringScoresView::showSet);
  connect(m_table, &QTableView::doubleClicked, this, &SteeringScoresView::explore);
  connect(m_table, &QWidget::customContextMenuRequested, this, &SteeringScoresView::openMenu);
  clear();
}

void SteeringScoresView::focusFirst() {
  if (m_states->currentIndex() == 0) m_states->currentWidget()->setFocus();
  else m_table->setFocus();
}

void SteeringScoresView::setLabel(int64_t run, int64_t neuron, const QString& label) {
  if (current() && current()->set.run == run) m_model->setLabel(neuron, label);
}

QWidget* SteeringScoresView::makeHead() {
  auto* head = new QWidget;
  auto* row = new QHBoxLayout(head);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(kUnit);
  m_sets = new QComboBox;
  m_sets->setAccessibleName(tr("Steering scores"));
  m_sets->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_sets->setMinimumContentsLength(24);
  m_sets->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  m_sets->setMaximumWidth(900);
  row->addWidget(m_sets, 1);
  row->addStretch(0);
  m_score = new QPushButton(tr("Score neurons…"));
  m_score->setToolTip(tr("Ask LLaVA about images with neurons clamped, and score what it says"));
  connect(m_score, &QPushButton::clicked, this, &SteeringScoresView::askScore);
  row->addWidget(m_score);
  m_remove = new QPushButton(tr("Remove…"));
  m_remove->setToolTip(tr("Remove these scores from the workspace; the files of the call stay"));
  connect(m_remove, &QPushButton::clicked, this, &SteeringScoresView::askRemove);
  row->addWidget(m_remove);
  auto* save = new QPushButton(tr("Export…"));
  save->setToolTip(tr("Write the table as CSV"));
  connect(save, &QPushButton::clicked, this, &SteeringScoresView::askExport);
  row->addWidget(save);
  return head;
}

void SteeringScoresView::setWorkspace(const WorkspaceSummary& summary) {
  m_path = summary.path;
  m_readOnly = summary.readOnly;
  m_offer.workspace = summary.path;
  m_offer.runs.clear();
  // Steering works on what the vision tower's layers give.
  for (const RunChoice& choice : summary.runs)
    if (choice.run.layer >= 0 && choice.run.point == "post_mlp_residual") m_offer.runs.push_back(choice.run);
  m_offer.embeddings = summary.embeddings;
  m_filled = false;
  load();
}

void SteeringScoresView::clear() {
  ++m_generation;
  ++m_setGeneration;
  m_path.clear();
  m_entries.clear();
  const QSignalBlocker quiet(m_sets);
  m_sets->clear();
  m_model->setRows({}, false, {});
  m_figures->clear();
  m_states->setCurrentIndex(0);
  finish();
}

void SteeringScoresView::finish() {
  if (!std::exchange(m_filled, true)) Q_EMIT filled();
}

QString SteeringScoresView::title(const Entry& entry) {
  const QLocale english(QLocale::English);
  const QString value = english.toString(entry.set.value, 'g', 6);
  const QString what = entry.set.test == SteeringTest::Steered     ? tr("Set to %1").arg(value)
                       : entry.set.test == SteeringTest::Suppressed ? tr("Suppressed to %1").arg(value)
                                                                    : tr("Unsteered");
  return tr("%1%2 · %3 · %4")
      .arg(what, entry.set.preZero ? tr(", all others silent") : QString(), QString::fromStdString(entry.run.name),
           entry.set.neurons == 1 ? tr("1 neuron") : tr("%1 neurons").arg(grouped(entry.set.neurons)));
}

// What was shown before stays shown where it is still there.
void SteeringScoresView::load() {
  const int generation = ++m_generation;
  const int64_t shown = m_wanted > 0 ? std::exchange(m_wanted, 0) : current() ? current()->set.id : 0;
  JobSpec spec;
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this,
      [](JobContext& context) {
        Workspace& workspace = context.workspace();
        std::pair<std::vector<Entry>, std::vector<DatasetInfo>> read;
        for (const SteeringScoreSet& set : workspace.steeringScores().list()) read.first.push_back({set, workspace.runs().get(set.run)});
        read.second = workspace.datasets().list();
        return read;
      },
      [this, generation, shown](std::pair<std::vector<Entry>, std::vector<DatasetInfo>> read) {
        if (generation != m_generation) return;
        m_entries = std::move(read.first);
        m_offer.datasets = std::move(read.second);
        updateButtons();
        int index = m_entries.empty() ? -1 : 0;
        {
          const QSignalBlocker quiet(m_sets);
          m_sets->clear();
          for (const Entry& entry : m_entries) {
            if (entry.set.id == shown) index = m_sets->count();
            m_sets->addItem(title(entry));
          }
          m_sets->setCurrentIndex(index);
        }
        m_states->setCurrentIndex(m_entries.empty() ? 0 : 1);
        if (m_entries.empty()) return finish();
        showSet();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_generation) return;
    m_states->setCurrentIndex(0);
    finish();
    Q_EMIT failed(tr("Reading the steering scores failed"), failure, [this] { load(); });
  });
}

const SteeringScoresView::Entry* SteeringScoresView::current() const {
  const int index = m_sets->currentIndex();
  return index >= 0 && size_t(index) < m_entries.size() ? &m_entries[size_t(index)] : nullptr;
}

void SteeringScoresView::showSet() {
  const int generation = ++m_setGeneration;
  const Entry* entry = current();
  if (!entry) return;
  JobSpec spec;
  spec.urgency = Urgency::Now;
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this, [id = entry->set.id](JobContext& context) { return context.workspace().steeringScores().neurons(id); },
      [this, generation, shown = *entry](std::vector<SteeredNeuron> neurons) {
        if (generation != m_setGeneration) return;
        m_model->setRows(shown.set, !shown.run.saeFingerprint.empty(), std::move(neurons));
        m_table->setColumnHidden(SteeringTableModel::Before, shown.set.test == SteeringTest::Unsteered);
        m_table->setColumnHidden(SteeringTableModel::Change, shown.set.test == SteeringTest::Unsteered);
        m_table->setColumnHidden(SteeringTableModel::Control, shown.set.test == SteeringTest::Unsteered);
        showFigures(shown);
        m_table->setCurrentIndex(m_table->model()->index(0, 0));
        finish();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_setGeneration) return;
    m_model->setRows({}, false, {});
    m_figures->clear();
    finish();
    Q_EMIT failed(tr("Reading the steering scores failed"), failure, [this] { showSet(); });
  });
}

void SteeringScoresView::showFigures(const Entry& entry) {
  const SteeringScoreSet& set = entry.set;
  const QLocale english(QLocale::English);
  QStringList figures;
  const auto figure = [&](const QString& name, double value, double deviation) {
    if (std::isnan(value)) return;
    figures << tr("%1 <b>%2</b>%3").arg(name.toHtmlEscaped(), QString::number(value, 'f', 3),
                                        std::isnan(deviation) ? QString() : QStringLiteral(" ± ") + QString::number(deviation, 'f', 3));
  };
  figure(tr("Score"), set.score.mean, set.score.deviation);
  figure(m_model->beforeName(), set.before.mean, set.before.deviation);
  figure(tr("Control"), set.control, std::nan(""));
  QString text = figures.join(QStringLiteral(" &nbsp;·&nbsp; "));
  if (text.isEmpty()) text = tr("No neuron has strongest images to be compared with");
  QString about = tr("“%1” asked of %2 about %3 images%4, words embedded by %5 · %6")
                      .arg(QString::fromStdString(set.question), QString::fromStdString(set.model), grouped(set.images),
                           set.failed > 0 ? tr(" (%1 more could not be read)").arg(grouped(set.failed)) : QString(),
                           QString::fromStdString(set.words), english.toString(QDateTime::fromSecsSinceEpoch(set.created), QStringLiteral("d MMM yyyy, hh:mm")));
  m_figures->setText(QStringLiteral("%1<br><span style=\"color:%2\">%3</span>").arg(text, m_theme.colors().textMuted.name(), about.toHtmlEscaped()));
}

SteeringScoreOffer SteeringScoresView::offer() const { return m_offer; }

void SteeringScoresView::updateButtons() {
  m_remove->setEnabled(!m_readOnly);
  m_score->setEnabled(!m_readOnly && !m_scoring);
}

void SteeringScoresView::askScore() {
  if (m_scoring) return;
  SteeringScoreForm form(m_offer, this);
  if (form.exec() == QDialog::Accepted) score(form.params());
}

void SteeringScoresView::score(const SteeringScoreParams& params) {
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.title = tr("Scoring steered neurons");
  Job* job = m_runner.run(
      spec, this, [params](JobContext& context) { return steeringScore(params, context.stop, context.progress).set.id; },
      [this, workspace = m_path](int64_t set) {
        if (workspace != m_path) return;
        m_wanted = set;
        load();
        Q_EMIT exported(tr("The steering scores are there"));
      });
  m_scoring = job;
  connect(job, &Job::failed, this, [this, params](const JobFailure& failure) {
    Q_EMIT failed(tr("The neurons could not be scored"), failure, [this, params] { score(params); });
  });
  connect(job, &QObject::destroyed, this, &SteeringScoresView::updateButtons, Qt::QueuedConnection);
  updateButtons();
}

void SteeringScoresView::explore(const QModelIndex& index) {
  if (index.isValid() && current()) Q_EMIT exploreWanted(current()->set.run, m_model->rows()[size_t(m_table->rowOf(index))].neuron);
}

void SteeringScoresView::openMenu(const QPoint& at) {
  const QModelIndex index = m_table->indexAt(at);
  if (!index.isValid() || !current()) return;
  const int64_t neuron = m_model->rows()[size_t(m_table->rowOf(index))].neuron;
  QMenu menu(this);
  menu.addAction(m_theme.icon(QStringLiteral("grid")), tr("Explore this neuron"), this, [this, index] { explore(index); });
  if (!current()->run.saeFingerprint.empty())
    menu.addAction(m_theme.icon(QStringLiteral("sliders")), tr("Steer this neuron"), this, [this, run = current()->run, neuron] { Q_EMIT steerWanted(run, neuron); });
  menu.exec(m_table->viewport()->mapToGlobal(at));
}

void SteeringScoresView::askExport() {
  const QString folder = QFileInfo(QString::fromStdU16String(m_path.u16string())).absolutePath();
  QString file = QFileDialog::getSaveFileName(this, tr("Export"), folder + QStringLiteral("/steering_scores.csv"), tr("CSV (*.csv)"));
  if (file.isEmpty()) return;
  if (QFileInfo(file).suffix().isEmpty()) file += QStringLiteral(".csv");
  exportTo(file);
}

void SteeringScoresView::exportTo(const QString& file) {
  if (!current()) return;
  JobSpec spec;
  spec.title = tr("Exporting steering scores");
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this,
      [id = current()->set.id, path = std::filesystem::path(file.toStdU16String())](JobContext& context) {
        writeTextFile(path, steeringScoresCsv(context.workspace().steeringScores().neurons(id)));
        return true;
      },
      [this, file](bool) { Q_EMIT exported(tr("Wrote %1").arg(file)); });
  connect(job, &Job::failed, this, [this, file](const JobFailure& failure) {
    Q_EMIT failed(tr("“%1” can not be written").arg(QFileInfo(file).fileName()), failure, [this, file] { exportTo(file); });
  });
}

void SteeringScoresView::askRemove() {
  if (!current()) return;
  const auto answer = QMessageBox::question(this, tr("Remove steering scores"),
                                            tr("Remove “%1” from the workspace? It can not be brought back but by the same call again.").arg(title(*current())),
                                            QMessageBox::Yes | QMessageBox::No, QMessageBox::No);
  if (answer == QMessageBox::Yes) removeSet();
}

void SteeringScoresView::removeSet() {
  if (!current()) return;
  JobSpec spec;
  spec.lane = Lane::Writer;
  spec.workspace = m_path;
  Job* job = m_runner.run(
      spec, this,
      [id = current()->set.id](JobContext& context) {
        context.workspace().steeringScores().remove(id);
        return true;
      },
      [this](bool) { load(); });
  connect(job, &Job::failed, this, [this](const JobFailure& failure) {
    Q_EMIT failed(tr("The steering scores could not be removed"), failure, [this] { removeSet(); });
  });
}

}  // namespace sememe
