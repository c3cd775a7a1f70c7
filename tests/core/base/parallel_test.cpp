// Loops in several threads: every number once, and what a stretch throws comes out.
#include "core/base/parallel.h"

#include <QtTest>
#include <array>
#include <atomic>
#include <vector>

#include "core/base/error.h"

using namespace sememe;

class ParallelTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void everyNumberOnce() {
    for (const auto& [begin, end, grain] : std::vector<std::array<int64_t, 3>>{{0, 1000, 7}, {5, 6, 100}, {-3, 40, 1}, {0, 64, 64}, {2, 2, 4}, {9, 2, 4}}) {
      std::vector<std::atomic<int>> seen(2000);
      std::atomic<bool> tooLong = false;
      parallelFor(begin, end, grain, [&, grain = grain](int64_t from, int64_t to) {
        if (to - from > grain || from >= to) tooLong = true;
        for (int64_t i = from; i < to; ++i) ++seen[size_t(i + 100)];
      });
      QVERIFY(!tooLong);
      for (int64_t i = -100; i < 1900; ++i) QCOMPARE(seen[size_t(i + 100)].load(), i >= begin && i < end ? 1 : 0);
    }
  }

  void insideAnother() {
    std::atomic<int64_t> sum = 0;
    parallelFor(0, 10, 1, [&](int64_t from, int64_t) { parallelFor(0, 100, 9, [&](int64_t a, int64_t b) { sum += (b - a) * from; }); });
    QCOMPARE(sum.load(), int64_t{4500});
  }

  // The others are done to their end.
  void whatIsThrownComesOut() {
    std::atomic<int> done = 0;
    try {
      parallelFor(0, 100, 1, [&](int64_t from, int64_t) {
        ++done;
        if (from % 10 == 3) throw Error(ErrorCode::Invalid, "number " + std::to_string(from));
      });
      QFAIL("nothing was thrown");
    } catch (const Error& error) {
      QVERIFY(error.message().ends_with('3'));
    }
    QCOMPARE(done.load(), 100);
  }
};

QTEST_GUILESS_MAIN(ParallelTest)
#include "parallel_test.moc"
