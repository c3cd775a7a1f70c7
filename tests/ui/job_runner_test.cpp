// Tests of the job runner: the three outcomes, threads, order, progress, connections, shutting down.
#include "ui/jobs/job_runner.h"

#include <QSignalSpy>
#include <QTest>
#include <QThread>
#include <atomic>
#include <stdexcept>

#include "tests/ui/ui_support.h"

using namespace sememe;

namespace {

// Counts a job's outcomes.
struct Outcomes {
  int done = 0, cancelled = 0, failed = 0;
  JobFailure failure;
  explicit Outcomes(Job* job) {
    QObject::connect(job, &Job::done, job, [this] { ++done; });
    QObject::connect(job, &Job::cancelled, job, [this] { ++cancelled; });
    QObject::connect(job, &Job::failed, job, [this](const JobFailure& f) {
      ++failed;
      failure = f;
    });
  }
  int sum() const { return done + cancelled + failed; }
};

JobSpec specOf(Lane lane, Urgency urgency = Urgency::Soon, const QString& title = {}) {
  JobSpec spec;
  spec.lane = lane;
  spec.urgency = urgency;
  spec.title = title;
  return spec;
}

}  // namespace

class JobRunnerTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void deliversOnTheGuiThread() {
    JobRunner runner;
    QThread* worker = nullptr;
    QThread* deliveredOn = nullptr;
    int result = 0;
    bool deliveredBeforeDone = false;
    Job* job = runner.run(
        specOf(Lane::Compute), this,
        [&](JobContext&) {
          worker = QThread::currentThread();
          return 42;
        },
        [&](int value) {
          deliveredOn = QThread::currentThread();
          result = value;
        });
    Outcomes outcomes(job);
    connect(job, &Job::done, this, [&] { deliveredBeforeDone = result == 42; });
    EVENTUALLY_EQUAL(outcomes.sum(), 1);
    QCOMPARE(outcomes.done, 1);
    QCOMPARE(deliveredOn, QThread::currentThread());
    QVERIFY(worker != deliveredOn);
    QVERIFY(deliveredBeforeDone);
  }

  void cancelledIsNotFailed() {
    JobRunner runner;
    Job* job = runner.start(specOf(Lane::Compute), [](JobContext& context) -> JobRunner::Delivery {
      while (true) {
        throwIfStopped(context.stop);
        QThread::msleep(1);
      }
    });
    Outcomes outcomes(job);
    QSignalSpy started(job, &Job::started);
    EVENTUALLY_EQUAL(started.count(), 1);
    job->cancel();
    EVENTUALLY_EQUAL(outcomes.sum(), 1);
    QCOMPARE(outcomes.cancelled, 1);
  }

  void aWaitingJobThatIsCancelledNeverRuns() {
    JobRunner runner;
    std::atomic<bool> go = false, ran = false;
    runner.start(specOf(Lane::Compute), [&](JobContext&) -> JobRunner::Delivery {
      while (!go) QThread::msleep(1);
      return {};
    });
    Job* waiting = runner.start(specOf(Lane::Compute), [&](JobContext&) -> JobRunner::Delivery {
      ran = true;
      return {};
    });
    Outcomes outcomes(waiting);
    waiting->cancel();
    go = true;
    EVENTUALLY_EQUAL(outcomes.sum(), 1);
    QCOMPARE(outcomes.cancelled, 1);
    QVERIFY(!ran);
  }

  void everyKindOfExceptionBecomesAFailure() {
    JobRunner runner;
    const std::function<void()> throwers[] = {
        [] { throw Error(ErrorCode::DiskFull, "no room", "/x"); },
        [] { throw std::runtime_error("plain"); },
        [] { throw std::bad_alloc(); },
        [] { throw 7; },
    };
    for (const auto& thrower : throwers) {
      Job* job = runner.start(specOf(Lane::Reader), [&](JobContext&) -> JobRunner::Delivery {
        thrower();
        return {};
      });
      Outcomes outcomes(job);
      EVENTUALLY_EQUAL(outcomes.sum(), 1);
      QCOMPARE(outcomes.failed, 1);
      QVERIFY(!outcomes.failure.message.isEmpty());
      QVERIFY(!outcomes.failure.advice.isEmpty());
    }
  }

  void everyErrorHasAdvice() {
    for (int code = 0; code <= int(ErrorCode::Diverged); ++code) {
      const JobFailure failure = JobFailure::from(Error(ErrorCode(code), "what", "where"));
      QVERIFY(!failure.advice.isEmpty());
      QVERIFY(failure.message.contains(QLatin1String("where")));
    }
  }

  void urgentJobsOvertake() {
    JobRunner runner(1);
    std::atomic<bool> go = false;
    QStringList order;
    runner.start(specOf(Lane::Reader), [&](JobContext&) -> JobRunner::Delivery {
      while (!go) QThread::msleep(1);
      return {};
    });
    const auto add = [&](Urgency urgency, const QString& name) {
      runner.start(specOf(Lane::Reader, urgency), [&order, name](JobContext&) { return [&order, name] { order << name; }; });
    };
    add(Urgency::Later, QStringLiteral("later"));
    add(Urgency::Soon, QStringLiteral("soon"));
    add(Urgency::Now, QStringLiteral("now 1"));
    add(Urgency::Now, QStringLiteral("now 2"));
    go = true;
    EVENTUALLY_EQUAL(order.size(), 4);
    QCOMPARE(order, (QStringList{QStringLiteral("now 1"), QStringLiteral("now 2"), QStringLiteral("soon"), QStringLiteral("later")}));
  }

  void progressIsCoalescedAndItsLastComes() {
    JobRunner runner;
    QSignalSpy shown(&runner, &JobRunner::jobStarted);
    Job* job = runner.start(specOf(Lane::Compute, Urgency::Soon, QStringLiteral("Counting")), [](JobContext& context) -> JobRunner::Delivery {
      for (int i = 1; i <= 100'000; ++i) context.progress({.stage = "Counting", .done = i, .total = 100'000});
      return {};
    });
    QCOMPARE(shown.count(), 1);
    int64_t last = 0;
    int reports = 0;
    connect(job, &Job::progressed, this, [&](const Progress& p) {
      last = p.done;
      ++reports;
    });
    Outcomes outcomes(job);
    EVENTUALLY_EQUAL(outcomes.done, 1);
    QCOMPARE(last, int64_t(100'000));
    QVERIFY2(reports < 50'000, qPrintable(QString::number(reports)));
  }

  void postsComeInOrderAndBeforeTheResult() {
    JobRunner runner;
    QList<int> seen;
    const QPointer<QObject> guard(this);
    Job* job = runner.start(specOf(Lane::Reader), [&, guard](JobContext& context) -> JobRunner::Delivery {
      for (int i = 0; i < 5; ++i) context.post(guard, [&seen, i] { seen << i; });
      return [&seen] { seen << 99; };
    });
    Outcomes outcomes(job);
    EVENTUALLY_EQUAL(outcomes.done, 1);
    QCOMPARE(seen, (QList<int>{0, 1, 2, 3, 4, 99}));
  }

  void aReceiverThatIsGoneGetsNothing() {
    JobRunner runner;
    auto* receiver = new QObject;
    bool delivered = false;
    std::atomic<bool> go = false;
    Job* job = runner.run(
        specOf(Lane::Reader), receiver,
        [&](JobContext&) {
          while (!go) QThread::msleep(1);
          return 1;
        },
        [&](int) { delivered = true; });
    Outcomes outcomes(job);
    delete receiver;
    go = true;
    EVENTUALLY_EQUAL(outcomes.sum(), 1);
    QVERIFY(!delivered);
  }

  void readersOpenReadOnlyAndAFailureIsReported() {
    const TestWorkspace workspace(100, 50);
    JobRunner runner;
    JobSpec spec = specOf(Lane::Reader);
    spec.workspace = workspace.path();
    bool readOnly = false;
    Outcomes good(runner.run(spec, this, [](JobContext& c) { return c.workspace().readOnly(); }, [&](bool r) { readOnly = r; }));
    EVENTUALLY_EQUAL(good.done, 1);
    QVERIFY(readOnly);
    spec.workspace = workspace.path().parent_path() / "missing.sememe";
    Outcomes bad(runner.run(spec, this, [](JobContext& c) { return c.workspace().readOnly(); }, [](bool) {}));
    EVENTUALLY_EQUAL(bad.failed, 1);
    QCOMPARE(bad.failure.code, ErrorCode::NotFound);
  }

  void endingEmptiesTheWriterAndStopsTheRest() {
    std::atomic<int> written = 0;
    {
      JobRunner runner;
      for (int i = 0; i < 20; ++i) {
        runner.start(specOf(Lane::Writer), [&](JobContext&) -> JobRunner::Delivery {
          QThread::msleep(2);
          ++written;
          return {};
        });
      }
      runner.start(specOf(Lane::Compute), [](JobContext& context) -> JobRunner::Delivery {
        while (!context.stop.stop_requested()) QThread::msleep(1);
        return {};
      });
      QThread::msleep(5);
    }
    QCOMPARE(written.load(), 20);
  }
};

QTEST_GUILESS_MAIN(JobRunnerTest)
#include "job_runner_test.moc"
