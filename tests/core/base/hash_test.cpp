// Tests of core/base/hash.h: fingerprints tell things apart and never change between versions.
#include "core/base/hash.h"

#include <QTemporaryDir>
#include <QtTest>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"

using namespace sememe;
namespace fs = std::filesystem;

class HashTest : public QObject {
  Q_OBJECT

  QTemporaryDir m_dir;
  std::string print(const std::string& content) {
    const fs::path file = fs::path(m_dir.path().toStdString()) / "file";
    writeTextFile(file, content);
    return Fingerprint().addFile(file).hex();
  }

 private Q_SLOTS:
  void isStable() {
    // Stored workspaces hold these: a change would make every one of them look made from something else.
    QCOMPARE(Fingerprint().hex(), Fingerprint().hex());
    QCOMPARE(Fingerprint().add("sememe").add(int64_t{42}).hex(), std::string("2e6a006e95a8944e700a587e93787e2a"));
    QCOMPARE(Fingerprint().hex().size(), size_t(32));
  }

  void boundariesCount() {
    QVERIFY(Fingerprint().add("ab").add("c").hex() != Fingerprint().add("a").add("bc").hex());
    QVERIFY(Fingerprint().add("").hex() != Fingerprint().hex());
    QVERIFY(Fingerprint().add("a").add("b").hex() != Fingerprint().add("b").add("a").hex());
  }

  void nearbyNumbersDiffer() {
    std::set<std::string> seen;
    for (int64_t i = -2000; i < 2000; ++i) seen.insert(Fingerprint().add(i).hex());
    QCOMPARE(seen.size(), size_t(4000));
  }

  void smallFilesCountWhole() {
    std::string content(1 << 20, 'a');
    const std::string before = print(content);
    QCOMPARE(print(content), before);
    content[300'000] = 'b';
    QVERIFY(print(content) != before);
    QVERIFY(print("") != print(std::string(1, '\0')));
  }

  void largeFilesCountByTheirPieces() {
    std::string content(3 << 20, 'a');
    const std::string before = print(content);
    QVERIFY(print(content + "a") != before);
    for (const size_t at : {size_t{0}, content.size() / 2, content.size() - 1}) {
      std::string changed = content;
      changed[at] = 'b';
      QVERIFY(print(changed) != before);
    }
  }

  void namesAMissingFile() {
    QVERIFY_THROWS_EXCEPTION(Error, Fingerprint().addFile(fs::path(m_dir.path().toStdString()) / "absent"));
  }
};

QTEST_GUILESS_MAIN(HashTest)
#include "hash_test.moc"
