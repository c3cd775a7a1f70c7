// The made-up workspace holds what it says: neurons whose parts agree with each other.
#include "tests/support/synthetic_workspace.h"

#include <QTest>
#include <cmath>

#include "tests/core/store/store_test_support.h"

using namespace sememe;

class SyntheticWorkspaceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void itsPartsAgree() {
    ScratchFolder folder;
    const SyntheticWorkspace made = makeSyntheticWorkspace(folder.file("a.sememe"), 2000, 300, 5);
    const Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
    QCOMPARE(workspace.runs().explorable().size(), size_t(1));
    QCOMPARE(workspace.neurons().count({.run = made.run}), 2000);
    QCOMPARE(workspace.datasets().thumbnailCount(made.dataset), 300);
    QVERIFY(workspace.datasets().thumbnail(made.dataset, 299).size() > 100);
    QCOMPARE(workspace.neurons().scoreSets(made.run).size(), size_t(2));
    const std::vector<float> rows = workspace.activations().readRows(made.run, 0, 300);
    int dead = 0;
    for (int64_t n = 0; n < 2000; ++n) {
      const NeuronDetail detail = workspace.neurons().detail(made.run, n);
      const SparseColumn column = workspace.activations().readColumn(made.run, n);
      QCOMPARE(int64_t(column.rows.size()), detail.firingCount);
      QCOMPARE(detail.top.size(), kTopImages);
      QCOMPARE(double(detail.top[0].activation), detail.row.max);
      for (size_t i = 0; i < column.rows.size(); ++i) {
        QCOMPARE(rows[size_t(column.rows[i]) * 2000 + size_t(n)], column.values[i]);
      }
      dead += detail.firingCount == 0;
      QCOMPARE(std::isnan(detail.scores[1].ms), detail.firingCount < 2);
    }
    QVERIFY(dead > 0 && dead < 1000);
  }

  void theSameSeedGivesTheSame() {
    ScratchFolder folder;
    const auto first = makeSyntheticWorkspace(folder.file("a.sememe"), 100, 20, 5);
    makeSyntheticWorkspace(folder.file("b.sememe"), 100, 20, 5);
    const Workspace a = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
    const Workspace b = Workspace::open(folder.file("b.sememe"), OpenMode::ReadOnly);
    QVERIFY(a.activations().readRows(first.run, 0, 20) == b.activations().readRows(first.run, 0, 20));
    QCOMPARE(unexpected(ErrorCode::Invalid, "64 neurons",
                        [&] { makeSyntheticWorkspace(folder.file("c.sememe"), 10, 20, 5); }),
             QString());
  }
};

QTEST_GUILESS_MAIN(SyntheticWorkspaceTest)
#include "store_synthetic_test.moc"
