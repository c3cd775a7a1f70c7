// The Hierarchy page.
#include "ui/hierarchy/hierarchy_page.h"

#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/widgets/empty_state.h"

namespace sememe {
namespace {
constexpr int kRowsAtOnce = 8192;
}

HierarchyPage::HierarchyPage(const Theme& theme, JobRunner& runner, ImageReader readImage, HierarchyReader reader, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_runner(runner), m_reader(std::move(reader)), m_loader(new NeuronLoader(runner, std::move(readImage), this)) {
  auto* closed = new EmptyState(theme, QStringLiteral("hierarchy"), tr("No workspace is open"),
                                tr("Open one to see which neurons of a Matryoshka SAE refine which."), tr("Open workspace…"));
  connect(closed, &EmptyState::actionClicked, this, &HierarchyPage::openWanted);
  auto* none = new EmptyState(theme, QStringLiteral("hierarchy"), tr("No Matryoshka SAE in this workspace yet"),
                              tr("Its nested groups make the hierarchy. Train one on the Experiments page and explore its neurons,\n"
                                 "or run “sememe-cli encode” and “index” with one in a terminal, then reload."),
                              tr("Reload"));
  connect(none, &EmptyState::actionClicked, this, &HierarchyPage::reloadWanted);
  auto* reading = new EmptyState(theme, QStringLiteral("hierarchy"), tr("Reading the hierarchy…"),
                                 tr("Which neurons fire together is counted over all images."), tr("Cancel"));
  connect(reading, &EmptyState::actionClicked, this, [this] {
    if (m_job) m_job->cancel();
  });
  auto* stopped = new EmptyState(theme, QStringLiteral("hierarchy"), tr("The hierarchy was not read"),
                                 tr("It is counted anew from the workspace whenever you wish."), tr("Read it"));
  connect(stopped, &EmptyState::actionClicked, this, &HierarchyPage::read);
  m_header = new RunHeader;
  m_header->note().setText(tr("Left and right walk the groups, Enter explores a neuron"));
  m_runs = &m_header->runs();
  m_encoders = &m_header->encoders();
  m_body = new QWidget;
  m_row = new QHBoxLayout(m_body);
  m_row->setContentsMargins(0, 0, 0, 0);
  m_row->setSpacing(1);
  auto* scroll = new QScrollArea;
  scroll->setWidget(m_body);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  m_states = new QStackedWidget;
  for (QWidget* state : std::initializer_list<QWidget*>{closed, none, reading, stopped, scroll}) m_states->addWidget(state);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(m_header);
  column->addWidget(m_states, 1);

  m_fetch.setSingleShot(true);
  connect(&m_fetch, &QTimer::timeout, this, &HierarchyPage::fetch);
  connect(m_loader, &NeuronLoader::loaded, this, [this](qint64 neuron) {
    for (HierarchyColumn* c : m_columns) c->list().viewport()->update();
    m_missing.erase(neuron);
    finishOnceFetched();
  });
  connect(m_runs, &QComboBox::currentIndexChanged, this, &HierarchyPage::chooseRun);
  connect(m_encoders, &QComboBox::currentIndexChanged, this, &HierarchyPage::readRows);
  clear();
}

void HierarchyPage::drop() {
  ++m_generation;
  ++m_rowsGeneration;
  if (m_job) m_job->cancel();
  m_fetch.stop();
  m_missing.clear();
  m_neurons.reset();
  for (HierarchyColumn* c : m_columns) c->deleteLater();
  m_columns.clear();
}

void HierarchyPage::clear() {
  drop();
  m_loader->clear();
  m_summary = {};
  m_choices.clear();
  m_wanted = false;
  for (QComboBox* box : {m_runs, m_encoders}) {
    const QSignalBlocker quiet(box);
    box->clear();
    box->setEnabled(false);
  }
  m_states->setCurrentIndex(Closed);
  finish();
}

// What is read, or being read, is what the summary's run holds.
bool HierarchyPage::shows(const WorkspaceSummary& summary) const {
  const int index = m_runs->currentIndex(), state = m_states->currentIndex();
  if (summary.path != m_summary.path || index < 0 || size_t(index) >= m_choices.size() || (state != Columns && state != Reading)) return false;
  const RunInfo& shown = m_choices[size_t(index)].run;
  return std::any_of(summary.runs.begin(), summary.runs.end(), [&](const RunChoice& c) {
    return c.run.id == shown.id && c.run.key == shown.key && c.run.saePath == shown.saePath && c.run.saeType == shown.saeType &&
           c.run.indexedImages == shown.indexedImages;
  });
}

void HierarchyPage::fillRuns() {
  const qlonglong before = m_runs->currentData().toLongLong();
  const QSignalBlocker quiet(m_runs);
  m_choices.clear();
  m_runs->clear();
  for (const RunChoice& choice : m_summary.runs) {
    if (!QString::fromStdString(choice.run.saeType).contains(QLatin1String("matryoshka"), Qt::CaseInsensitive) || choice.run.rowsPerImage != 1) continue;
    m_choices.push_back(choice);
    m_runs->addItem(QString::fromStdString(choice.run.name), qlonglong(choice.run.id));
  }
  m_runs->setEnabled(!m_choices.empty());
  m_runs->setCurrentIndex(m_choices.empty() ? -1 : std::max(0, m_runs->findData(before)));
}

void HierarchyPage::setWorkspace(const WorkspaceSummary& summary) {
  if (shows(summary)) {
    m_summary = summary;
    fillRuns();
    m_header->setEncoders(m_choices[size_t(m_runs->currentIndex())].scores);
    return readRows();
  }
  const qlonglong before = summary.path == m_summary.path ? m_runs->currentData().toLongLong() : 0;
  clear();
  m_summary = summary;
  m_filled = false;
  fillRuns();
  if (m_choices.empty()) {
    m_states->setCurrentIndex(None);
    return finish();
  }
  {
    const QSignalBlocker quiet(m_runs);
    m_runs->setCurrentIndex(std::max(0, m_runs->findData(before)));
  }
  chooseRun();
}

void HierarchyPage::chooseRun() {
  const int index = m_runs->currentIndex();
  if (index < 0 || size_t(index) >= m_choices.size()) return;
  drop();
  m_filled = false;
  const RunChoice& choice = m_choices[size_t(index)];
  m_header->setEncoders(choice.scores);
  m_loader->setSource(m_summary.path, choice.run);
  m_states->setCurrentIndex(Reading);
  m_wanted = true;
  if (isVisible()) read();
}

void HierarchyPage::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (m_wanted) read();
}

void HierarchyPage::read() {
  m_wanted = false;
  const int generation = ++m_generation;
  m_states->setCurrentIndex(Reading);
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.urgency = Urgency::Now;
  spec.title = tr("Reading the hierarchy");
  const std::string run = m_summary.path.string() + "#" + std::to_string(m_runs->currentData().toLongLong());
  m_job = m_runner.run(
      spec, this, [reader = m_reader, run](JobContext& context) { return reader(run, context.stop, context.progress); },
      [this, generation](HierarchyData data) {
        if (generation == m_generation) arrange(std::make_shared<HierarchyNeurons>(std::move(data)));
      });
  const auto stop = [this, generation] {
    if (generation != m_generation) return false;
    m_states->setCurrentIndex(Stopped);
    finish();
    return true;
  };
  connect(m_job, &Job::cancelled, this, stop);
  connect(m_job, &Job::failed, this, [this, stop](const JobFailure& failure) {
    if (stop()) Q_EMIT failed(tr("Reading the hierarchy failed"), failure, [this] { read(); });
  });
}

void HierarchyPage::arrange(std::shared_ptr<HierarchyNeurons> neurons) {
  m_neurons = std::move(neurons);
  for (int group = 0; group < m_neurons->groups(); ++group) {
    auto* column = new HierarchyColumn(m_theme, *m_loader, group);
    auto* frame = new QFrame(m_body);
    frame->setProperty("panel", true);
    auto* box = new QVBoxLayout(frame);
    box->setContentsMargins(0, 0, 0, 0);
    box->addWidget(column);
    connect(column, &QObject::destroyed, frame, &QObject::deleteLater);
    m_row->addWidget(frame, 1);
    m_columns.push_back(column);
    connect(column, &HierarchyColumn::selectionChanged, this, [this, group] { follow(group); });
    connect(column, &HierarchyColumn::viewChanged, &m_fetch, qOverload<>(&QTimer::start));
    connect(column, &HierarchyColumn::stepAside, this, [this, group](int columns) { step(group, columns); });
    connect(column, &HierarchyColumn::activated, this, [this](qint64 neuron) { Q_EMIT exploreWanted(m_runs->currentData().toLongLong(), neuron); });
  }
  readRows();
}

// Labels and the chosen encoder's scores of all neurons.
void HierarchyPage::readRows() {
  if (!m_neurons) return;
  const int generation = ++m_rowsGeneration;
  NeuronQuery query;
  query.run = m_runs->currentData().toLongLong();
  query.embeddings = m_encoders->currentData().toLongLong();
  query.sort = NeuronQuery::Sort::Id;
  query.descending = false;
  JobSpec spec;
  spec.urgency = Urgency::Now;
  spec.workspace = m_summary.path;
  Job* job = m_runner.run(
      spec, this,
      [query](JobContext& context) {
        std::vector<NeuronRow> rows;
        std::optional<NeuronRow> last;
        for (;;) {
          throwIfStopped(context.stop);
          const std::vector<NeuronRow> page = context.workspace().neurons().page(query, last, kRowsAtOnce);
          rows.insert(rows.end(), page.begin(), page.end());
          if (page.size() < size_t(kRowsAtOnce)) return rows;
          last = page.back();
        }
      },
      [this, generation](std::vector<NeuronRow> rows) {
        if (generation != m_rowsGeneration || !m_neurons) return;
        m_neurons->setRows(std::move(rows));
        if (m_states->currentIndex() == Columns) {  // another encoder: what is selected stays
          for (HierarchyColumn* c : m_columns) c->refresh();
          return;
        }
        m_states->setCurrentIndex(Columns);
        m_columns.front()->setSource(m_neurons, -1);
        for (HierarchyColumn* c : m_columns) c->selectBranching();
        if (isVisible()) focusFirst();
        m_fetch.start();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_rowsGeneration) return;
    if (m_states->currentIndex() != Columns) m_states->setCurrentIndex(Stopped);
    finish();
    Q_EMIT failed(tr("Reading the neurons failed"), failure, [this] { m_states->currentIndex() == Columns ? readRows() : read(); });
  });
}

void HierarchyPage::follow(int group) {
  if (!m_neurons || size_t(group) + 1 >= m_columns.size()) return;
  m_columns[size_t(group) + 1]->setSource(m_neurons, m_columns[size_t(group)]->selected());
}

void HierarchyPage::step(int from, int columns) {
  const int to = from + columns;
  if (to < 0 || to >= int(m_columns.size()) || m_columns[size_t(to)]->model().rowCount() == 0) return;
  HierarchyColumn* column = m_columns[size_t(to)];
  if (column->selected() < 0) column->selectFirst();
  column->list().setFocus(Qt::TabFocusReason);
}

// Asks for the images of what is in view, once: more than the loader's cache holds may be, and then some stay grey.
void HierarchyPage::fetch() {
  m_missing.clear();
  for (const HierarchyColumn* c : m_columns) {
    for (const int64_t neuron : c->visibleNeurons()) {
      if (!m_loader->isWarm(neuron)) m_missing.insert(neuron);
    }
  }
  m_loader->prefetch({m_missing.begin(), m_missing.end()});
  finishOnceFetched();
}

void HierarchyPage::finishOnceFetched() {
  if (m_missing.empty() && m_states->currentIndex() == Columns) finish();
}

void HierarchyPage::focusFirst() {
  if (!m_columns.empty() && m_states->currentIndex() == Columns) m_columns.front()->list().setFocus();
}

void HierarchyPage::setLabel(int64_t run, int64_t neuron, const QString& label) {
  if (!m_neurons || run != m_runs->currentData().toLongLong()) return;
  if (NeuronRow* row = m_neurons->row(neuron)) row->label = label.toStdString();
  for (HierarchyColumn* c : m_columns) c->list().viewport()->update();
}

void HierarchyPage::finish() {
  if (!std::exchange(m_filled, true)) Q_EMIT filled();
}

}  // namespace sememe
