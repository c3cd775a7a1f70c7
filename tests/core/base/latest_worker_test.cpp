// The thread that works on the newest request: what is overtaken, what is stopped and when, and how it ends.
#include "core/base/latest_worker.h"

#include <QtTest>
#include <chrono>
#include <string>
#include <vector>

using namespace sememe;

namespace {

// Opened once, waited for by anyone.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(m_mutex);
    m_open = true;
    m_wake.notify_all();
  }
  void wait() {
    std::unique_lock lock(m_mutex);
    m_wake.wait(lock, [this] { return m_open; });
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_wake;
  bool m_open = false;
};

void waitForStop(const std::stop_token& stop) {
  Gate gate;
  const std::stop_callback opens(stop, [&] { gate.open(); });
  gate.wait();
}

}  // namespace

class LatestWorkerTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void theNewestReplacesWhatWaits() {
    Gate begun, go, done;
    std::vector<std::string> seen;
    std::vector<uint64_t> generations;
    LatestWorker<std::string> worker([&](const std::string& request, const Turn& turn) {
      seen.push_back(request);
      generations.push_back(turn.generation);
      if (request == "first") {
        begun.open();
        go.wait();
      }
      if (request == "last") done.open();
    });
    QVERIFY(!worker.busy());
    QCOMPARE(worker.submit("first"), uint64_t(1));
    begun.wait();
    QVERIFY(worker.busy());
    worker.submit("second");
    worker.submit("third");
    QCOMPARE(worker.submit("last"), uint64_t(4));
    go.open();
    done.wait();
    QCOMPARE(seen, (std::vector<std::string>{"first", "last"}));
    QCOMPARE(generations, (std::vector<uint64_t>{1, 4}));
    QTRY_VERIFY(!worker.busy());
  }

  void aNewerOneAbandonsOrSupersedes() {
    for (const bool abandon : {true, false}) {
      Gate begun, superseded, go, done;
      bool abandoned = false;
      LatestWorker<int> worker([&](const int& request, const Turn& turn) {
        if (request == 2) return done.open();
        begun.open();
        waitForStop(turn.superseded);
        superseded.open();
        go.wait();
        abandoned = turn.abandoned.stop_requested();
      });
      worker.submit(1);
      begun.wait();
      worker.submit(2, abandon);
      superseded.wait();
      go.open();
      done.wait();
      QCOMPARE(abandoned, abandon);
    }
  }

  void cancelStopsBothAndNothingElse() {
    Gate begun, again;
    std::vector<int> seen;
    LatestWorker<int> worker([&](const int& request, const Turn& turn) {
      seen.push_back(request);
      if (request == 3) return again.open();
      begun.open();
      waitForStop(turn.abandoned);
    });
    worker.submit(1);
    begun.wait();
    worker.submit(2, false);
    worker.cancel();
    QTRY_VERIFY(!worker.busy());
    worker.submit(3);
    again.wait();
    QCOMPARE(seen, (std::vector<int>{1, 3}));
  }

  void endingStopsTheWork() {
    Gate begun;
    bool stopped = false;
    {
      LatestWorker<int> worker([&](const int&, const Turn& turn) {
        begun.open();
        waitForStop(turn.abandoned);
        stopped = turn.superseded.stop_requested();
      });
      worker.submit(1);
      begun.wait();
      worker.submit(2, false);
    }
    QVERIFY(stopped);
  }

  void patienceEndsWithTheFirstResult() {
    std::stop_source superseded, abandoned;
    const Turn turn{1, superseded.get_token(), abandoned.get_token()};
    PatientStop early(turn), late(turn), thrown(turn);
    QVERIFY(!early.token().stop_requested());
    late.release();
    QVERIFY(!late.token().stop_requested());
    superseded.request_stop();
    QVERIFY(!early.token().stop_requested());
    QVERIFY(late.token().stop_requested());
    early.release();
    QVERIFY(early.token().stop_requested());
    QVERIFY(!thrown.token().stop_requested());
    abandoned.request_stop();
    QVERIFY(thrown.token().stop_requested());
  }
};

QTEST_GUILESS_MAIN(LatestWorkerTest)
#include "latest_worker_test.moc"
