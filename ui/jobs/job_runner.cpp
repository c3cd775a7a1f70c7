// Runs the program's work off the GUI thread, in lanes.
#include "ui/jobs/job_runner.h"

#include <QMetaObject>
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace sememe {

// A lane thread's connection. `mutex` guards only against an interrupt from another thread while it is replaced.
struct JobContext::Connection {
  std::mutex mutex;
  std::optional<Workspace> workspace;
  std::filesystem::path path;
  int epoch = 0;  // of LaneQueue when it was opened

  void close() {
    const std::lock_guard lock(mutex);
    workspace.reset();
  }
};

struct JobRunner::Task {
  JobSpec spec;
  Work work;
  QPointer<Job> job;  // looked at on the GUI thread alone
  std::stop_source stop;
};

struct JobRunner::LaneQueue {
  Lane lane;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::unique_ptr<Task>> waiting;
  std::vector<std::stop_source> running;
  int epoch = 0;
  bool closing = false;
  std::vector<std::thread> threads;
};

JobFailure JobFailure::from(const std::exception& exception) {
  JobFailure failure;
  failure.message = QString::fromUtf8(exception.what());
  const auto* error = dynamic_cast<const Error*>(&exception);
  if (!error) {
    failure.advice = QObject::tr("Try again. If it comes back, start Sememe from a terminal and report what it writes.");
    return failure;
  }
  failure.code = error->code();
  switch (error->code()) {
    case ErrorCode::NotFound:
      failure.advice = QObject::tr("Check that the file or folder is still there and that its disk is connected.");
      break;
    case ErrorCode::Io:
      failure.advice = QObject::tr("Check the permissions of the file and its folder, and that the disk answers.");
      break;
    case ErrorCode::DiskFull:
      failure.advice = QObject::tr("Make room on the disk, then start the same again: what is done is kept.");
      break;
    case ErrorCode::Corrupt:
      failure.advice = QObject::tr("The file is damaged or not of this kind. Choose another, or make it anew.");
      break;
    case ErrorCode::Unsupported:
      failure.advice = QObject::tr("Choose a file that this version of Sememe reads, or install a newer version.");
      break;
    case ErrorCode::Mismatch:
      failure.advice = QObject::tr("These files were not made for each other. Choose ones that belong together.");
      break;
    case ErrorCode::Invalid:
      failure.advice = QObject::tr("Correct the value and try again.");
      break;
    case ErrorCode::Busy:
      failure.advice = QObject::tr("Another program is writing to the workspace. Wait until it has finished, then try again.");
      break;
    case ErrorCode::Diverged:
      failure.advice = QObject::tr("The computation left the range of numbers. Try a lower learning rate or other data.");
      break;
  }
  return failure;
}

Job::Job(QString title, QObject* parent) : QObject(parent), m_title(std::move(title)) {}

void Job::cancel() { m_stop.request_stop(); }

void Job::discard() {
  m_discarded = true;
  cancel();
}

Workspace& JobContext::workspace() {
  if (!m_connection->workspace || m_connection->path != m_path) {
    m_connection->close();
    Workspace opened = Workspace::open(m_path, m_lane == Lane::Reader ? OpenMode::ReadOnly : OpenMode::ReadWrite);
    const std::lock_guard lock(m_connection->mutex);
    m_connection->workspace.emplace(std::move(opened));
    m_connection->path = m_path;
  }
  return *m_connection->workspace;
}

void JobContext::post(const QPointer<QObject>& receiver, std::function<void()> function) {
  QMetaObject::invokeMethod(
      m_runner, [receiver, function = std::move(function)] { if (receiver) function(); }, Qt::QueuedConnection);
}

JobRunner::JobRunner(int readers, QObject* parent) : QObject(parent) {
  for (const Lane lane : {Lane::Compute, Lane::Writer, Lane::Reader}) {
    auto queue = std::make_unique<LaneQueue>();
    queue->lane = lane;
    for (int i = 0; i < (lane == Lane::Reader ? readers : 1); ++i) {
      queue->threads.emplace_back([this, q = queue.get()] { work(*q); });
    }
    m_lanes.push_back(std::move(queue));
  }
}

JobRunner::~JobRunner() {
  for (auto& queue : m_lanes) {
    const std::lock_guard lock(queue->mutex);
    queue->closing = true;
    if (queue->lane != Lane::Writer) {
      for (auto& task : queue->waiting) task->stop.request_stop();
      for (auto& stop : queue->running) stop.request_stop();
    }
    queue->wake.notify_all();
  }
  for (auto& queue : m_lanes) {
    for (std::thread& thread : queue->threads) thread.join();
  }
}

Job* JobRunner::start(JobSpec spec, Work work) {
  auto* job = new Job(spec.title, this);
  auto task = std::make_unique<Task>();
  task->work = std::move(work);
  task->job = job;
  task->stop = job->m_stop;
  const Urgency urgency = spec.urgency;
  LaneQueue& queue = *m_lanes[size_t(spec.lane)];
  task->spec = std::move(spec);
  {
    const std::lock_guard lock(queue.mutex);
    const auto place = std::find_if(queue.waiting.begin(), queue.waiting.end(),
                                    [&](const auto& other) { return other->spec.urgency > urgency; });
    queue.waiting.insert(place, std::move(task));
  }
  queue.wake.notify_one();
  if (!job->title().isEmpty()) Q_EMIT jobStarted(job);
  return job;
}

void JobRunner::closeConnections() {
  for (auto& queue : m_lanes) {
    const std::lock_guard lock(queue->mutex);
    ++queue->epoch;
    queue->wake.notify_all();
  }
}

bool JobRunner::busy(Lane lane) const {
  const LaneQueue& queue = *m_lanes[size_t(lane)];
  const std::lock_guard lock(queue.mutex);
  return !queue.waiting.empty() || !queue.running.empty();
}

void JobRunner::work(LaneQueue& queue) {
  JobContext::Connection connection;
  while (true) {
    std::unique_ptr<Task> task;
    bool stale = false;
    {
      std::unique_lock lock(queue.mutex);
      queue.wake.wait(lock, [&] { return queue.closing || !queue.waiting.empty() || connection.epoch != queue.epoch; });
      stale = connection.epoch != queue.epoch;
      connection.epoch = queue.epoch;
      if (!queue.waiting.empty()) {
        task = std::move(queue.waiting.front());
        queue.waiting.pop_front();
        queue.running.push_back(task->stop);
      } else if (queue.closing) {
        return;
      }
    }
    if (stale) connection.close();
    if (!task) continue;
    execute(*task, connection);
    const std::lock_guard lock(queue.mutex);
    std::erase(queue.running, task->stop);
  }
}

void JobRunner::execute(Task& task, JobContext::Connection& connection) {
  const auto toGui = [this](auto function) { QMetaObject::invokeMethod(this, std::move(function), Qt::QueuedConnection); };
  const QPointer<Job> job = task.job;
  const auto finish = [&](auto emitOutcome) {
    toGui([job, emitOutcome] {
      if (!job) return;
      emitOutcome(*job);
      job->deleteLater();
    });
  };
  const auto cancelled = [](Job& j) { Q_EMIT j.cancelled(); };

  if (task.stop.stop_requested()) {
    finish(cancelled);
    return;
  }
  toGui([job] { if (job) Q_EMIT job->started(); });

  JobContext context(this, &connection, task.spec.lane, task.spec.workspace);
  context.stop = task.stop.get_token();
  // Only the newest report travels: a quick loop can not flood the event queue.
  struct Latest {
    std::mutex mutex;
    Progress progress;
    bool posted = false;
  };
  const auto latest = std::make_shared<Latest>();
  context.progress = [toGui, job, latest](const Progress& progress) {
    const std::lock_guard lock(latest->mutex);
    latest->progress = progress;
    if (std::exchange(latest->posted, true)) return;
    toGui([job, latest] {
      Progress now;
      {
        const std::lock_guard inner(latest->mutex);
        now = latest->progress;
        latest->posted = false;
      }
      if (job) Q_EMIT job->progressed(now);
    });
  };

  try {
    Delivery deliver;
    {
      // A write is never broken off half-way by an interrupt: it stops where its own code looks at the token.
      const std::stop_callback interrupt(context.stop, [&] {
        const std::lock_guard lock(connection.mutex);
        if (task.spec.lane == Lane::Reader && connection.workspace) connection.workspace->interrupt();
      });
      deliver = task.work(context);
    }
    finish([deliver](Job& j) {
      if (deliver) deliver();
      Q_EMIT j.done();
    });
  } catch (const Cancelled&) {
    finish(cancelled);
  } catch (const std::exception& exception) {
    // A connection that failed is opened afresh by the next job: its file may have been replaced.
    connection.close();
    finish([failure = JobFailure::from(exception)](Job& j) { Q_EMIT j.failed(failure); });
  } catch (...) {
    connection.close();
    finish([failure = JobFailure::from(std::runtime_error("an error of an unknown kind"))](Job& j) {
      Q_EMIT j.failed(failure);
    });
  }
}

}  // namespace sememe
