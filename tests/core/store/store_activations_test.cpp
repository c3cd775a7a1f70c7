// Dense and sparse rows: what is written comes back, the wrong is refused, damage is named.
#include "core/store/activations.h"

#include <QTest>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "core/store/half.h"
#include "tests/core/store/store_test_support.h"

using namespace sememe;

namespace {

std::vector<float> randomValues(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = (float(random() >> 40) / float(1 << 24) - 0.5f) * 200;
  return values;
}

float stored(float value, RowType type) {
  return type == RowType::F16    ? halfToFloat(floatToHalf(value))
         : type == RowType::BF16 ? bfloat16ToFloat(floatToBfloat16(value))
                                 : value;
}

SparseRows randomRows(int64_t rows, int64_t dim, int64_t most, uint64_t seed) {
  std::mt19937_64 random(seed);
  SparseRows sparse;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<uint32_t> neurons(random() % uint64_t(most + 1));
    for (uint32_t& neuron : neurons) neuron = uint32_t(random() % uint64_t(dim));
    std::sort(neurons.begin(), neurons.end());
    neurons.erase(std::unique(neurons.begin(), neurons.end()), neurons.end());
    for (const uint32_t neuron : neurons) {
      sparse.neurons.push_back(neuron);
      sparse.values.push_back(float(1 + random() % 1000) / 8);
    }
    sparse.offsets.push_back(uint32_t(sparse.neurons.size()));
  }
  return sparse;
}

bool same(const SparseRows& a, const SparseRows& b) {
  return a.offsets == b.offsets && a.neurons == b.neurons && a.values == b.values;
}

}  // namespace

class ActivationsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void denseRowsComeBack() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Activations& activations = workspace.activations();
    constexpr int64_t kRows = 1000, kDim = 33;
    for (const RowType type : {RowType::F16, RowType::BF16, RowType::F32}) {
      std::vector<float> values = randomValues(kRows * kDim, 1);
      values[5] = std::numeric_limits<float>::infinity();
      values[6] = -0.0f;
      values[7] = 1e-7f;
      const std::string key(rowTypeName(type));
      const int64_t run = workspace.runs().ensure(denseRun(key, kRows, kDim, type)).id;
      // Steps that do not fit the reading below.
      for (int64_t row = 0; row < kRows; row += 300) {
        const int64_t count = std::min<int64_t>(300, kRows - row);
        QCOMPARE(activations.nextRow(run), row);
        activations.appendRows(run, row, count,
                               std::span(values).subspan(size_t(row * kDim), size_t(count * kDim)));
      }
      const Workspace reader = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
      for (const int64_t step : {int64_t(1000), int64_t(7), int64_t(301)}) {
        for (int64_t row = 0; row < kRows; row += step) {
          const int64_t count = std::min(step, kRows - row);
          const std::vector<float> read = reader.activations().readRows(run, row, count);
          for (size_t i = 0; i < read.size(); ++i) {
            QCOMPARE(read[i], stored(values[size_t(row * kDim) + i], type));
          }
        }
      }
      QVERIFY(reader.activations().readRows(run, kRows, 0).empty());
    }
  }

  void rawBlocksAreStoredAsTheyAre() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = workspace.runs().ensure(denseRun("a", 2, 3, RowType::F16)).id;
    const std::vector<uint16_t> halves = {0x3c00, 0x7e00, 0x0001, 0xfc00, 0x8000, 0x7bff};
    workspace.activations().appendBlock(run, 0, 2, std::as_bytes(std::span(halves)));
    const std::vector<float> read = workspace.activations().readRows(run, 0, 2);
    for (size_t i = 0; i < 6; ++i) {
      QCOMPARE(std::bit_cast<uint32_t>(read[i]), std::bit_cast<uint32_t>(halfToFloat(halves[i])));
    }
  }

  void longAppendsBecomeSeveralBlocks() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    constexpr int64_t kDim = 1 << 20;
    QCOMPARE(Activations::blockRows(kDim, RowType::F16), 4);
    QCOMPARE(Activations::blockRows(kDim, RowType::F32), 2);
    QCOMPARE(Activations::blockRows(int64_t(1) << 24, RowType::F32), 1);
    QCOMPARE(Activations::blockRows(64, RowType::F16), 65536);
    const int64_t run = workspace.runs().ensure(denseRun("a", 5, kDim, RowType::F16)).id;
    std::vector<float> values(5 * kDim);
    for (int64_t row = 0; row < 5; ++row)
      values[size_t(row * kDim)] = values[size_t((row + 1) * kDim - 1)] = float(row);
    workspace.activations().appendRows(run, 0, 5, values);
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM dense_blocks"), 2);
    QVERIFY(workspace.activations().readRows(run, 0, 5) == values);
  }

  void sparseRowsComeBack() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Activations& activations = workspace.activations();
    constexpr int64_t kRows = 3000, kDim = 500;
    const SparseRows rows = randomRows(kRows, kDim, 100, 5);
    QVERIFY(rows.neurons.size() > 100'000);  // more than a block
    const int64_t run = workspace.runs().ensure(latentRun("a", kRows, kDim)).id;
    activations.appendSparse(run, 0, rows);
    QVERIFY(workspace.database().queryInt("SELECT count(*) FROM sparse_blocks") > 1);
    QVERIFY(same(activations.readSparse(run, 0, kRows), rows));

    const std::vector<float> dense = activations.readRows(run, 700, 900);
    for (int64_t row = 700; row < 1600; ++row) {
      const SparseRows one = activations.readSparse(run, row, 1);
      std::vector<float> expected(kDim);
      for (uint32_t i = rows.offsets[size_t(row)]; i < rows.offsets[size_t(row) + 1]; ++i) {
        expected[rows.neurons[i]] = rows.values[i];
      }
      std::vector<float> spread(kDim);
      for (size_t i = 0; i < one.neurons.size(); ++i) spread[one.neurons[i]] = one.values[i];
      QVERIFY(spread == expected);
      QVERIFY(std::equal(expected.begin(), expected.end(), dense.begin() + (row - 700) * kDim));
    }
  }

  void emptyAndFullSparseRows() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    constexpr int64_t kDim = 100'000;  // one full row is more than a block
    SparseRows rows;
    rows.offsets = {0, 0, kDim, kDim, 2 * kDim, 2 * kDim};
    for (int64_t i = 0; i < 2 * kDim; ++i) {
      rows.neurons.push_back(uint32_t(i % kDim));
      rows.values.push_back(float(i));
    }
    const int64_t run = workspace.runs().ensure(latentRun("a", 5, kDim)).id;
    workspace.activations().appendSparse(run, 0, SparseRows());  // no rows: nothing happens
    workspace.activations().appendSparse(run, 0, rows);
    QVERIFY(same(workspace.activations().readSparse(run, 0, 5), rows));
    QVERIFY(workspace.activations().readSparse(run, 2, 1).neurons.empty());
  }

  void columnsComeBackOnceIndexed() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("a", 10, 3));
    QCOMPARE(
        unexpected(ErrorCode::NotFound, "not indexed", [&] { workspace.activations().readColumn(run, 0); }),
        QString());
    const std::vector<uint32_t> rows = {1, 4, 9};
    const std::vector<float> values = {0.5f, 2, 1};
    IndexWriter writer(workspace.database(), run, 10);
    writer.addColumn(2, rows, values);
    for (int i = 0; i < 3; ++i) writer.add({});
    writer.commit();
    QVERIFY(workspace.activations().readColumn(run, 2).rows == rows);
    QVERIFY(workspace.activations().readColumn(run, 2).values == values);
    QVERIFY(workspace.activations().readColumn(run, 1).rows.empty());
    QCOMPARE(unexpected(ErrorCode::Invalid, "neuron 3", [&] { workspace.activations().readColumn(run, 3); }),
             QString());
    workspace.database().execute("UPDATE sparse_columns SET activations = zeroblob(8)");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "table sparse_columns, run 1, neuron 2",
                        [&] { workspace.activations().readColumn(run, 2); }),
             QString());
    workspace.database().execute(
        "UPDATE sparse_columns SET activations = zeroblob(12), row_numbers = zeroblob(12)");
    QCOMPARE(
        unexpected(ErrorCode::Corrupt, "do not rise", [&] { workspace.activations().readColumn(run, 2); }),
        QString());
  }

  void wrongCallsAreRefused() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Activations& activations = workspace.activations();
    const int64_t dense = workspace.runs().ensure(denseRun("a", 10, 4)).id;
    const int64_t latents = workspace.runs().ensure(latentRun("b", 10, 4)).id;
    const std::vector<float> row(4);
    const auto invalid = [](const std::string& part, const std::function<void()>& work) {
      return unexpected(ErrorCode::Invalid, part, work);
    };
    QCOMPARE(invalid("16 bytes", [&] { activations.appendRows(dense, 0, 1, std::vector<float>(3)); }),
             QString());
    QCOMPARE(invalid("not within", [&] { activations.appendRows(dense, 0, 11, std::vector<float>(44)); }),
             QString());
    QCOMPARE(invalid("not within", [&] { activations.appendRows(dense, -1, 1, row); }), QString());
    QCOMPARE(invalid("not within", [&] { activations.appendRows(dense, 0, -1, {}); }), QString());
    QCOMPARE(invalid("not within",
                     [&] { activations.appendRows(dense, std::numeric_limits<int64_t>::max(), 1, row); }),
             QString());
    QCOMPARE(invalid("sparse", [&] { activations.appendRows(latents, 0, 1, row); }), QString());
    QCOMPARE(invalid("sparse", [&] { activations.appendSparse(dense, 0, SparseRows{{0, 0}, {}, {}}); }),
             QString());
    QCOMPARE(invalid("sparse", [&] { activations.readSparse(dense, 0, 0); }), QString());
    QCOMPARE(
        unexpected(ErrorCode::Busy, "row 0 comes next", [&] { activations.appendRows(dense, 5, 1, row); }),
        QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "run 77", [&] { activations.appendRows(77, 0, 1, row); }),
             QString());
    QCOMPARE(invalid("below 4", [&] { activations.appendSparse(latents, 0, SparseRows{{0, 1}, {4}, {1}}); }),
             QString());
    QCOMPARE(
        invalid("rise", [&] { activations.appendSparse(latents, 0, SparseRows{{0, 2}, {1, 1}, {1, 1}}); }),
        QString());
    for (const SparseRows& wrong :
         {SparseRows{{0, 2}, {1}, {1}}, SparseRows{{1, 1}, {1}, {1}}, SparseRows{{0, 1}, {1}, {}},
          SparseRows{{0, 2, 1}, {1}, {1}}, SparseRows{{}, {}, {}}}) {
      QCOMPARE(invalid("fit together", [&] { activations.appendSparse(latents, 0, wrong); }), QString());
    }
    QCOMPARE(activations.nextRow(dense), 0);
    QCOMPARE(activations.nextRow(latents), 0);

    activations.appendRows(dense, 0, 1, row);
    QCOMPARE(invalid("stored are 1", [&] { activations.readRows(dense, 0, 2); }), QString());
    QCOMPARE(invalid("stored are 1", [&] { activations.readRows(dense, -1, 1); }), QString());
    std::vector<float> small(3);
    QCOMPARE(invalid("do not fit into 3", [&] { activations.readRows(dense, 0, 1, small); }), QString());
  }

  void damagedBlocksAreNamed() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t dense = workspace.runs().ensure(denseRun("a", 10, 4)).id;
    workspace.activations().appendRows(dense, 0, 6, std::vector<float>(24));
    workspace.activations().appendRows(dense, 6, 4, std::vector<float>(16));
    const int64_t latents = workspace.runs().ensure(latentRun("b", 2, 4)).id;
    workspace.activations().appendSparse(latents, 0, SparseRows{{0, 1, 3}, {1, 0, 3}, {1, 2, 3}});

    const auto damage = [&](const std::string& sql, const std::string& part, int64_t run) {
      Transaction undone(workspace.database());
      workspace.database().execute(sql);
      // A connection of its own would not see it, and this one must not have it cached.
      Activations fresh(workspace.database());
      return unexpected(ErrorCode::Corrupt, part, [&] { fresh.readRows(run, 0, run == dense ? 10 : 2); });
    };
    QCOMPARE(damage("UPDATE dense_blocks SET data = zeroblob(63) WHERE first_row = 6",
                    "table dense_blocks, run 1, row 6", dense),
             QString());
    QCOMPARE(damage("UPDATE dense_blocks SET row_count = 3 WHERE first_row = 0", "dense_blocks, run 1, row 0",
                    dense),
             QString());
    QCOMPARE(damage("DELETE FROM dense_blocks WHERE first_row = 0", "holds row 0", dense), QString());
    QCOMPARE(damage("DELETE FROM dense_blocks WHERE first_row = 6", "holds row 6", dense), QString());
    QCOMPARE(damage("UPDATE dense_blocks SET row_count = 1 << 60", "dense_blocks", dense), QString());
    QCOMPARE(damage("UPDATE sparse_blocks SET offsets = zeroblob(4)", "sparse_blocks, run 2, row 0, offsets",
                    latents),
             QString());
    QCOMPARE(damage("UPDATE sparse_blocks SET offsets = x'000000000900000003000000'", "do not rise", latents),
             QString());
    QCOMPARE(damage("UPDATE sparse_blocks SET neurons = zeroblob(5)", "neurons", latents), QString());
    QCOMPARE(damage("UPDATE sparse_blocks SET activations = x''", "activations", latents), QString());
    QCOMPARE(
        damage("UPDATE sparse_blocks SET neurons = x'01000000FF00000003000000'", "neuron 255 of 4", latents),
        QString());
    QCOMPARE(workspace.activations().readRows(dense, 0, 10).size(), size_t(40));
  }

  void aRolledBackBlockIsNotRemembered() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = workspace.runs().ensure(denseRun("a", 1, 1)).id;
    {
      Transaction undone(workspace.database());
      workspace.activations().appendRows(run, 0, 1, std::vector<float>{1});
      QCOMPARE(workspace.activations().readRows(run, 0, 1)[0], 1.0f);
    }
    QCOMPARE(workspace.activations().nextRow(run), 0);
    workspace.activations().appendRows(run, 0, 1, std::vector<float>{2});
    QCOMPARE(workspace.activations().readRows(run, 0, 1)[0], 2.0f);
  }

  void aFullDiskStopsAtTheLastBlock() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = workspace.runs().ensure(denseRun("a", 100, 65536)).id;
    const std::vector<float> rows = randomValues(10 * 65536, 2);
    workspace.activations().appendRows(run, 0, 10, rows);
    const int64_t pages = workspace.database().queryInt("PRAGMA page_count");
    workspace.database().execute("PRAGMA max_page_count = " + std::to_string(pages + 20));
    QCOMPARE(unexpected(ErrorCode::DiskFull, "a.sememe",
                        [&] { workspace.activations().appendRows(run, 10, 10, rows); }),
             QString());
    QCOMPARE(workspace.activations().nextRow(run), 10);
    QVERIFY(workspace.activations().readRows(run, 0, 10) == rows);
    workspace.database().execute("PRAGMA max_page_count = 1000000");
    workspace.activations().appendRows(run, 10, 10, rows);
    QVERIFY(workspace.activations().readRows(run, 10, 10) == rows);
  }

  void readersGoOnWhileAWriterWrites() {
    ScratchFolder folder;
    constexpr int64_t kRows = 400, kDim = 1000;
    Workspace writer = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = writer.runs().ensure(denseRun("a", kRows, kDim)).id;
    std::atomic<bool> good = true;
    std::atomic<int64_t> reads = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&](const std::stop_token& stop) {
        try {
          const Workspace reader = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly);
          int64_t before = 0;
          while (!stop.stop_requested()) {
            const int64_t rows = reader.activations().nextRow(run);
            if (rows < before || rows % 10 != 0) good = false;
            const std::vector<float> values = reader.activations().readRows(run, 0, rows);
            for (int64_t row = 0; row < rows; ++row) {
              if (values[size_t(row * kDim)] != float(row) ||
                  values[size_t((row + 1) * kDim - 1)] != float(row)) {
                good = false;
              }
            }
            before = rows;
            ++reads;
          }
        } catch (const std::exception& error) {
          qWarning("%s", error.what());
          good = false;
        }
      });
    }
    for (int64_t row = 0; row < kRows; row += 10) {
      std::vector<float> values(10 * kDim);
      for (size_t i = 0; i < values.size(); ++i) values[i] = float(row + int64_t(i) / kDim);
      writer.activations().appendRows(run, row, 10, values);
    }
    while (reads < 4 && good) std::this_thread::yield();
    readers.clear();
    QVERIFY(good);
  }
};

QTEST_GUILESS_MAIN(ActivationsTest)
#include "store_activations_test.moc"
