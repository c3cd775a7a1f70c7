// Presets of steering in a workspace, and workspaces from before there were any.
#include <QTest>

#include "core/base/files.h"
#include "core/store/schema.h"
#include "tests/core/store/store_test_support.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

// As version 1 wrote it: what later versions added taken away.
void makeVersion1(const fs::path& path) {
  {
    Workspace workspace = Workspace::open(path, OpenMode::Create);
    workspace.runs().ensure(latentRun("latents", 10, 8));
    workspace.neurons().setLabel(1, 3, "flower", "");
  }
  Database database(path, OpenMode::ReadWrite);
  database.execute("DROP TABLE steered_neurons; DROP TABLE steering_sets; DROP TABLE steering_presets; PRAGMA user_version = 1");
}

std::vector<std::string> names(const Workspace& workspace, const std::string& sae = "sae of latents") {
  std::vector<std::string> found;
  for (const StoredPreset& preset : workspace.presets().list(sae)) found.push_back(preset.name);
  return found;
}

}  // namespace

class PresetsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void keepsRenamesAndRemoves() {
    const ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Presets& presets = workspace.presets();
    QVERIFY(presets.list("one").empty());
    presets.save("one", "more red", "{\"a\": 1}");
    presets.save("one", "Less red", "{}");
    presets.save("other", "more red", "[]");
    QCOMPARE(names(workspace, "one"), (std::vector<std::string>{"Less red", "more red"}));
    QCOMPARE(presets.list("one")[1].json, std::string("{\"a\": 1}"));
    QVERIFY(presets.list("one")[1].changed > 1'700'000'000);
    presets.save("one", "more red", "{\"a\": 2}");
    QCOMPARE(presets.list("one").size(), size_t(2));
    QCOMPARE(presets.list("one")[1].json, std::string("{\"a\": 2}"));

    presets.rename("one", "more red", "Much more red");
    QCOMPARE(names(workspace, "one"), (std::vector<std::string>{"Less red", "Much more red"}));
    presets.rename("one", "Less red", "less red");  // itself in other letters
    QCOMPARE(unexpected(ErrorCode::Invalid, "another preset of this name", [&] { presets.rename("one", "less red", "Much more red"); }), QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "preset more red", [&] { presets.rename("one", "more red", "x"); }), QString());
    presets.remove("one", "less red");
    QCOMPARE(unexpected(ErrorCode::NotFound, "preset less red", [&] { presets.remove("one", "less red"); }), QString());
    QCOMPARE(names(workspace, "one"), std::vector<std::string>{"Much more red"});
    QCOMPARE(names(workspace, "other"), std::vector<std::string>{"more red"});
    QVERIFY(presets.contains("other", "more red") && !presets.contains("one", "more red"));
  }

  void refusesWhatNobodyWouldFindAgain() {
    const ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Presets& presets = workspace.presets();
    QCOMPARE(unexpected(ErrorCode::Invalid, "name", [&] { presets.save("one", "", "{}"); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "name", [&] { presets.save("one", std::string(201, 'x'), "{}"); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "SAE", [&] { presets.save("", "a", "{}"); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "1 MiB", [&] { presets.save("one", "a", std::string((1 << 20) + 1, ' ')); }), QString());
    QVERIFY(presets.list("one").empty());
    presets.save("one", std::string(200, 'x'), std::string(1 << 20, ' '));
    QCOMPARE(unexpected(ErrorCode::Invalid, "name", [&] { presets.rename("one", std::string(200, 'x'), ""); }), QString());
  }

  // The same SAE's, whichever run shows it; they outlive a run, as labels do.
  void belongToTheSae() {
    const ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("latents", 10, 8));
    workspace.presets().save("sae of latents", "a", "{}");
    workspace.neurons().setLabel(run, 3, "flower", "");
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM subjects"), 1);
    workspace.runs().remove(run);
    QCOMPARE(names(workspace), std::vector<std::string>{"a"});
  }

  void bringsAnOlderWorkspaceUpToDate() {
    const ScratchFolder folder;
    const fs::path path = folder.file("a.sememe");
    makeVersion1(path);
    Workspace workspace = Workspace::open(path, OpenMode::ReadWrite);
    QCOMPARE(workspace.database().queryInt("PRAGMA user_version"), int64_t(kSchemaVersion));
    QCOMPARE(workspace.runs().list().size(), size_t(1));
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM labels WHERE label = 'flower'"), 1);
    QVERIFY(names(workspace).empty());
    workspace.presets().save("sae of latents", "a", "{}");
    QCOMPARE(names(workspace), std::vector<std::string>{"a"});
  }

  void readsAnOlderWorkspaceThatCannotBeWritten() {
    const ScratchFolder folder;
    const fs::path path = folder.file("a.sememe");
    makeVersion1(path);
    const std::string before = readTextFile(path);
    Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
    QCOMPARE(workspace.runs().list().size(), size_t(1));
    QVERIFY(names(workspace).empty());
    QVERIFY(!workspace.presets().contains("sae of latents", "a"));
    QVERIFY(readTextFile(path) == before);
  }

  void aReadOnlyWorkspaceRefusesChanges() {
    const ScratchFolder folder;
    Workspace::open(folder.file("a.sememe"), OpenMode::Create).presets().save("one", "a", "{}");
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
    QCOMPARE(names(workspace, "one"), std::vector<std::string>{"a"});
    QCOMPARE(unexpected(ErrorCode::Io, "readonly", [&] { workspace.presets().save("one", "b", "{}"); }), QString());
    QCOMPARE(unexpected(ErrorCode::Io, "readonly", [&] { workspace.presets().rename("one", "a", "b"); }), QString());
    QCOMPARE(unexpected(ErrorCode::Io, "readonly", [&] { workspace.presets().remove("one", "a"); }), QString());
  }

  void aForeignTableOfTheNameIsCorruption() {
    const ScratchFolder folder;
    const fs::path path = folder.file("a.sememe");
    makeVersion1(path);
    {
      Database database(path, OpenMode::ReadWrite);
      database.execute("CREATE TABLE steering_presets (x INTEGER)");
    }
    bool opened = true;
    try {
      Workspace::open(path, OpenMode::ReadWrite);
    } catch (const Error& error) {
      opened = false;
      QVERIFY(QString::fromUtf8(error.what()).contains(QLatin1String("steering_presets")));
    }
    QVERIFY(!opened);
    // And the step was not half done.
    Database database(path, OpenMode::ReadOnly);
    QCOMPARE(database.queryInt("PRAGMA user_version"), 1);
  }
};

QTEST_GUILESS_MAIN(PresetsTest)
#include "store_presets_test.moc"
