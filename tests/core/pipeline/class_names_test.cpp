// Names of classes from the files that data sets come with, and into a workspace.
#include <QtTest>

#include "core/pipeline/class_names.h"
#include "core/pipeline/extract.h"
#include "core/store/workspace.h"
#include "tests/core/pipeline/pipeline_fixture.h"

using namespace sememe;
namespace fs = std::filesystem;

class ClassNamesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void readsWhatIsThere() {
    const QTemporaryDir dir;
    const fs::path root = folder(dir) / "imagenet/val";
    fs::create_directories(root);
    QVERIFY(readClassNames(root).empty());
    QVERIFY((classLabels({"a", "00000_Animalia_Chordata_Aves_Passeriformes_Turdidae_Turdus_merula", "00224_cross_yellow_solid"}, root) ==
             std::vector<std::string>{"", "Turdus merula", "cross yellow solid"}));

    PickleValue::Pairs names;
    const auto tuple = [](PickleValue::Items items) { return PickleValue::tuple(std::move(items)); };
    names.emplace_back(PickleValue("n01440764"), tuple({PickleValue("tench"), PickleValue("Tinca tinca")}));
    writeTorchFile(root.parent_path() / "meta.bin", tuple({PickleValue::dict(std::move(names)), PickleValue::list({})}));
    QCOMPARE(readClassNames(root).at("n01440764"), std::string("tench"));

    writeTextFile(root.parent_path() / "LOC_synset_mapping.txt", "n01440764 tench2, Tinca tinca\r\nn01443537 goldfish, Carassius auratus\n");
    QCOMPARE(readClassNames(root).at("n01440764"), std::string("tench2"));
    QCOMPARE(readClassNames(root).at("n01443537"), std::string("goldfish"));

    writeTextFile(root / "class_names.csv", "folder,name\n\"n01440764\",\"my, fish\"\nbroken\n");
    QCOMPARE(readClassNames(root).at("n01440764"), std::string("my, fish"));
  }

  void survivesBrokenFiles() {
    const QTemporaryDir dir;
    writeTextFile(folder(dir) / "meta.bin", "nothing");
    QVERIFY(readClassNames(folder(dir)).empty());
    writeTorchFile(folder(dir) / "meta.bin", PickleValue::list({PickleValue(int64_t{3})}));
    QVERIFY(readClassNames(folder(dir)).empty());
  }

  // Also when they come to lie there after the first run.
  void namesAWorkspacesClasses() {
    const QTemporaryDir dir;
    ExtractParams p;
    p.model = kGolden / "clip";
    p.images = copyImages(folder(dir) / "images");
    p.layer = 1;
    p.workspace = folder(dir) / "a.sememe";
    extract(p);
    const auto labels = [&] {
      std::vector<std::string> names;
      for (const ClassInfo& c : Workspace::open(p.workspace, OpenMode::ReadOnly).datasets().classes(1)) names.push_back(c.label);
      return names;
    };
    QVERIFY((labels() == std::vector<std::string>{"", ""}));
    writeTextFile(p.images / "class_names.csv", "second,Number two\n");
    extract(p);
    QVERIFY((labels() == std::vector<std::string>{"", "Number two"}));
    writeTextFile(p.images / "class_names.csv", "second,Another\nfirst,Number one\n");
    extract(p);
    QVERIFY((labels() == std::vector<std::string>{"Number one", "Number two"}));
  }
};

QTEST_GUILESS_MAIN(ClassNamesTest)
#include "class_names_test.moc"
