// Tests of core/base/files.h: whole reads, maps, and atomic writes.
#include "core/base/files.h"

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

template <typename Function>
int codeOf(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return int(error.code());
  }
  return -1;
}

}  // namespace

class FilesTest : public QObject {
  Q_OBJECT

  QTemporaryDir m_dir;
  fs::path path(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }

 private Q_SLOTS:
  void writesAndReadsBack() {
    const std::string text("one\ntwo\0three", 13);
    writeTextFile(path("text"), text);
    QVERIFY(readTextFile(path("text")) == text);
    writeTextFile(path("text"), "shorter");
    QCOMPARE(readTextFile(path("text")), std::string("shorter"));
  }

  void makesMissingFolders() {
    writeTextFile(path("a/b/c.txt"), "x");
    QCOMPARE(readTextFile(path("a/b/c.txt")), std::string("x"));
  }

  void refusesWhatIsNoFile() {
    QCOMPARE(codeOf([&] { readTextFile(path("absent")); }), int(ErrorCode::NotFound));
    QCOMPARE(codeOf([&] { readTextFile(path("")); }), int(ErrorCode::Invalid));
    QCOMPARE(codeOf([&] { MappedFile::open(path("absent")); }), int(ErrorCode::NotFound));
    QCOMPARE(codeOf([&] { MappedFile::open(path("")); }), int(ErrorCode::Invalid));
    QCOMPARE(codeOf([&] { MappedFile::open("/dev/null"); }), int(ErrorCode::Invalid));
  }

  void boundsWhatItReads() {
    writeTextFile(path("ten"), "0123456789");
    QCOMPARE(readTextFile(path("ten"), 10).size(), size_t(10));
    QCOMPARE(codeOf([&] { readTextFile(path("ten"), 9); }), int(ErrorCode::Corrupt));
  }

  void mapsAWholeFile() {
    writeTextFile(path("mapped"), "abc");
    const auto file = MappedFile::open(path("mapped"));
    QCOMPARE(file->bytes().size(), size_t(3));
    QVERIFY(file->bytes()[2] == std::byte{'c'});
    QVERIFY(file->path() == path("mapped"));
    // The mapping outlives the name.
    fs::remove(path("mapped"));
    QVERIFY(file->bytes()[0] == std::byte{'a'});
  }

  void mapsAnEmptyFile() {
    writeTextFile(path("empty"), "");
    QVERIFY(MappedFile::open(path("empty"))->bytes().empty());
  }

  void nothingIsThereBeforeCommit() {
    {
      AtomicFile file(path("atomic"));
      file.write("half");
      QCOMPARE(file.position(), int64_t(4));
      QVERIFY(!fs::exists(path("atomic")));
    }
    QVERIFY(!fs::exists(path("atomic")));
    QVERIFY(!fs::exists(path("atomic.part")));
  }

  void anOldFileStaysUntilCommit() {
    writeTextFile(path("kept"), "old");
    {
      AtomicFile file(path("kept"));
      file.write("new");
    }
    QCOMPARE(readTextFile(path("kept")), std::string("old"));
    AtomicFile file(path("kept"));
    file.write("new");
    file.commit();
    QCOMPARE(readTextFile(path("kept")), std::string("new"));
    QVERIFY(!fs::exists(path("kept.part")));
  }

  void saysWhenItCannotWrite() {
    writeTextFile(path("file"), "x");
    const int code = codeOf([&] { AtomicFile file(path("file/below")); });
    QCOMPARE(code, int(ErrorCode::NotFound));
    fs::create_directory(path("folder"));
    QCOMPARE(codeOf([&] { writeTextFile(path("folder"), "x"); }), int(ErrorCode::Io));
    QVERIFY(!fs::exists(path("folder.part")));
  }
};

QTEST_GUILESS_MAIN(FilesTest)
#include "files_test.moc"
