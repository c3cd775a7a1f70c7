// Opening workspaces: new ones, and everything that is not one, or can not be written.
#include "core/store/workspace.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTest>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <random>
#include <thread>

#include "core/base/files.h"
#include "core/store/schema.h"
#include "tests/core/store/store_test_support.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

constexpr OpenMode kModes[] = {OpenMode::ReadOnly, OpenMode::ReadWrite, OpenMode::Create};

void makeFilled(const fs::path& path) {
  Workspace workspace = Workspace::open(path, OpenMode::Create);
  const int64_t run = workspace.runs().ensure(denseRun("rows", 4000, 64)).id;
  workspace.activations().appendRows(run, 0, 4000, std::vector<float>(4000 * 64, 1.0f));
}

// Runs `work` as a user whom permissions bind (the superuser they do not), in a process of its own.
// True when it returned true.
bool asOrdinaryUser(const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    bool good = geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
    try {
      good = good && work();
    } catch (...) {
      good = false;
    }
    _exit(good ? 0 : 1);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

class WorkspaceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void createsOpensAndKeeps() {
    ScratchFolder folder;
    const fs::path path = folder.file("deep/new.sememe");
    makeFilled(path);
    for (const OpenMode mode : kModes) {
      Workspace workspace = Workspace::open(path, mode);
      QCOMPARE(workspace.readOnly(), mode == OpenMode::ReadOnly);
      QCOMPARE(workspace.path(), path);
      QCOMPARE(workspace.runs().list().size(), size_t(1));
      QCOMPARE(workspace.database().queryInt("PRAGMA user_version"), int64_t(kSchemaVersion));
      QCOMPARE(workspace.database().queryInt("PRAGMA foreign_keys"), 1);
      Workspace moved = std::move(workspace);
      QCOMPARE(moved.runs().find("rows")->rowsDone, 4000);
    }
    QVERIFY(!fs::exists(path.string() + "-wal"));  // the last one to leave has tidied up
    Workspace workspace = Workspace::open(path, OpenMode::ReadWrite);
    Statement journal(workspace.database(), "PRAGMA journal_mode");
    QVERIFY(journal.step());
    QCOMPARE(journal.text(0), std::string("wal"));
    Statement check(workspace.database(), "PRAGMA integrity_check");
    QVERIFY(check.step());
    QCOMPARE(check.text(0), std::string("ok"));
  }

  // Whoever comes second waits for the first, and finds a workspace.
  void severalProgramsMakeOneWorkspace() {
    for (int round = 0; round < 5; ++round) {
      ScratchFolder folder;
      std::vector<pid_t> programs;
      for (int i = 0; i < 6; ++i) {
        const pid_t pid = fork();
        QVERIFY(pid >= 0);
        if (pid == 0) {
          try {
            Workspace::open(folder.file("a.sememe"), OpenMode::Create).runs().ensure(denseRun("rows", 10, 3));
            _exit(0);
          } catch (const std::exception& error) {
            fprintf(stderr, "%s\n", error.what());
            _exit(1);
          }
        }
        programs.push_back(pid);
      }
      for (const pid_t pid : programs) {
        int status = 0;
        QCOMPARE(waitpid(pid, &status, 0), pid);
        QVERIFY(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      }
      const Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
      QCOMPARE(workspace.runs().list().size(), size_t(1));
    }
  }

  void readOnlyRefusesChanges() {
    ScratchFolder folder;
    makeFilled(folder.file("a.sememe"));
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
    QCOMPARE(unexpected(ErrorCode::Io, "readonly", [&] { workspace.runs().rename(1, "x"); }), QString());
  }

  void refusesWhatIsNoWorkspace() {
    ScratchFolder folder;
    writeTextFile(folder.file("text"), std::string(5000, 'x'));
    writeTextFile(folder.file("short"), "SQLite format 3");
    writeTextFile(folder.file("empty"), "");
    {
      Database other(folder.file("other"), OpenMode::Create);
      other.execute("CREATE TABLE t (i INTEGER)");
      Database named(folder.file("named"), OpenMode::Create);
      named.execute("PRAGMA application_id = 12345; CREATE TABLE t (i INTEGER)");
    }
    const std::string foreign = readTextFile(folder.file("other"));
    for (const OpenMode mode : kModes) {
      const auto open = [&](const char* name) {
        return [&, name] { Workspace::open(folder.file(name), mode); };
      };
      QCOMPARE(unexpected(ErrorCode::Corrupt, "no SQLite database", open("text")), QString());
      QCOMPARE(unexpected(ErrorCode::Unsupported, "another program", open("other")), QString());
      QCOMPARE(unexpected(ErrorCode::Unsupported, "another program", open("named")), QString());
      if (mode != OpenMode::Create) {
        QCOMPARE(unexpected(ErrorCode::Corrupt, "empty", open("empty")), QString());
      }
    }
    for (const OpenMode mode : {OpenMode::ReadOnly, OpenMode::ReadWrite}) {
      bool opened = true;
      try {
        Workspace::open(folder.file("short"), mode);
      } catch (const Error& error) {
        opened = false;
        QCOMPARE(error.code(), ErrorCode::Corrupt);
      }
      QVERIFY(!opened);
    }
    QVERIFY(readTextFile(folder.file("other")) == foreign);  // not so much as its journal mode
    QCOMPARE(readTextFile(folder.file("text")).size(), size_t(5000));
  }

  void refusesANewerVersion() {
    ScratchFolder folder;
    makeFilled(folder.file("a.sememe"));
    {
      Database database(folder.file("a.sememe"), OpenMode::ReadWrite);
      database.execute("PRAGMA user_version = 99");
    }
    for (const OpenMode mode : kModes) {
      QCOMPARE(unexpected(ErrorCode::Unsupported, "newer version of Sememe (workspace format 99",
                          [&] { Workspace::open(folder.file("a.sememe"), mode); }),
               QString());
    }
    {
      Database database(folder.file("a.sememe"), OpenMode::ReadWrite);
      database.execute("PRAGMA user_version = -3");
    }
    QCOMPARE(unexpected(ErrorCode::Corrupt, "version",
                        [&] { Workspace::open(folder.file("a.sememe"), OpenMode::ReadWrite); }),
             QString());
  }

  void anUnfinishedNewFileIsFinishedByCreate() {
    ScratchFolder folder;
    {  // what is left when a program is killed before its first commit
      Database database(folder.file("a.sememe"), OpenMode::Create);
      database.execute("PRAGMA journal_mode = WAL");
    }
    QCOMPARE(unexpected(ErrorCode::Corrupt, "empty",
                        [&] { Workspace::open(folder.file("a.sememe"), OpenMode::ReadWrite); }),
             QString());
    QVERIFY(Workspace::open(folder.file("a.sememe"), OpenMode::Create).runs().list().empty());
    QVERIFY(Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly).runs().list().empty());
  }

  void missingTablesAreCorruption() {
    ScratchFolder folder;
    {
      Database database(folder.file("a.sememe"), OpenMode::Create);
      database.execute(
          "PRAGMA application_id = 0x534D4D45; PRAGMA user_version = 1; CREATE TABLE runs (x INTEGER)");
    }
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::ReadWrite);
    QCOMPARE(unexpected(ErrorCode::Corrupt, "no such column", [&] { workspace.runs().list(); }), QString());
    QCOMPARE(unexpected(ErrorCode::Corrupt, "no such table", [&] { workspace.datasets().list(); }),
             QString());
  }

  // A file that was cut short fails with an error wherever that shows, and never crashes.
  void truncatedFilesFailCleanly() {
    ScratchFolder folder;
    makeFilled(folder.file("whole.sememe"));
    const std::string whole = readTextFile(folder.file("whole.sememe"));
    QVERIFY(whole.size() > 1'000'000);
    for (const size_t size :
         {size_t(50), size_t(100), size_t(16384), size_t(20000), whole.size() / 2, whole.size() - 1}) {
      writeTextFile(folder.file("cut.sememe"), whole.substr(0, size));
      for (const OpenMode mode : kModes) {
        QCOMPARE(unexpected(ErrorCode::Corrupt, "cut.sememe",
                            [&] {
                              Workspace workspace = Workspace::open(folder.file("cut.sememe"), mode);
                              workspace.activations().readRows(1, 0, 4000);
                            }),
                 QString());
      }
    }
  }

  // Bytes changed anywhere: whatever is found is an Error, and reading ends.
  void flippedBytesNeverCrash() {
    ScratchFolder folder;
    {
      Workspace workspace = Workspace::open(folder.file("whole.sememe"), OpenMode::Create);
      workspace.runs().ensure(denseRun("rows", 10, 4));
      workspace.activations().appendRows(1, 0, 10, std::vector<float>(40, 1.0f));
    }
    const std::string whole = readTextFile(folder.file("whole.sememe"));
    std::mt19937_64 random(3);
    for (int round = 0; round < 60; ++round) {
      std::string bytes = whole;
      for (int i = 0; i < 40; ++i) bytes[random() % bytes.size()] = char(random());
      writeTextFile(folder.file("flipped.sememe"), bytes);
      try {
        Workspace workspace = Workspace::open(folder.file("flipped.sememe"), OpenMode::ReadOnly);
        for (const RunInfo& run : workspace.runs().list()) {
          if (run.rowsDone * run.dim < 1'000'000) workspace.activations().readRows(run.id, 0, run.rowsDone);
        }
      } catch (const Error&) {
      }
    }
  }

  void aFileOrFolderWithoutPermission() {
    ScratchFolder folder;
    const fs::path path = folder.file("inner/a.sememe");
    makeFilled(path);
    QCOMPARE(chmod(folder.path().c_str(), 0755), 0);
    QCOMPARE(chmod(path.c_str(), 0444), 0);
    QCOMPARE(chmod(path.parent_path().c_str(), 0555), 0);
    QVERIFY(asOrdinaryUser([&] {
      const Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
      return workspace.readOnly() && workspace.activations().readRows(1, 3999, 1)[63] == 1.0f;
    }));
    QVERIFY(asOrdinaryUser([&] {
      return unexpected(ErrorCode::Io, "written", [&] { Workspace::open(path, OpenMode::ReadWrite); })
                 .isEmpty() &&
             unexpected(ErrorCode::Io, "written", [&] { Workspace::open(path, OpenMode::Create); }).isEmpty();
    }));
    QVERIFY(asOrdinaryUser([&] {
      return unexpected(ErrorCode::Io, "new.sememe",
                        [&] { Workspace::open(path.parent_path() / "new.sememe", OpenMode::Create); })
          .isEmpty();
    }));
    // What another program has not yet taken over from its -wal can not be seen, so it is not passed over in
    // silence.
    QCOMPARE(chmod(path.parent_path().c_str(), 0755), 0);
    writeTextFile(path.string() + "-wal", std::string(100, 'x'));
    QCOMPARE(chmod(path.parent_path().c_str(), 0555), 0);
    QVERIFY(asOrdinaryUser([&] {
      return unexpected(ErrorCode::Io, "unfinished changes",
                        [&] { Workspace::open(path, OpenMode::ReadOnly); })
          .isEmpty();
    }));
    QCOMPARE(chmod(path.parent_path().c_str(), 0755), 0);
  }

  void manyMayCreateItAtOnce() {
    ScratchFolder folder;
    for (int round = 0; round < 5; ++round) {
      const fs::path path = folder.file(std::to_string(round) + ".sememe");
      std::atomic<int> opened = 0;
      std::vector<std::thread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          try {
            Workspace::open(path, OpenMode::Create).runs().ensure(denseRun("rows", 1, 1));
            ++opened;
          } catch (const std::exception& error) {
            qWarning("%s", error.what());
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
      QCOMPARE(opened.load(), 4);
      QCOMPARE(Workspace::open(path, OpenMode::ReadOnly).runs().list().size(), size_t(1));
    }
  }

  void dataVersionShowsOthersCommits() {
    ScratchFolder folder;
    makeFilled(folder.file("a.sememe"));
    const Workspace reader = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
    Workspace writer = Workspace::open(folder.file("a.sememe"), OpenMode::ReadWrite);
    const int64_t before = reader.dataVersion();
    QCOMPARE(reader.dataVersion(), before);
    writer.runs().rename(1, "other");
    QVERIFY(reader.dataVersion() != before);
  }
};

QTEST_GUILESS_MAIN(WorkspaceTest)
#include "store_workspace_test.moc"
