// The score against its pairwise definition and against the paper's own program.
#include <ATen/Parallel.h>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/analysis/monosemanticity.h"
#include "core/analysis/score_summary.h"
#include "core/analysis/streamed_scores.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/torch_file.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "analysis";
const float kNaNf = std::numeric_limits<float>::quiet_NaN();

RowReader readerOf(const at::Tensor& matrix) {
  return [matrix](int64_t begin, int64_t count) { return matrix.narrow(0, begin, count); };
}

// The definition, pair by pair, in double. Scaling in float32 as everywhere.
std::vector<double> pairwise(const at::Tensor& activations, const at::Tensor& embeddings) {
  const at::Tensor low = std::get<0>(activations.min(0)), high = std::get<0>(activations.max(0));
  const at::Tensor a = ((activations - low) / (high - low)).to(at::kDouble).contiguous();
  const at::Tensor e = embeddings.to(at::kDouble);
  const at::Tensor u = (e / e.norm(2, 1, true).clamp_min(1e-8)).contiguous();
  const int64_t n = a.size(0), f = a.size(1), d = u.size(1);
  const double* ap = a.const_data_ptr<double>();
  const double* up = u.const_data_ptr<double>();
  std::vector<double> sum(static_cast<size_t>(f)), weight(static_cast<size_t>(f));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i + 1; j < n; ++j) {
      double cosine = 0;
      for (int64_t k = 0; k < d; ++k) cosine += up[i * d + k] * up[j * d + k];
      for (int64_t k = 0; k < f; ++k) {
        const double w = ap[i * f + k] * ap[j * f + k];
        sum[static_cast<size_t>(k)] += w * cosine;
        weight[static_cast<size_t>(k)] += w;
      }
    }
  }
  for (size_t k = 0; k < sum.size(); ++k) sum[k] = weight[k] != 0 ? sum[k] / weight[k] : kNaNf;
  return sum;
}

// Neurons of every awkward kind; more rows than one block has.
at::Tensor awkwardActivations(int64_t n) {
  at::manual_seed(3);
  const at::Tensor index = at::arange(n);
  std::vector<at::Tensor> columns;
  for (const double density : {0.01, 0.1, 0.5, 1.0}) {
    columns.push_back(at::rand({n}) * (at::rand({n}) < density));
  }
  columns.push_back(at::zeros({n}));                         // dead
  columns.push_back(at::full({n}, -3.5));                    // constant
  columns.push_back((index == 5).to(at::kFloat) * 7);        // one image
  columns.push_back((index == n - 1).to(at::kFloat));        // the last image alone
  columns.push_back(1 - (index == 5).to(at::kFloat));        // all but one
  columns.push_back((index % (n - 1) == 0).to(at::kFloat));  // the first and the last
  columns.push_back(at::rand({n}) + 4);                      // all active
  columns.push_back(at::randn({n}));                         // raw: negative values
  columns.push_back(at::randn({n}) - 20);                    // never above zero
  columns.push_back(at::rand({n}) * 1e-6);                   // tiny
  columns.push_back(at::rand({n}) * 1e-30);                  // near the smallest floats
  for (const double small : {1e-6, 1e-12, 1e-25}) {          // one image beside which all others are nothing
    at::Tensor spike = at::rand({n}) * small;
    spike[n / 2] = 1;
    columns.push_back(spike);
  }
  return at::stack(columns, 1).to(at::kFloat).contiguous();
}

at::Tensor awkwardEmbeddings(int64_t n, int64_t d) {
  at::manual_seed(4);
  at::Tensor e = at::randn({n, d}) + at::randn({6, d}).index_select(0, at::randint(0, 6, {n}));
  e[n / 3].zero_();      // no direction
  e[n / 4].mul_(1e-10);  // shorter than the norm that counts
  e[n / 5].mul_(1e15);
  return e;
}

struct Column {
  std::vector<uint32_t> images;
  std::vector<float> values;
};

Column nonZeros(const at::Tensor& column) {
  Column result;
  for (int64_t i = 0; i < column.size(0); ++i) {
    const float value = column[i].item<float>();
    if (value == 0) continue;
    result.images.push_back(static_cast<uint32_t>(i));
    result.values.push_back(value);
  }
  return result;
}

QString compare(const std::vector<double>& have, const std::vector<double>& want, const std::vector<double>& tolerances) {
  if (have.size() != want.size()) return QStringLiteral("sizes differ");
  for (size_t i = 0; i < have.size(); ++i) {
    const bool agree = std::isnan(want[i]) ? std::isnan(have[i]) : std::abs(have[i] - want[i]) <= tolerances[i];
    if (!agree) return QStringLiteral("neuron %1: %2, not %3").arg(i).arg(have[i], 0, 'g', 17).arg(want[i], 0, 'g', 17);
  }
  return {};
}

QString compare(const std::vector<double>& have, const std::vector<double>& want, double tolerance) {
  return compare(have, want, std::vector<double>(want.size(), tolerance));
}

// Scores of dense rows: within the header's bound, and as exact as a column's where few images count.
QString compareDense(const std::vector<double>& have, const std::vector<double>& want, const at::Tensor& activations) {
  const at::Tensor low = std::get<0>(activations.min(0)), high = std::get<0>(activations.max(0));
  const at::Tensor a = ((activations - low) / (high - low)).to(at::kDouble);
  const at::Tensor counting = a.sum(0).square() / a.square().sum(0);
  std::vector<double> tolerances;
  double sum = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    tolerances.push_back(counting[static_cast<int64_t>(i)].item<double>() < 5 ? 1e-11 : kDenseMsError);
    if (!std::isnan(want[i])) sum += std::abs(have[i] - want[i]) / static_cast<double>(want.size());
  }
  // The bound is for roundings that all go one way.
  if (sum > 1e-7) return QStringLiteral("the mean difference is %1").arg(sum);
  return compare(have, want, tolerances);
}

std::vector<double> bySparse(const at::Tensor& activations, const MsEmbeddings& embeddings) {
  std::vector<double> scores;
  for (int64_t f = 0; f < activations.size(1); ++f) {
    const Column column = nonZeros(activations.select(1, f));
    scores.push_back(msOfNeuron(column.images, column.values, embeddings));
  }
  return scores;
}

template <typename Work>
std::pair<int, QString> failure(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), QString::fromUtf8(error.what())};
  }
  return {-1, QStringLiteral("nothing was thrown")};
}

}  // namespace

class MonosemanticityTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }
  void equalsThePairs_data();
  void equalsThePairs();
  void streamsTheSame();
  void isNaNExactlyWithoutPairs();
  void equalsTheClosedForm();
  void keepsItsBound();
  void equalsThePapersProgram();
  void takesFewImages();
  void acceptsOtherTypes();
  void refusesBrokenInput();
  void stops();
  void summarises();
  void writesThePapersText();
  void printsLikePython();
};

void MonosemanticityTest::equalsThePairs_data() {
  QTest::addColumn<int>("images");
  QTest::newRow("one block") << 60;
  QTest::newRow("whole blocks") << 256;
  QTest::newRow("blocks and one row") << 257;
  QTest::newRow("many blocks") << 700;
}

void MonosemanticityTest::equalsThePairs() {
  QFETCH(int, images);
  const at::Tensor activations = awkwardActivations(images), raw = awkwardEmbeddings(images, 13);
  const std::vector<double> expected = pairwise(activations, raw);
  const MsEmbeddings embeddings(raw);
  const int64_t f = activations.size(1);
  const QString dense = compareDense(monosemanticity(readerOf(activations), f, embeddings), expected, activations);
  QVERIFY2(dense.isEmpty(), qPrintable(dense));
  // Groups of one neuron and of a few.
  for (const int64_t memory : {int64_t{1}, int64_t{13 * 8 * 4}}) {
    const QString grouped = compareDense(monosemanticity(readerOf(activations), f, embeddings, {}, {}, memory), expected, activations);
    QVERIFY2(grouped.isEmpty(), qPrintable(grouped));
  }
  const QString sparse = compare(bySparse(activations, embeddings), expected, 1e-11);
  QVERIFY2(sparse.isEmpty(), qPrintable(sparse));
}

// Blocks of images give what the whole column does.
void MonosemanticityTest::streamsTheSame() {
  const at::Tensor activations = awkwardActivations(700), raw = awkwardEmbeddings(700, 13);
  const int64_t f = activations.size(1);
  const std::vector<double> expected = bySparse(activations, MsEmbeddings(raw));
  for (const int64_t block : {1, 64, 300, 700}) {
    struct Codes {
      std::vector<uint32_t> offsets{0}, columns;
      std::vector<float> values;
      CodeRows rows() const { return {offsets, columns, values}; }
    };
    std::vector<Codes> blocks;
    LatentRanges ranges(f);
    for (int64_t begin = 0; begin < 700; begin += block) {
      Codes& codes = blocks.emplace_back();
      for (int64_t row = begin; row < std::min<int64_t>(begin + block, 700); ++row) {
        for (int64_t n = 0; n < f; ++n) {
          const float value = activations[row][n].item<float>();
          if (value == 0) continue;
          codes.columns.push_back(static_cast<uint32_t>(n));
          codes.values.push_back(value);
        }
        codes.offsets.push_back(static_cast<uint32_t>(codes.columns.size()));
      }
      ranges.add(codes.rows());
    }
    std::vector<double> scores;
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 5}, {5, f - 5}}) {
      StreamedScores streamed(ranges, first, count, 13);
      for (size_t i = 0; i < blocks.size(); ++i) {
        const CodeRows codes = blocks[i].rows();
        streamed.add(codes, MsEmbeddings(raw.narrow(0, static_cast<int64_t>(i) * block, codes.images())));
      }
      const std::vector<double> some = streamed.scores();
      scores.insert(scores.end(), some.begin(), some.end());
    }
    const QString text = compare(scores, expected, 0);
    QVERIFY2(text.isEmpty(), qPrintable(text));
  }
  const int mismatch = static_cast<int>(ErrorCode::Mismatch), invalid = static_cast<int>(ErrorCode::Invalid);
  QCOMPARE(failure([] { LatentRanges(0); }).first, invalid);
  LatentRanges ranges(4);
  const std::vector<uint32_t> offsets{0, 1}, four{4}, three{3};
  const std::vector<float> one{1};
  QCOMPARE(failure([&] { ranges.add({offsets, four, one}); }).first, mismatch);
  QCOMPARE(failure([&] { StreamedScores(ranges, 2, 3, 13); }).first, invalid);
  StreamedScores scores(ranges, 0, 4, 13);
  QCOMPARE(failure([&] { scores.add({offsets, three, one}, MsEmbeddings(raw)); }).first, mismatch);
  QVERIFY(std::isnan(scores.scores().front()));
}

void MonosemanticityTest::isNaNExactlyWithoutPairs() {
  const at::Tensor activations = awkwardActivations(300);
  const auto scores = monosemanticity(readerOf(activations), activations.size(1), MsEmbeddings(awkwardEmbeddings(300, 13)));
  for (size_t i = 0; i < scores.size(); ++i) {
    // Dead, constant, one image, the last image alone.
    QCOMPARE(std::isnan(scores[i]), i >= 4 && i <= 7);
  }
}

void MonosemanticityTest::equalsTheClosedForm() {
  const at::Tensor a = at::rand({500, 3}), raw = at::randn({500, 7});
  const at::Tensor u = raw.to(at::kDouble) / raw.to(at::kDouble).norm(2, 1, true);
  const at::Tensor scaled = ((a - std::get<0>(a.min(0))) / (std::get<0>(a.max(0)) - std::get<0>(a.min(0)))).to(at::kDouble);
  const at::Tensor squares = scaled.square().sum(0);
  const at::Tensor expected = (at::mm(scaled.t(), u).square().sum(1) - squares) / (scaled.sum(0).square() - squares);
  const std::vector<double> want(expected.const_data_ptr<double>(), expected.const_data_ptr<double>() + 3);
  const QString sparse = compare(bySparse(a, MsEmbeddings(raw)), want, 1e-12);
  QVERIFY2(sparse.isEmpty(), qPrintable(sparse));
  const QString dense = compareDense(monosemanticity(readerOf(a), 3, MsEmbeddings(raw)), want, a);
  QVERIFY2(dense.isEmpty(), qPrintable(dense));
}

void MonosemanticityTest::keepsItsBound() {
  constexpr int64_t n = 20'000, f = 40, d = 24;
  const at::Tensor a = at::rand({n, f}), e = at::randn({n, d}) + at::randn({8, d}).index_select(0, at::randint(0, 8, {n}));
  const MsEmbeddings embeddings(e);
  const QString random = compareDense(monosemanticity(readerOf(a), f, embeddings), bySparse(a, embeddings), a);
  QVERIFY2(random.isEmpty(), qPrintable(random));
  // The same image over and over: every sum is rounded the same way, and the score is 1.
  const at::Tensor same = at::cat({at::zeros({1, f}), at::ones({1, f}), at::linspace(0.1, 0.9, f).expand({n - 2, f})}).contiguous();
  const MsEmbeddings one(at::randn({1, d}).expand({n, d}));
  for (const double score : monosemanticity(readerOf(same), f, one)) QVERIFY2(std::abs(score - 1) < kDenseMsError, qPrintable(QString::number(score - 1)));
}

void MonosemanticityTest::equalsThePapersProgram() {
  const at::Tensor activations = readTorchTensor(kGolden / "activations.pt");
  const at::Tensor golden = readTorchTensor(kGolden / "all_neurons_scores.pth").to(at::kDouble);
  const std::vector<double> expected(golden.const_data_ptr<double>(), golden.const_data_ptr<double>() + golden.numel());
  const MsEmbeddings embeddings(readTorchTensor(kGolden / "embeddings.pt"));
  const QString dense = compare(monosemanticity(readerOf(activations), activations.size(1), embeddings), expected, 1e-5);
  QVERIFY2(dense.isEmpty(), qPrintable(dense));
  const QString sparse = compare(bySparse(activations, embeddings), expected, 1e-5);
  QVERIFY2(sparse.isEmpty(), qPrintable(sparse));
}

void MonosemanticityTest::takesFewImages() {
  for (const int64_t n : {0, 1}) {
    const MsEmbeddings embeddings(at::ones({n, 3}));
    for (const double score : monosemanticity(readerOf(at::rand({n, 4})), 4, embeddings)) QVERIFY(std::isnan(score));
    QVERIFY(std::isnan(msOfNeuron({}, {}, embeddings)));
  }
  const MsEmbeddings two(at::eye(2) + 1);
  const auto scores = monosemanticity(readerOf(at::tensor({1.0F, 0.0F, 0.5F, 0.5F}).view({2, 2})), 2, two);
  QVERIFY(std::isnan(scores[0]) && std::isnan(scores[1]));  // two images, of which one is the minimum
}

void MonosemanticityTest::acceptsOtherTypes() {
  const at::Tensor a = at::rand({40, 3}).to(at::kHalf), e = at::randn({40, 5}).to(at::kBFloat16);
  const auto scores = monosemanticity(readerOf(a), 3, MsEmbeddings(e.t().contiguous().t()));
  const QString text = compareDense(scores, pairwise(a.to(at::kFloat), e.to(at::kFloat)), a.to(at::kFloat));
  QVERIFY2(text.isEmpty(), qPrintable(text));
}

void MonosemanticityTest::refusesBrokenInput() {
  const int invalid = static_cast<int>(ErrorCode::Invalid), mismatch = static_cast<int>(ErrorCode::Mismatch);
  for (const float bad : {kNaNf, std::numeric_limits<float>::infinity()}) {
    at::Tensor e = at::randn({400, 3});
    e[123][1] = bad;
    const auto [code, text] = failure([&] { MsEmbeddings{e}; });
    QCOMPARE(code, invalid);
    QVERIFY2(text.contains(QStringLiteral("row 123")), qPrintable(text));
    at::Tensor a = at::randn({400, 6});
    a[321][4] = bad;
    const MsEmbeddings good(at::randn({400, 3}));
    const auto [code2, text2] = failure([&] { monosemanticity(readerOf(a), 6, good); });
    QCOMPARE(code2, invalid);
    QVERIFY2(text2.contains(QStringLiteral("row 321, neuron 4")), qPrintable(text2));
    const std::vector<uint32_t> images{3, 9};
    const std::vector<float> values{1, bad};
    const auto [code3, text3] = failure([&] { msOfNeuron(images, values, good); });
    QCOMPARE(code3, invalid);
    QVERIFY2(text3.contains(QStringLiteral("image 9")), qPrintable(text3));
  }
  const MsEmbeddings good(at::randn({10, 3}));
  QCOMPARE(failure([] { MsEmbeddings(at::randn({10})); }).first, mismatch);
  QCOMPARE(failure([] { MsEmbeddings{at::Tensor()}; }).first, mismatch);
  QCOMPARE(failure([&] { monosemanticity(readerOf(at::rand({10, 4})), 5, good); }).first, mismatch);
  QCOMPARE(failure([&] { monosemanticity(readerOf(at::rand({10, 4})), 0, good); }).first, invalid);
  const std::vector<float> values{1, 2};
  for (const std::vector<uint32_t>& images : {std::vector<uint32_t>{4, 4}, {5, 4}, {4, 10}}) {
    QCOMPARE(failure([&] { msOfNeuron(images, values, good); }).first, invalid);
  }
  const std::vector<uint32_t> three{1, 2, 3};
  QCOMPARE(failure([&] { msOfNeuron(three, values, good); }).first, mismatch);
  // A range that no float holds: metric.py has NaN there.
  const std::vector<uint32_t> images{1, 2};
  const std::vector<float> wide{3e38F, -3e38F};
  QVERIFY(std::isnan(msOfNeuron(images, wide, good)));
  at::Tensor a = at::zeros({10, 1});
  a[1] = 3e38;
  a[2] = -3e38;
  QVERIFY(std::isnan(monosemanticity(readerOf(a), 1, good)[0]));
}

void MonosemanticityTest::stops() {
  std::stop_source stop;
  const MsEmbeddings embeddings(at::randn({6000, 3}));
  const at::Tensor a = at::rand({6000, 4});
  int reads = 0;
  const RowReader reader = [&](int64_t begin, int64_t count) {
    if (++reads == 4) stop.request_stop();
    return a.narrow(0, begin, count);
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled, monosemanticity(reader, 4, embeddings, stop.get_token()));
  int64_t done = 0, total = 0;
  monosemanticity(readerOf(a), 4, embeddings, {}, [&](const Progress& p) { done = p.done, total = p.total; });
  QCOMPARE(done, 12'000);
  QCOMPARE(total, 12'000);
}

void MonosemanticityTest::summarises() {
  const std::vector<double> scores{0.5, NAN, 0.25, 0.75, 0.25, NAN};
  const ScoreSummary summary = summarizeScores(scores, 2);
  QCOMPARE(summary.neurons, 6);
  QCOMPARE(summary.dead, 2);
  QCOMPARE(summary.mean, 0.4375);
  QVERIFY(std::abs(summary.deviation - 0.2393567769390850) < 1e-14);
  QCOMPARE(summary.best.size(), size_t{2});
  QCOMPARE(summary.best[0].neuron, 3);
  QCOMPARE(summary.best[1].neuron, 0);
  QCOMPARE(summary.worst[0].neuron, 2);
  QCOMPARE(summary.worst[1].neuron, 4);
  const ScoreSummary none = summarizeScores(std::vector<double>{NAN}, 2);
  QVERIFY(std::isnan(none.mean) && std::isnan(none.deviation) && none.best.empty());
  QVERIFY(std::isnan(summarizeScores(std::vector<double>{0.5}).deviation));
}

void MonosemanticityTest::writesThePapersText() {
  const at::Tensor golden = readTorchTensor(kGolden / "all_neurons_scores.pth").to(at::kDouble);
  const std::vector<double> scores(golden.const_data_ptr<double>(), golden.const_data_ptr<double>() + golden.numel());
  QTemporaryDir temporary;
  const fs::path path = fs::path(temporary.path().toStdString()) / "metric_stats_new.txt";
  writeMetricStats(path, scores);
  const std::string have = readTextFile(path), want = readTextFile(kGolden / "metric_stats_new.txt");
  // The first line's mean and deviation are sums in float32 there, so their last digit may differ; all else is equal.
  QCOMPARE(have.substr(have.find('\n')), want.substr(want.find('\n')));
  const auto numbers = [](const std::string& text) {
    std::istringstream line(text);
    std::string word, sign;
    double mean = 0, deviation = 0;
    line >> word >> mean >> sign >> deviation;
    return std::tuple(word, sign, mean, deviation);
  };
  const auto [word, sign, mean, deviation] = numbers(have);
  const auto [word2, sign2, mean2, deviation2] = numbers(want);
  QCOMPARE(word, word2);
  QCOMPARE(sign, sign2);
  QVERIFY(std::abs(mean - mean2) < 1e-6 && std::abs(deviation - deviation2) < 1e-6);
}

void MonosemanticityTest::printsLikePython() {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"}, {-0.0, "-0.0"}, {1.0, "1.0"}, {-2.5, "-2.5"}, {0.1, "0.1"}, {0.0001, "0.0001"}, {0.00001, "1e-05"},
      {1.5e-7, "1.5e-07"}, {123456789.0, "123456789.0"}, {1e15, "1000000000000000.0"}, {1e16, "1e+16"},
      {1.25e100, "1.25e+100"}, {0.5123456716537476, "0.5123456716537476"}, {100.0, "100.0"}, {12.375, "12.375"},
      {5e-324, "5e-324"}, {NAN, "nan"}, {INFINITY, "inf"}, {-INFINITY, "-inf"}};
  for (const auto& [value, text] : cases) QCOMPARE(pythonRepr(value), std::string(text));
}

QTEST_GUILESS_MAIN(MonosemanticityTest)
#include "monosemanticity_test.moc"
