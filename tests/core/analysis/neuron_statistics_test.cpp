// Strongest images and statistics, dense, sparse and by column, against plain sorting and the paper's own program.
#include <QTest>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/analysis/statistics.h"
#include "core/analysis/top_images.h"
#include "core/base/error.h"
#include "core/weights/npy.h"
#include "core/weights/torch_file.h"
#include "tests/support/failure.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "analysis";

struct Csr {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
};

Csr compressed(const at::Tensor& rows) {
  Csr csr;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    for (int64_t f = 0; f < rows.size(1); ++f) {
      const float value = rows[i][f].item<float>();
      if (value == 0) continue;
      csr.columns.push_back(static_cast<int32_t>(f));
      csr.values.push_back(value);
    }
    csr.offsets.push_back(static_cast<int64_t>(csr.values.size()));
  }
  return csr;
}

// The tail of a stable argsort, in the numbers of `images`.
std::vector<int64_t> sortedTail(const at::Tensor& column, const std::vector<int64_t>& images, int k) {
  const at::Tensor order = std::get<1>(at::sort(column, /*stable=*/true, 0, /*descending=*/false));
  std::vector<int64_t> tail;
  for (int64_t i = std::max<int64_t>(0, order.numel() - k); i < order.numel(); ++i) {
    tail.push_back(images[static_cast<size_t>(order[i].item<int64_t>())]);
  }
  return tail;
}

// Neurons that fire never, seldom and always, with many equal values.
at::Tensor latents(int64_t n) {
  at::manual_seed(8);
  std::vector<at::Tensor> columns{at::zeros({n}), (at::arange(n) == 3).to(at::kFloat), at::ones({n})};
  for (const double density : {0.02, 0.1, 0.5, 1.0}) columns.push_back(at::rand({n}) * (at::rand({n}) < density));
  columns.push_back(at::randint(0, 3, {n}).to(at::kFloat));
  return at::stack(columns, 1).contiguous();
}

}  // namespace

class NeuronStatisticsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void topEqualsStableSort_data();
  void topEqualsStableSort();
  void topOfRawNeurons();
  void topLeavesOutFailedImages();
  void topEqualsThePapersProgram();
  void topRefusesBrokenInput();
  void statisticsAgree();
  void statisticsOfRawNeurons();
  void histogramBins();
  void statisticsRefuseBrokenInput();
};

void NeuronStatisticsTest::topEqualsStableSort_data() {
  QTest::addColumn<int>("images");
  QTest::addColumn<int>("block");
  for (const int images : {1, 5, 16, 17, 200}) {
    for (const int block : {1, 7, 1000}) QTest::addRow("%d by %d", images, block) << images << block;
  }
}

void NeuronStatisticsTest::topEqualsStableSort() {
  QFETCH(int, images);
  QFETCH(int, block);
  const at::Tensor z = latents(images);
  std::vector<int64_t> numbers(static_cast<size_t>(images));
  std::iota(numbers.begin(), numbers.end(), 0);
  TopImages dense(z.size(1)), sparse(z.size(1));
  for (int64_t begin = 0; begin < images; begin += block) {
    const int64_t count = std::min<int64_t>(block, images - begin);
    const at::Tensor rows = z.narrow(0, begin, count);
    dense.add(begin, rows);
    const Csr csr = compressed(rows);
    sparse.addSparse(std::span(numbers).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)), csr.offsets,
                     csr.columns, csr.values);
  }
  QCOMPARE(dense.columns(), std::min(images, 16));
  QVERIFY(at::equal(dense.indices(), sparse.indices()));
  QVERIFY(at::equal(dense.activations(), sparse.activations()));
  for (int64_t f = 0; f < z.size(1); ++f) {
    const at::Tensor row = dense.indices()[f];
    const std::vector<int64_t> have(row.const_data_ptr<int64_t>(), row.const_data_ptr<int64_t>() + row.numel());
    QVERIFY2(have == sortedTail(z.select(1, f), numbers, 16), qPrintable(QString::number(f)));
    QCOMPARE(dense.worst()[f].item<double>(), static_cast<double>(z[have.front()][f].item<float>()));

    std::vector<uint32_t> listed;
    std::vector<float> values;
    for (int64_t i = 0; i < images; ++i) {
      if (z[i][f].item<float>() == 0) continue;
      listed.push_back(static_cast<uint32_t>(i));
      values.push_back(z[i][f].item<float>());
    }
    const auto column = topOfColumn(listed, values, images, 16);
    QCOMPARE(column.size(), have.size());
    for (size_t i = 0; i < have.size(); ++i) QCOMPARE(column[i].image, have[i]);
  }
}

void NeuronStatisticsTest::topOfRawNeurons() {
  at::manual_seed(2);
  const at::Tensor raw = at::cat({at::randn({90, 3}), at::randn({90, 1}) - 30}, 1);
  std::vector<int64_t> numbers(90);
  std::iota(numbers.begin(), numbers.end(), 0);
  TopImages top(4, 5);
  top.add(0, raw.narrow(0, 0, 31));
  top.add(31, raw.narrow(0, 31, 59));
  for (int64_t f = 0; f < 4; ++f) {
    const auto have = top.of(f);
    const auto want = sortedTail(raw.select(1, f), numbers, 5);
    for (size_t i = 0; i < 5; ++i) QCOMPARE(have[i].image, want[i]);
  }
}

void NeuronStatisticsTest::topLeavesOutFailedImages() {
  const at::Tensor z = latents(60);
  const std::vector<uint32_t> failed{0, 3, 30, 58, 59};
  std::vector<int64_t> good;
  for (int64_t i = 0; i < 60; ++i) {
    if (!std::binary_search(failed.begin(), failed.end(), static_cast<uint32_t>(i))) good.push_back(i);
  }
  const at::Tensor rows = z.index_select(0, at::tensor(good));
  TopImages dense(z.size(1)), sparse(z.size(1));
  dense.add(good, rows);
  const Csr csr = compressed(rows);
  sparse.addSparse(good, csr.offsets, csr.columns, csr.values);
  QCOMPARE(dense.images(), 55);
  QVERIFY(at::equal(dense.indices(), sparse.indices()));
  for (int64_t f = 0; f < z.size(1); ++f) {
    const auto want = sortedTail(rows.select(1, f), good, 16);
    const auto have = dense.of(f);
    std::vector<uint32_t> listed;
    std::vector<float> values;
    for (int64_t i = 0; i < 60; ++i) {
      if (z[i][f].item<float>() == 0) continue;
      listed.push_back(static_cast<uint32_t>(i));
      values.push_back(z[i][f].item<float>());
    }
    const auto column = topOfColumn(listed, values, 60, 16, failed);
    QCOMPARE(column.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      QCOMPARE(have[i].image, want[i]);
      QCOMPARE(column[i].image, want[i]);
    }
  }
}

void NeuronStatisticsTest::topEqualsThePapersProgram() {
  const at::Tensor activations = readTorchTensor(kGolden / "activations.pt");
  const at::Tensor indices = readNpy(kGolden / "hai_indices_16.npy"), worst = readNpy(kGolden / "hai_indices_16_worst.npy");
  TopImages top(activations.size(1));
  top.add(0, activations);
  QVERIFY(top.indices().sizes() == indices.sizes() && top.indices().scalar_type() == indices.scalar_type());
  QVERIFY(top.worst().scalar_type() == worst.scalar_type());
  QVERIFY(at::equal(top.worst(), worst));
  for (int64_t f = 0; f < activations.size(1); ++f) {
    const at::Tensor column = activations.select(1, f);
    // Ties are ordered anyhow there: the activations must be the same, and the images where the activation is unique.
    QVERIFY(at::equal(column.index_select(0, indices[f]), top.activations()[f]));
    for (int64_t i = 0; i < 16; ++i) {
      const at::Tensor value = column[indices[f][i].item<int64_t>()];
      if ((column == value).sum().item<int64_t>() > 1) continue;
      QCOMPARE(top.indices()[f][i].item<int64_t>(), indices[f][i].item<int64_t>());
    }
  }
}

void NeuronStatisticsTest::topRefusesBrokenInput() {
  const int invalid = static_cast<int>(ErrorCode::Invalid), mismatch = static_cast<int>(ErrorCode::Mismatch);
  QCOMPARE(failure([] { TopImages(0); }), invalid);
  QCOMPARE(failure([] { TopImages(3, 0); }), invalid);
  TopImages top(3);
  QCOMPARE(failure([&] { top.add(0, at::rand({4, 2})); }), mismatch);
  QCOMPARE(failure([&] { top.add(0, at::Tensor()); }), mismatch);
  QCOMPARE(failure([&] { top.add(0, at::full({2, 3}, NAN)); }), invalid);
  QCOMPARE(failure([&] { top.worst(); }), invalid);
  QCOMPARE(top.images(), 0);
  top.add(5, at::rand({2, 3}));
  QCOMPARE(failure([&] { top.add(6, at::rand({1, 3})); }), invalid);
  QCOMPARE(failure([&] { top.of(3); }), invalid);
  const std::vector<int64_t> images{9}, offsets{0, 1};
  const std::vector<int32_t> columns{2}, outside{3};
  const std::vector<float> one{1}, zero{0}, bad{NAN};
  QCOMPARE(failure([&] { top.addSparse(images, offsets, columns, one); }), invalid);  // dense before
  TopImages sparse(3);
  QCOMPARE(failure([&] { sparse.addSparse(images, offsets, outside, one); }), mismatch);
  QCOMPARE(failure([&] { sparse.addSparse(images, offsets, columns, zero); }), invalid);
  QCOMPARE(failure([&] { sparse.addSparse(images, offsets, columns, bad); }), invalid);
  const std::vector<int64_t> wrong{0, 2};
  QCOMPARE(failure([&] { sparse.addSparse(images, wrong, columns, one); }), mismatch);
  const std::vector<uint32_t> twice{4, 4};
  const std::vector<float> two{1, 2};
  QCOMPARE(failure([&] { topOfColumn(twice, two, 10, 4); }), invalid);
}

void NeuronStatisticsTest::statisticsAgree() {
  const at::Tensor z = latents(150);
  const int64_t f = z.size(1);
  RunningStatistics dense(f), sparse(f);
  dense.add(z.narrow(0, 0, 70));
  dense.add(z.narrow(0, 70, 80));
  const Csr csr = compressed(z);
  sparse.addSparse(150, csr.columns, csr.values);
  NeuronHistograms denseBins(dense.maxima()), sparseBins(sparse.maxima());
  denseBins.add(z);
  sparseBins.addSparse(csr.columns, csr.values);
  for (int64_t i = 0; i < f; ++i) {
    const at::Tensor column = z.select(1, i);
    std::vector<float> values;
    for (int64_t j = 0; j < 150; ++j) {
      if (column[j].item<float>() != 0) values.push_back(column[j].item<float>());
    }
    for (const NeuronStats& stats : {dense.of(i), sparse.of(i), statisticsOfColumn(values, 150)}) {
      QCOMPARE(stats.images, 150);
      QCOMPARE(stats.firingCount, (column > 0).sum().item<int64_t>());
      QCOMPARE(stats.max, column.max().item<float>());
      QCOMPARE(stats.min, column.min().item<float>());
      QVERIFY(std::abs(stats.mean - column.to(at::kDouble).mean().item<double>()) < 1e-12);
      QCOMPARE(stats.firingRate(), static_cast<double>(stats.firingCount) / 150);
    }
    QVERIFY(denseBins.of(i) == sparseBins.of(i));
    QVERIFY(denseBins.of(i) == histogramOfColumn(values, dense.of(i).max));
    const auto& bins = denseBins.of(i);
    QCOMPARE(std::accumulate(bins.begin(), bins.end(), int64_t{0}), dense.of(i).firingCount);
  }
}

void NeuronStatisticsTest::statisticsOfRawNeurons() {
  at::manual_seed(1);
  const at::Tensor raw = at::cat({at::randn({50, 2}), at::randn({50, 1}) - 30, at::rand({50, 1}) + 2}, 1);
  RunningStatistics statistics(4);
  statistics.add(raw);
  for (int64_t i = 0; i < 4; ++i) {
    QCOMPARE(statistics.of(i).max, raw.select(1, i).max().item<float>());
    QCOMPARE(statistics.of(i).min, raw.select(1, i).min().item<float>());
  }
  QCOMPARE(statistics.of(2).firingCount, 0);
  QCOMPARE(statistics.of(3).firingCount, 50);
  NeuronHistograms histograms(statistics.maxima());
  histograms.add(raw);
  const auto& dead = histograms.of(2);
  QCOMPARE(std::accumulate(dead.begin(), dead.end(), int64_t{0}), 0);
  QCOMPARE(RunningStatistics(2).of(1).images, 0);
  QCOMPARE(RunningStatistics(2).of(1).max, 0.0F);
}

void NeuronStatisticsTest::histogramBins() {
  const std::vector<float> values{64, 63.5F, 63, 1, 0.5F, 0, -3, 0.999F, 1e-40F};
  const ActivationHistogram bins = histogramOfColumn(values, 64);
  QCOMPARE(bins[63], 3);
  QCOMPARE(bins[1], 1);
  QCOMPARE(bins[0], 3);
  QCOMPARE(std::accumulate(bins.begin(), bins.end(), int64_t{0}), 7);
  QCOMPARE(histogramOfColumn(std::vector<float>{1e-45F}, 1e-45F)[63], 1);
}

void NeuronStatisticsTest::statisticsRefuseBrokenInput() {
  const int invalid = static_cast<int>(ErrorCode::Invalid), mismatch = static_cast<int>(ErrorCode::Mismatch);
  RunningStatistics statistics(3);
  QCOMPARE(failure([] { RunningStatistics(0); }), invalid);
  QCOMPARE(failure([&] { statistics.add(at::rand({2, 4})); }), mismatch);
  QCOMPARE(failure([&] { statistics.add(at::full({2, 3}, INFINITY)); }), invalid);
  const std::vector<int32_t> outside{-1};
  const std::vector<float> one{1}, bad{NAN};
  QCOMPARE(failure([&] { statistics.addSparse(1, outside, one); }), mismatch);
  QCOMPARE(failure([&] { statistics.addSparse(1, std::vector<int32_t>{1}, bad); }), invalid);
  QCOMPARE(failure([&] { statisticsOfColumn(bad, 3); }), invalid);
  QCOMPARE(failure([&] { statisticsOfColumn(one, 0); }), mismatch);
  QCOMPARE(failure([&] { statistics.of(-1); }), invalid);
  QCOMPARE(statistics.images(), 0);
}

QTEST_GUILESS_MAIN(NeuronStatisticsTest)
#include "neuron_statistics_test.moc"
