// Tests of core/base/progress.h and log.h: reports, cancellation, and lines.
#include "core/base/progress.h"

#include <QtTest>
#include <vector>

#include "core/base/error.h"
#include "core/base/log.h"

using namespace sememe;

class ProgressTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void reportsTheStartAndTheEnd() {
    std::vector<Progress> seen;
    ProgressMeter meter([&](const Progress& p) { seen.push_back(p); }, "Counting", 1000);
    for (int i = 0; i < 1000; ++i) meter.advance();
    meter.finish();
    QCOMPARE(seen.front().done, int64_t(0));
    QCOMPARE(seen.front().total, int64_t(1000));
    QCOMPARE(seen.front().stage, std::string("Counting"));
    QCOMPARE(seen.back().done, int64_t(1000));
    QVERIFY2(seen.size() < 100, "a thousand quick steps were reported one by one");
  }

  void goesOnWhereARunStopped() {
    std::vector<Progress> seen;
    ProgressMeter meter([&](const Progress& p) { seen.push_back(p); }, "Resumed", 10, 7);
    meter.advance(3);
    meter.finish();
    QCOMPARE(seen.front().done, int64_t(7));
    QCOMPARE(seen.back().done, int64_t(10));
  }

  void needsNoListener() {
    ProgressMeter meter({}, "Silent", 0);
    meter.advance();
    meter.finish();
  }

  void stopsWhenAsked() {
    std::stop_source source;
    throwIfStopped(source.get_token());
    throwIfStopped({});
    source.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, throwIfStopped(source.get_token()));
  }

  void saysDurations() {
    QCOMPARE(formatSeconds(0), std::string("0 s"));
    QCOMPARE(formatSeconds(-5), std::string("0 s"));
    QCOMPARE(formatSeconds(12.4), std::string("12 s"));
    QCOMPARE(formatSeconds(200), std::string("3 min 20 s"));
    QCOMPARE(formatSeconds(59.7), std::string("1 min 00 s"));
    QCOMPARE(formatSeconds(3900), std::string("1 h 05 min"));
  }

  void linesGoToTheSink() {
    std::vector<std::string> lines;
    setLogSink([&](LogLevel, std::string_view text) { lines.emplace_back(text); });
    setLogLevel(LogLevel::Info);
    log(LogLevel::Debug, "unseen");
    log(LogLevel::Warning, "seen");
    setLogSink({});
    QCOMPARE(lines, std::vector<std::string>{"seen"});
  }
};

QTEST_GUILESS_MAIN(ProgressTest)
#include "progress_test.moc"
