// Uniqueness and hierarchy against the paper's own programs.
#include <ATen/Parallel.h>

#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/analysis/hierarchy.h"
#include "core/analysis/uniqueness.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/npy.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "analysis";

nlohmann::json golden() { return nlohmann::json::parse(readTextFile(kGolden / "sets.json")); }

// Class names and each image's number among them.
std::pair<std::vector<std::string>, std::vector<int>> goldenClasses() {
  std::pair<std::vector<std::string>, std::vector<int>> result;
  std::istringstream lines(readTextFile(kGolden / "sets_classes.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (result.first.empty() || result.first.back() != line) result.first.push_back(line);
    result.second.push_back(int(result.first.size()) - 1);
  }
  return result;
}

}  // namespace

class SetsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(2); }

  void countsPairsAsThePaper() {
    const Uniqueness u = uniqueness(readNpy(kGolden / "sets_top.npy"), readNpy(kGolden / "sets_worst.npy"));
    QCOMPARE(u.neurons, 105);
    QCOMPARE(u.dead, 15);
    QCOMPARE(u.pairs, golden()["pairs"].get<int64_t>());
    QVERIFY((std::vector<int64_t>(u.above.begin(), u.above.end()) == golden()["above"].get<std::vector<int64_t>>()));
    QCOMPARE(u.mostSimilar.size(), size_t{10});
    QCOMPARE(u.mostSimilar[0].jaccard, 1.0);
    QCOMPARE(u.mostSimilar[0].first, 3);
    QCOMPARE(u.mostSimilar[0].second, 7);
    for (size_t i = 1; i < u.mostSimilar.size(); ++i) QVERIFY(u.mostSimilar[i].jaccard <= u.mostSimilar[i - 1].jaccard);
  }

  void survivesTheEdgesOfUniqueness() {
    const at::Tensor top = at::zeros({3, 4}, at::kLong);
    QCOMPARE(uniqueness(top, at::zeros({3})).pairs, 0);
    const Uniqueness same = uniqueness(top, at::ones({3}));
    QCOMPARE(same.above.back(), 3);
    QCOMPARE(uniqueness(at::zeros({0, 16}, at::kLong), at::zeros({0})).neurons, 0);
    QVERIFY_THROWS_EXCEPTION(Error, uniqueness(top, at::ones({2})));
    QVERIFY_THROWS_EXCEPTION(Error, uniqueness(top - 1, at::ones({3})));
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, uniqueness(top, at::ones({3}), 10, stop.get_token()));
  }

  void findsDepthsAsThePaper() {
    const auto [classes, classOfImage] = goldenClasses();
    std::vector<ClassPath> paths;
    for (const std::string& name : classes) {
      QVERIFY(looksLikeInaturalist(name));
      paths.push_back(inaturalistPath(name));
      QCOMPARE(paths.back().size(), size_t{7});
    }
    const auto depths = neuronDepths(readNpy(kGolden / "sets_top.npy"), paths, classOfImage);
    const auto groups = groupDepths(depths, readNpy(kGolden / "sets_worst.npy"), groupSizes({0.1, 0.3, 0.6}, 120));
    QCOMPARE(groups.size(), size_t{3});
    int64_t excluded = 0;
    for (size_t i = 0; i < groups.size(); ++i) {
      QVERIFY(std::abs(groups[i].depthMean - golden()["depth_mean"][i].get<double>()) < 1e-12);
      QVERIFY(std::abs(groups[i].depthMajority - golden()["depth_majority"][i].get<double>()) < 1e-12);
      excluded += groups[i].excluded;
    }
    QCOMPARE(excluded, 15);
    const auto dead = groupDepths(depths, at::zeros({120}), {120});
    QCOMPARE(dead[0].excluded, 120);
    QVERIFY(std::isnan(dead[0].depthMean));
    QVERIFY_THROWS_EXCEPTION(Error, groupDepths(depths, at::zeros({120}), {100}));
    QVERIFY_THROWS_EXCEPTION(Error, groupSizes({0.5, 0.4}, 10));
    const std::vector<int> few(classOfImage.begin(), classOfImage.begin() + 10);
    QVERIFY_THROWS_EXCEPTION(Error, neuronDepths(readNpy(kGolden / "sets_top.npy"), paths, few));
  }

  void readsTrees() {
    const QTemporaryDir dir;
    const fs::path file = dir.path().toStdString() + "/tree.csv";
    writeTextFile(file, "child,parent\r\n\"tench\",fish\nfish, animal\n\nanimal,entity\nfish,food\n");
    const ClassTree tree = ClassTree::read(file);
    QVERIFY((tree.path("tench") == ClassPath{"entity", "animal", "fish", "tench"}));
    QVERIFY((tree.path("stone") == ClassPath{"stone"}));
    for (const char* text : {"a\n", "a,\n", "a,b,c\n", "a,b\nb,a\n", "a,a\n"}) {
      writeTextFile(file, text);
      QVERIFY_THROWS_EXCEPTION(Error, ClassTree::read(file));
    }
    QVERIFY(!looksLikeInaturalist("n01440764"));
    QVERIFY((inaturalistPath("n01440764").empty()));
  }
};

QTEST_GUILESS_MAIN(SetsTest)
#include "sets_test.moc"
