// The RAII around SQLite: values, roll-back, nesting, and what each failure becomes.
#include "core/store/database.h"

#include <QTest>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "core/base/progress.h"
#include "tests/core/store/store_test_support.h"

using namespace sememe;

class DatabaseTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void valuesComeBack() {
    ScratchFolder folder;
    Database database(folder.file("a.db"), OpenMode::Create);
    database.execute("CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB)");
    const std::vector<float> floats = {1.5f, -2};
    Statement insert(database, "INSERT INTO t VALUES (?1, ?2, ?3, ?4)", int64_t(-5), 0.25, "Grüße", floats);
    insert.run();
    insert.with(7, std::nan(""), std::string(), std::vector<float>()).run();
    insert
        .with(std::numeric_limits<int64_t>::max(), std::numeric_limits<double>::infinity(), nullptr, nullptr)
        .run();
    QCOMPARE(database.changes(), 1);
    QCOMPARE(database.lastInsertId(), 3);

    Statement rows(database, "SELECT i, r, t, b FROM t ORDER BY rowid");
    QVERIFY(rows.step());
    QCOMPARE(rows.integer(0), -5);
    QCOMPARE(rows.real(1), 0.25);
    QCOMPARE(rows.text(2), std::string("Grüße"));
    QCOMPARE(rows.blob(3).size(), size_t(8));
    QVERIFY(rows.step());
    QVERIFY(rows.isNull(1) && std::isnan(rows.real(1)));
    QVERIFY(!rows.isNull(2) && rows.text(2).empty());
    QVERIFY(!rows.isNull(3) && rows.blob(3).empty());
    QVERIFY(rows.step());
    QCOMPARE(rows.integer(0), std::numeric_limits<int64_t>::max());
    QVERIFY(std::isinf(rows.real(1)));
    QVERIFY(rows.isNull(2) && rows.isNull(3) && rows.blob(3).empty());
    QVERIFY(!rows.step());
  }

  void rollsBackUnlessCommitted() {
    ScratchFolder folder;
    Database database(folder.file("a.db"), OpenMode::Create);
    database.execute("CREATE TABLE t (i INTEGER)");
    const auto insert = [&](int value) { Statement(database, "INSERT INTO t VALUES (?1)", value).run(); };
    const auto count = [&] { return database.queryInt("SELECT count(*) FROM t"); };
    {
      Transaction transaction(database);
      insert(1);
      QCOMPARE(count(), 1);
    }
    QCOMPARE(count(), 0);
    try {
      Transaction transaction(database);
      insert(2);
      throw Error(ErrorCode::Invalid, "on the way");
    } catch (const Error&) {
    }
    QCOMPARE(count(), 0);
    {
      Transaction transaction(database);
      insert(3);
      transaction.commit();
    }
    QCOMPARE(count(), 1);
    QVERIFY(!database.inTransaction());
  }

  void nestedOnesAreSavepoints() {
    ScratchFolder folder;
    Database database(folder.file("a.db"), OpenMode::Create);
    database.execute("CREATE TABLE t (i INTEGER)");
    const auto insert = [&](int value) { Statement(database, "INSERT INTO t VALUES (?1)", value).run(); };
    {
      Transaction outer(database);
      insert(1);
      {
        Transaction inner(database);
        insert(2);
        {
          Transaction innermost(database);
          insert(4);
          innermost.commit();
        }
      }
      {
        Transaction inner(database);
        insert(8);
        inner.commit();
      }
      outer.commit();
    }
    QCOMPARE(database.queryInt("SELECT sum(i) FROM t"), 9);
    {
      Transaction outer(database);
      Transaction inner(database);
      insert(16);
      inner.commit();
    }
    QCOMPARE(database.queryInt("SELECT sum(i) FROM t"), 9);
  }

  void aSecondWriterIsTurnedAwayAsBusy() {
    ScratchFolder folder;
    Database first(folder.file("a.db"), OpenMode::Create);
    first.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (i INTEGER)");
    Database second(folder.file("a.db"), OpenMode::ReadWrite);
    second.setBusyTimeout(20);
    Transaction writing(first);
    QCOMPARE(unexpected(ErrorCode::Busy, "a.db", [&] { Transaction transaction(second); }), QString());
    QCOMPARE(second.queryInt("SELECT count(*) FROM t"), 0);  // reading goes on
  }

  void aFullDiskLeavesTheLastCommit() {
    ScratchFolder folder;
    Database database(folder.file("a.db"), OpenMode::Create);
    database.execute(
        "CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(1000)); PRAGMA max_page_count = 20");
    QCOMPARE(unexpected(ErrorCode::DiskFull, "a.db",
                        [&] {
                          Transaction transaction(database);
                          database.execute("INSERT INTO t VALUES (zeroblob(10))");
                          database.execute("INSERT INTO t VALUES (zeroblob(1000000))");
                          transaction.commit();
                        }),
             QString());
    QVERIFY(!database.inTransaction());
    QCOMPARE(database.queryInt("SELECT count(*) FROM t"), 1);
    database.execute("INSERT INTO t VALUES (zeroblob(10))");
    QCOMPARE(database.queryInt("SELECT count(*) FROM t"), 2);
  }

  void aMissingFileIsNotMade() {
    ScratchFolder folder;
    for (const OpenMode mode : {OpenMode::ReadOnly, OpenMode::ReadWrite}) {
      QCOMPARE(unexpected(ErrorCode::NotFound, "none.db",
                          [&] { Database database(folder.file("none.db"), mode); }),
               QString());
    }
    QVERIFY(!std::filesystem::exists(folder.file("none.db")));
    QCOMPARE(unexpected(ErrorCode::Unsupported, "folder",
                        [&] { Database database(folder.path(), OpenMode::ReadOnly); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::Io, "proc",
                        [&] { Database database("/proc/none/of/this.db", OpenMode::Create); }),
             QString());
  }

  void createMakesTheFolder() {
    ScratchFolder folder;
    Database database(folder.file("new/deep/a ?#%.db"), OpenMode::Create);
    database.execute("CREATE TABLE t (i INTEGER)");
    QVERIFY(std::filesystem::exists(folder.file("new/deep/a ?#%.db")));
  }

  void wrongSqlAndConstraintsAreErrors() {
    ScratchFolder folder;
    Database database(folder.file("a.db"), OpenMode::Create);
    database.execute("CREATE TABLE t (i INTEGER UNIQUE)");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "no such table", [&] { Statement(database, "SELECT * FROM u"); }),
             QString());
    Statement insert(database, "INSERT INTO t VALUES (?1)", 1);
    insert.run();
    QCOMPARE(unexpected(ErrorCode::Invalid, "UNIQUE", [&] { insert.with(1).run(); }), QString());
    insert.with(2).run();  // a statement that failed works again
    QCOMPARE(database.queryInt("SELECT count(*) FROM t"), 2);
  }

  void interruptIsACancellation() {
    ScratchFolder folder;
    Database database(folder.file("a.db"), OpenMode::Create);
    std::atomic<bool> done = false;
    // Repeated, since an interrupt before the statement starts does nothing.
    std::thread other([&] {
      while (!done) {
        database.interrupt();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    bool cancelled = false;
    try {
      database.queryInt(
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n");
    } catch (const Cancelled&) {
      cancelled = true;
    }
    done = true;
    other.join();
    QVERIFY(cancelled);
    QCOMPARE(database.queryInt("SELECT 5"), 5);
  }
};

QTEST_GUILESS_MAIN(DatabaseTest)
#include "store_database_test.moc"
