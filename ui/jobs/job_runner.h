// Runs the program's work off the GUI thread, in lanes, and brings progress and results back to it.
#pragma once

#include <QObject>
#include <QPointer>
#include <QString>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/store/workspace.h"

namespace sememe {

enum class Lane {
  Compute,  // one thread: everything that uses LibTorch
  Writer,   // one thread: changes of the workspace, in order; finished before the program ends
  Reader,   // a few threads, each with its own connection
};

// Which of the waiting jobs of a lane comes first.
enum class Urgency { Now, Soon, Later };

// What a person reads when a job failed.
struct JobFailure {
  ErrorCode code = ErrorCode::Io;
  QString message;  // what was wrong, and where
  QString advice;   // what to do next

  static JobFailure from(const std::exception& exception);
};

struct JobSpec {
  Lane lane = Lane::Reader;
  Urgency urgency = Urgency::Soon;
  QString title;                    // shown in the status bar while it runs; empty: a quiet job
  std::filesystem::path workspace;  // what JobContext::workspace() opens
};

// A job as the GUI thread sees it: exactly one of done, cancelled and failed comes, then it deletes itself.
class Job : public QObject {
  Q_OBJECT
 public:
  const QString& title() const { return m_title; }
  void cancel();  // asks it to stop; a job that still waits never starts
  void discard(); // the same, and what it has done will be removed
  bool isDiscarded() const { return m_discarded; }

 Q_SIGNALS:
  void started();
  void progressed(const sememe::Progress& progress);
  void done();  // after its result was delivered
  void cancelled();
  void failed(const sememe::JobFailure& failure);

 private:
  friend class JobRunner;
  explicit Job(QString title, QObject* parent);
  QString m_title;
  bool m_discarded = false;
  std::stop_source m_stop;
};

// What a job has at hand on its thread.
class JobContext {
 public:
  std::stop_token stop;
  ProgressFn progress;

  // The lane thread's own connection to the job's workspace, opened when first used: ReadOnly for readers, ReadWrite
  // for the others. Throws as Workspace::open does.
  Workspace& workspace();
  // Runs `function` on the GUI thread, in the order of the calls and before the result; not when `receiver` is gone.
  void post(const QPointer<QObject>& receiver, std::function<void()> function);

 private:
  friend class JobRunner;
  struct Connection;
  JobContext(QObject* runner, Connection* connection, Lane lane, std::filesystem::path path)
      : m_runner(runner), m_connection(connection), m_lane(lane), m_path(std::move(path)) {}
  QObject* m_runner;
  Connection* m_connection;
  Lane m_lane;
  std::filesystem::path m_path;
};

// Owns the threads. Used on the GUI thread. Nothing that a job throws leaves its thread as an exception.
class JobRunner : public QObject {
  Q_OBJECT
 public:
  explicit JobRunner(int readers = 3, QObject* parent = nullptr);
  // Asks everything to stop but the writer lane, which is emptied first; waits for the threads.
  ~JobRunner() override;

  using Delivery = std::function<void()>;
  using Work = std::function<Delivery(JobContext&)>;

  // Runs `work` on the lane and what it returns (may be empty) on the GUI thread.
  Job* start(JobSpec spec, Work work);

  // Runs `work(JobContext&)` on the lane and `deliver(its result)` on the GUI thread, unless `receiver` is gone.
  template <class WorkFn, class DeliverFn>
  Job* run(JobSpec spec, QObject* receiver, WorkFn work, DeliverFn deliver) {
    return start(std::move(spec), [work = std::move(work), deliver = std::move(deliver),
                                   guard = QPointer<QObject>(receiver)](JobContext& context) -> Delivery {
      auto result = std::make_shared<decltype(work(context))>(work(context));
      return [result, deliver, guard] {
        if (guard) deliver(std::move(*result));
      };
    });
  }

  // Closes the lane threads' connections to workspaces as each becomes idle (another workspace is opened).
  void closeConnections();
  bool busy(Lane lane) const;  // something of it waits or runs

 Q_SIGNALS:
  void jobStarted(sememe::Job* job);  // one with a title

 private:
  struct Task;
  struct LaneQueue;
  void work(LaneQueue& queue);
  void execute(Task& task, JobContext::Connection& connection);

  std::vector<std::unique_ptr<LaneQueue>> m_lanes;
};

}  // namespace sememe
