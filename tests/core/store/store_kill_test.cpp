// A writer that is killed at any moment leaves whole blocks, and the next one goes on where it stopped.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QTest>
#include <random>

#include "tests/core/store/store_test_support.h"

using namespace sememe;

namespace {

constexpr int64_t kRows = 3000, kDim = 4000, kStep = 20;

std::vector<float> rowsFrom(int64_t first, int64_t count) {
  std::vector<float> values(size_t(count * kDim));
  for (int64_t row = 0; row < count; ++row) {
    for (int64_t i = 0; i < kDim; ++i)
      values[size_t(row * kDim + i)] = float(((first + row) * 31 + i) % 1000);
  }
  return values;
}

SparseRows sparseFrom(int64_t first, int64_t count) {
  SparseRows rows;
  for (int64_t row = first; row < first + count; ++row) {
    for (int64_t i = 0; i < row % 50; ++i) {
      rows.neurons.push_back(uint32_t(i * 3));
      rows.values.push_back(float(row));
    }
    rows.offsets.push_back(uint32_t(rows.neurons.size()));
  }
  return rows;
}

// Writes both runs, and thumbnails beside them, each step in one transaction. Never returns.
[[noreturn]] void writeOn(const std::filesystem::path& path) {
  try {
    Workspace workspace = Workspace::open(path, OpenMode::Create);
    std::vector<ImageRecord> images(kRows);
    const int64_t dataset = workspace.datasets().ensure({.name = "d", .fingerprint = "d"}, {}, images);
    const int64_t dense = workspace.runs().ensure(denseRun("dense", kRows, kDim, RowType::F16)).id;
    const int64_t latents = workspace.runs().ensure(latentRun("latents", kRows, kDim)).id;
    for (int64_t row = workspace.activations().nextRow(dense); row < kRows; row += kStep) {
      Transaction transaction(workspace.database());
      workspace.activations().appendRows(dense, row, kStep, rowsFrom(row, kStep));
      workspace.activations().appendSparse(latents, row, sparseFrom(row, kStep));
      for (int64_t i = row; i < row + kStep; ++i) {
        workspace.datasets().setThumbnail(dataset, i, std::vector<uint8_t>(100, uint8_t(i)));
      }
      transaction.commit();
    }
    _exit(0);
  } catch (...) {
    _exit(1);
  }
}

}  // namespace

class KillTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void whatIsThereIsWhole() {
    ScratchFolder folder;
    const std::filesystem::path path = folder.file("a.sememe");
    std::mt19937_64 random(11);
    int64_t before = 0;
    int killed = 0;
    for (int round = 0; round < 14; ++round) {
      const pid_t child = fork();
      QVERIFY(child >= 0);
      if (child == 0) writeOn(path);
      if (round < 13) {
        usleep(useconds_t(random() % 60'000));
        kill(child, SIGKILL);
      }
      int status = 0;
      QCOMPARE(waitpid(child, &status, 0), child);
      if (WIFSIGNALED(status)) ++killed;
      if (WIFEXITED(status)) QCOMPARE(WEXITSTATUS(status), 0);

      Workspace workspace = Workspace::open(path, OpenMode::Create);
      Statement check(workspace.database(), "PRAGMA integrity_check");
      QVERIFY(check.step());
      QCOMPARE(check.text(0), std::string("ok"));
      const auto dense = workspace.runs().find("dense"), latents = workspace.runs().find("latents");
      if (!dense || !latents) continue;  // killed before they were made
      const int64_t rows = dense->rowsDone;
      QVERIFY(rows >= before && rows % kStep == 0);
      QCOMPARE(latents->rowsDone, rows);
      QCOMPARE(workspace.datasets().thumbnailCount(1), rows);
      QVERIFY(workspace.activations().readRows(dense->id, before, rows - before) ==
              rowsFrom(before, rows - before));
      const SparseRows sparse = workspace.activations().readSparse(latents->id, before, rows - before);
      const SparseRows expected = sparseFrom(before, rows - before);
      QVERIFY(sparse.offsets == expected.offsets && sparse.neurons == expected.neurons &&
              sparse.values == expected.values);
      before = rows;
    }
    QCOMPARE(before, kRows);
    QVERIFY(killed > 0);
    Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
    QVERIFY(workspace.activations().readRows(workspace.runs().find("dense")->id, 0, kRows) ==
            rowsFrom(0, kRows));
  }
};

QTEST_GUILESS_MAIN(KillTest)
#include "store_kill_test.moc"
