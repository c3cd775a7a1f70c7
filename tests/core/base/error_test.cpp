// Tests of core/base/error.h: what a person reads, and which code stands for which failure.
#include "core/base/error.h"

#include <QtTest>
#include <cerrno>

using namespace sememe;

class ErrorTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void saysWhatAndWhere() {
    const Error error(ErrorCode::Corrupt, "the header is broken", "a.npy");
    QCOMPARE(std::string(error.what()), std::string("the header is broken (a.npy)"));
    QCOMPARE(error.message(), std::string("the header is broken"));
    QCOMPARE(error.where(), std::string("a.npy"));
    QVERIFY(error.code() == ErrorCode::Corrupt);
  }

  void leavesOutAnUnknownPlace() {
    QCOMPARE(std::string(Error(ErrorCode::Invalid, "k must be positive").what()), std::string("k must be positive"));
  }

  void errnoBecomesACode_data() {
    QTest::addColumn<int>("value");
    QTest::addColumn<int>("code");
    QTest::newRow("absent") << ENOENT << int(ErrorCode::NotFound);
    QTest::newRow("no folder") << ENOTDIR << int(ErrorCode::NotFound);
    QTest::newRow("full") << ENOSPC << int(ErrorCode::DiskFull);
    QTest::newRow("quota") << EDQUOT << int(ErrorCode::DiskFull);
    QTest::newRow("denied") << EACCES << int(ErrorCode::Io);
  }

  void errnoBecomesACode() {
    QFETCH(int, value);
    QFETCH(int, code);
    try {
      throwErrno(value, "cannot open", "some/file");
    } catch (const Error& error) {
      QCOMPARE(int(error.code()), code);
      QVERIFY(error.message().starts_with("cannot open: "));
      QCOMPARE(error.where(), std::string("some/file"));
    }
  }

  void cancelledIsNoError() {
    bool caught = false;
    try {
      throw Cancelled();
    } catch (const std::runtime_error&) {
      QFAIL("a cancellation was caught as a failure");
    } catch (const std::exception&) {
      caught = true;
    }
    QVERIFY(caught);
  }
};

QTEST_GUILESS_MAIN(ErrorTest)
#include "error_test.moc"
