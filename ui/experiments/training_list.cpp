// The trainings of the open workspace.
#include "ui/experiments/training_list.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <tuple>
#include <utility>

#include "ui/theme/theme.h"

namespace sememe {
namespace {

QString fromPath(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }

// The same run of the workspace where it is now: it may have been moved since job.json was written.
std::string specIn(const std::filesystem::path& workspace, const std::string& spec) {
  const size_t hash = spec.rfind('#');
  return hash == std::string::npos ? spec : workspace.string() + spec.substr(hash);
}

}  // namespace

QString statusText(const Training& t) {
  if (t.exploring) return QObject::tr("Exploring");
  switch (t.status) {
    case TrainingStatus::Waiting: return QObject::tr("Waiting");
    case TrainingStatus::Running: return QObject::tr("Running");
    case TrainingStatus::Stopping: return t.removing ? QObject::tr("Cancelling") : QObject::tr("Pausing");
    case TrainingStatus::Paused: return QObject::tr("Paused");
    case TrainingStatus::Unfinished: return QObject::tr("Unfinished");
    case TrainingStatus::Failed: return QObject::tr("Failed");
    case TrainingStatus::Finished: return QObject::tr("Finished");
    case TrainingStatus::Unreadable: return QObject::tr("Unreadable");
  }
  return {};
}

// Points on their way from the working thread: however fast they come, one event carries them.
struct TrainingList::Inbox {
  std::mutex mutex;
  std::vector<TrainingPoint> points;
  bool posted = false;
};

TrainingList::TrainingList(JobRunner& runner, TrainingServices services, QObject* parent)
    : QObject(parent), m_runner(runner), m_services(std::move(services)) {}

void TrainingList::setWorkspace(const WorkspaceSummary& summary) {
  const std::filesystem::path& workspace = summary.path;
  m_runs = summary.activations;
  if (workspace != m_workspace) {
    Q_EMIT aboutToReset();
    ++m_generation;
    for (const Item& item : m_shown) {
      if (item->active()) m_elsewhere.push_back(item);
    }
    m_shown.clear();
    m_workspace = workspace;
    m_loaded = false;
    std::erase_if(m_elsewhere, [&](const Item& item) {
      if (item->workspace != workspace) return false;
      m_shown.push_back(item);
      return true;
    });
    Q_EMIT reset();
  }
  if (!workspace.empty()) load();
}

int TrainingList::rowOf(int64_t id) const {
  const auto at = std::find_if(m_shown.begin(), m_shown.end(), [&](const Item& item) { return item->id == id; });
  return at == m_shown.end() ? -1 : int(at - m_shown.begin());
}

const Training* TrainingList::find(int64_t id) const {
  const int row = rowOf(id);
  return row < 0 ? nullptr : m_shown[size_t(row)].get();
}

TrainingList::Item TrainingList::itemOf(int64_t id) const {
  for (const auto* list : {&m_shown, &m_elsewhere}) {
    for (const Item& item : *list) {
      if (item->id == id) return item;
    }
  }
  return nullptr;
}

QStringList TrainingList::names() const {
  QStringList names;
  for (const Item& item : m_shown) names << item->name;
  return names;
}

bool TrainingList::anyActive() const {
  const auto active = [](const Item& item) { return item->active(); };
  return std::any_of(m_shown.begin(), m_shown.end(), active) || std::any_of(m_elsewhere.begin(), m_elsewhere.end(), active);
}

// The colour that the fewest of those shown have, the first of these.
int TrainingList::freeColor() const {
  std::array<int, std::tuple_size_v<decltype(Colors::series)>> used{};
  for (const Item& item : m_shown) ++used[size_t(item->color) % used.size()];
  return int(std::min_element(used.begin(), used.end()) - used.begin());
}

void TrainingList::load() {
  JobSpec spec;
  spec.lane = Lane::Reader;
  const int generation = ++m_generation;
  m_listing = true;
  Job* job = m_runner.run(
      spec, this, [list = m_services.list, folder = trainingsFolder(m_workspace)](JobContext&) { return list(folder); },
      [this, generation](std::vector<TrainingRecord> records) {
        if (generation == m_generation) takeRecords(std::move(records));
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation != m_generation) return;
    m_listing = false;
    m_loaded = true;
    Q_EMIT loaded();
    Q_EMIT failed(tr("The trainings of this workspace can not be listed"), failure, [this] {
      if (!m_workspace.empty()) load();
    });
  });
}

// What runs here is known better than its files tell; the rest is as it is on disk.
void TrainingList::takeRecords(std::vector<TrainingRecord> records) {
  Q_EMIT aboutToReset();
  std::vector<Item> before = std::exchange(m_shown, {});
  // Those without files yet, newest first as they were, come before what is on disk.
  for (const Item& item : before) {
    const bool onDisk = std::any_of(records.begin(), records.end(), [&](const auto& r) { return r.folder == item->job.out; });
    if (!onDisk && (item->active() || item->status == TrainingStatus::Failed)) m_shown.push_back(item);
  }
  for (const TrainingRecord& record : records) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const Item& item) { return item->job.out == record.folder; });
    Item item = known == before.end() ? std::make_shared<Training>() : *known;
    if (known == before.end()) {
      item->id = m_nextId++;
      item->workspace = m_workspace;
      item->color = freeColor();
    }
    if (!item->active()) apply(*item, record);
    m_shown.push_back(std::move(item));
  }
  m_listing = false;
  m_loaded = true;
  Q_EMIT reset();
  Q_EMIT loaded();
}

void TrainingList::apply(Training& item, const TrainingRecord& record) const {
  const bool failedHere = item.status == TrainingStatus::Failed;
  item.name = fromPath(record.folder.filename());
  item.job = record.job;
  item.job.out = record.folder;
  measure(item);
  item.stepsDone = record.stepsDone;
  item.points = record.points;
  item.canResume = record.state == TrainingState::Resumable;
  if (!record.problem.empty()) {
    item.status = TrainingStatus::Unreadable;
    item.problem = QString::fromStdString(record.problem);
    return;
  }
  if (record.state == TrainingState::Finished) item.status = TrainingStatus::Finished;
  else if (!failedHere) item.status = item.canResume ? TrainingStatus::Paused : TrainingStatus::Unfinished;
}

// The sizes, of which the job may only say how they follow from the run's width.
void TrainingList::measure(Training& item) const {
  const size_t hash = item.job.activations.rfind('#');
  const std::string number = hash == std::string::npos ? std::string() : item.job.activations.substr(hash + 1);
  for (const RunInfo& run : m_runs) {
    if (std::to_string(run.id) == number) item.activationDim = run.dim;
  }
  item.dictSize = item.job.dictSize > 0 ? item.job.dictSize : std::llround(item.job.expansion * double(item.activationDim));
}

void TrainingList::insert(Item item) {
  Q_EMIT aboutToInsert(0);
  m_shown.insert(m_shown.begin(), std::move(item));
  Q_EMIT inserted(0);
}

void TrainingList::drop(const Item& item) {
  std::erase(m_elsewhere, item);
  const int row = rowOf(item->id);
  if (row < 0) return;
  Q_EMIT aboutToRemove(row);
  m_shown.erase(m_shown.begin() + row);
  Q_EMIT removed();
}

void TrainingList::tell(const Training& item) {
  const int row = rowOf(item.id);
  if (row >= 0) Q_EMIT changed(row);
}

int64_t TrainingList::start(const QString& name, TrainJobParams job) {
  const auto item = std::make_shared<Training>();
  item->id = m_nextId++;
  item->name = name;
  item->workspace = m_workspace;
  item->job = std::move(job);
  item->job.out = trainingsFolder(m_workspace) / name.toStdU16String();
  item->color = freeColor();
  measure(*item);
  insert(item);
  run(item, false);
  Q_EMIT started(item->id);
  return item->id;
}

void TrainingList::run(const Item& item, bool resume) {
  item->status = TrainingStatus::Waiting;
  item->problem.clear();
  item->progress = {};
  item->job.resume = resume;
  if (!resume) {
    item->points.clear();
    item->stepsDone = 0;
  }
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.title = tr("Training “%1”").arg(item->name);
  const auto inbox = std::make_shared<Inbox>();
  const QPointer<QObject> self(this);  // made on this thread; the other only copies it
  const auto work = [this, train = m_services.train, params = item->job, inbox, self, item](JobContext& context) {
    TrainJobParams now = params;
    now.onPoint = [this, &context, inbox, self, item](const TrainingPoint& point) {
      {
        const std::lock_guard lock(inbox->mutex);
        inbox->points.push_back(point);
        if (std::exchange(inbox->posted, true)) return;
      }
      context.post(self, [this, item, inbox] { takePoints(item, inbox); });
    };
    return train(now, context.stop, context.progress);
  };
  Job* job = m_runner.run(spec, this, work, [this, item](const TrainJobResult& result) { takeResult(item, result); });
  item->running = job;
  // A job that was taken out of the queue ends when its turn comes; by then the training may have another.
  const auto current = [item, job] { return item->running == job; };
  connect(job, &Job::started, this, [this, item, current] {
    if (!current() || item->status != TrainingStatus::Waiting) return;
    item->status = TrainingStatus::Running;
    tell(*item);
  });
  connect(job, &Job::progressed, this, [this, item, current](const Progress& progress) {
    if (!current()) return;
    item->progress = progress;
    tell(*item);
  });
  connect(job, &Job::cancelled, this, [this, item, current] {
    if (current()) stopped(item);
  });
  connect(job, &Job::failed, this, [this, item, current](const JobFailure& failure) {
    if (current()) takeFailure(item, failure);
  });
  tell(*item);
}

void TrainingList::takePoints(const Item& item, const std::shared_ptr<Inbox>& inbox) {
  std::vector<TrainingPoint> points;
  {
    const std::lock_guard lock(inbox->mutex);
    points.swap(inbox->points);
    inbox->posted = false;
  }
  if (points.empty()) return;
  // A resumed training repeats the steps since its checkpoint.
  const int64_t from = points.front().step.step;
  std::erase_if(item->points, [&](const TrainingPoint& p) { return p.step.step >= from; });
  item->points.insert(item->points.end(), points.begin(), points.end());
  item->stepsDone = item->points.back().step.step + 1;
  const int row = rowOf(item->id);
  if (row >= 0) Q_EMIT pointsChanged(row);
}

void TrainingList::takeResult(const Item& item, const TrainJobResult& result) {
  item->running = nullptr;
  item->activationDim = result.activationDim;
  item->dictSize = result.dictSize;
  item->stepsDone = result.steps;
  item->status = TrainingStatus::Finished;
  if (item->removing) return removeFiles(item);
  tell(*item);
  // One that was finished already sent no points; and a listing on its way may be of before this one's files.
  if ((result.alreadyDone || m_listing) && item->workspace == m_workspace) load();
  if (item->workspace != m_workspace) drop(item);
}

void TrainingList::stopped(const Item& item) {
  item->running = nullptr;
  item->status = TrainingStatus::Unfinished;
  if (item->removing) return removeFiles(item);
  if (item->workspace != m_workspace) return drop(item);
  tell(*item);
  load();  // whether a state was saved
}

void TrainingList::takeFailure(const Item& item, const JobFailure& failure) {
  item->running = nullptr;
  item->status = TrainingStatus::Failed;
  item->problem = failure.message;
  if (item->removing) return removeFiles(item);
  const int64_t id = item->id;
  Q_EMIT failed(tr("The training “%1” failed").arg(item->name), failure, [this, id] { resume(id); });
  if (item->workspace != m_workspace) return drop(item);
  tell(*item);
  load();
}

void TrainingList::pause(int64_t id) {
  const Item item = itemOf(id);
  if (!item || !item->active() || item->status == TrainingStatus::Stopping) return;
  if (item->running) item->running->cancel();
  if (item->status == TrainingStatus::Running) {
    item->status = TrainingStatus::Stopping;
    return tell(*item);
  }
  // It has not begun, and ends only when its turn comes: nothing to wait for.
  if (!item->job.resume) return drop(item);
  stopped(item);
}

void TrainingList::resume(int64_t id) {
  const Item item = itemOf(id);
  if (!item || !item->canGoOn()) return;
  item->job.activations = specIn(item->workspace, item->job.activations);
  if (!item->job.embeddings.empty()) item->job.embeddings = specIn(item->workspace, item->job.embeddings);
  run(item, item->canResume);
}

void TrainingList::remove(int64_t id) {
  const Item item = itemOf(id);
  if (!item || item->removing) return;
  item->removing = true;
  if (item->status == TrainingStatus::Running || item->status == TrainingStatus::Stopping) {
    item->status = TrainingStatus::Stopping;
    if (item->running) item->running->discard();
    return tell(*item);
  }
  if (item->running) item->running->discard();
  item->running = nullptr;
  removeFiles(item);
}

void TrainingList::removeFiles(const Item& item) {
  JobSpec spec;
  spec.lane = Lane::Writer;
  Job* job = m_runner.run(
      spec, this,
      [remove = m_services.remove, folder = item->job.out](JobContext&) {
        if (std::filesystem::exists(folder)) remove(folder);
        return true;
      },
      [this, item](bool) { drop(item); });
  connect(job, &Job::failed, this, [this, item](const JobFailure& failure) {
    item->removing = false;
    tell(*item);
    const int64_t id = item->id;
    Q_EMIT failed(tr("The training “%1” can not be removed").arg(item->name), failure, [this, id] { remove(id); });
    if (item->workspace == m_workspace && !m_workspace.empty()) load();
  });
}

void TrainingList::explore(int64_t id) {
  const Item item = itemOf(id);
  if (!item || item->status != TrainingStatus::Finished || item->exploring) return;
  item->exploring = true;
  tell(*item);
  ExploreSaeParams params;
  params.activations = specIn(item->workspace, item->job.activations);
  params.sae = item->job.out / "trainer_0";
  params.name = item->name.toStdString();
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.title = tr("Bringing “%1” to Explore").arg(item->name);
  const auto ended = [this, item] {
    item->exploring = false;
    tell(*item);
  };
  Job* job = m_runner.run(
      spec, this,
      [explore = m_services.explore, params](JobContext& context) { return explore(params, context.stop, context.progress); },
      [this, item](const ExploreSaeResult& result) { Q_EMIT explored(fromPath(item->workspace), result.run); });
  connect(job, &Job::done, this, ended);
  connect(job, &Job::cancelled, this, ended);
  connect(job, &Job::failed, this, [this, item, ended, id](const JobFailure& failure) {
    ended();
    Q_EMIT failed(tr("“%1” could not be brought to Explore").arg(item->name), failure, [this, id] { explore(id); });
  });
}

void TrainingList::setCharted(int64_t id, bool on) {
  const Item item = itemOf(id);
  if (!item || item->charted == on) return;
  item->charted = on;
  tell(*item);
}

}  // namespace sememe
