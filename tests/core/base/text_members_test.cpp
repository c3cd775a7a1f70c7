// Text in archives and folders: every line, once, whatever its end; and broken archives.
#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text_members.h"
#include "tests/support/failure.h"
#include "tests/support/tar_file.h"

using namespace sememe;
namespace fs = std::filesystem;

class TextMembersTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  fs::path path(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }

  static std::vector<std::string> read(const fs::path& from, const std::string& wanted = {}) {
    std::vector<std::string> lines;
    readTextMembers(from, [&](const std::string& name) -> LineFn {
      if (!wanted.empty() && name != wanted) return {};
      return [&lines, name](int64_t number, std::string_view line) { lines.push_back(name + ":" + std::to_string(number) + ":" + std::string(line)); };
    });
    return lines;
  }

 private Q_SLOTS:
  void readsArchivesAndFoldersAlike() {
    const std::vector<std::string> expected = {"a.csv:1:k,a", "a.csv:2:1,2", "a.csv:3:", "a.csv:4:last", "b.csv:1:one"};
    const std::string a = "\xEF\xBB\xBFk,a\r\n1,2\n\nlast", b = "one\n";
    for (const char* name : {"plain.tar", "packed.tar.gz"}) {
      writeTar(path(name), {{"deep/a.csv", a}, {"b.csv", b}});
      QCOMPARE(read(path(name)), expected);
      QCOMPARE(read(path(name), "b.csv"), (std::vector<std::string>{"b.csv:1:one"}));
    }
    writeTextFile(path("folder/a.csv"), a);
    writeTextFile(path("folder/b.csv"), b);
    QCOMPARE(read(path("folder")), expected);
    QCOMPARE(read(path("folder/b.csv")), (std::vector<std::string>{"b.csv:1:one"}));
  }

  void joinsLinesAcrossPieces() {
    const std::string line(3'000'000, 'x');
    writeTar(path("long.tar.gz"), {{"a.csv", line + "\n" + line}});
    const std::vector<std::string> lines = read(path("long.tar.gz"));
    QCOMPARE(lines.size(), size_t(2));
    QCOMPARE(lines[1].size(), line.size() + 8);
  }

  void saysWhatIsBroken() {
    writeTar(path("whole.tar.gz"), {{"a.csv", std::string(200'000, 'a') + "\n"}});
    const std::string bytes = readTextFile(path("whole.tar.gz"));
    writeTextFile(path("cut.tar.gz"), bytes.substr(0, bytes.size() / 2));
    QCOMPARE(failureText([&] { read(path("cut.tar.gz")); }).first, ErrorCode::Corrupt);
    writeTextFile(path("text.tar.gz"), "this is no archive");
    const auto [code, text] = failureText([&] { read(path("text.tar.gz")); });
    QCOMPARE(code, ErrorCode::Corrupt);
    QVERIFY(text.contains(QStringLiteral("text.tar.gz")));
    QCOMPARE(failureText([&] { read(path("absent.tar.gz")); }).first, ErrorCode::NotFound);
    writeTar(path("endless.tar.gz"), {{"a.csv", std::string(kLongestLine + 1, 'a')}});
    QCOMPARE(failureText([&] { read(path("endless.tar.gz")); }).first, ErrorCode::Corrupt);
  }

  void stops() {
    writeTar(path("some.tar"), {{"a.csv", "1\n"}});
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, readTextMembers(path("some.tar"), [](const std::string&) { return [](int64_t, std::string_view) {}; }, stop.get_token()));
  }
};

QTEST_GUILESS_MAIN(TextMembersTest)
#include "text_members_test.moc"
