// Training steps against dictionary_learning's own trainers, and the trainer's state.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/batch_topk.h"
#include "core/sae/train_math.h"
#include "core/sae/trainer.h"
#include "core/weights/torch_file.h"
#include "tests/support/failure.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "sae";
constexpr int64_t kSteps = 50;

at::Tensor goldenBatches() { return readTorchTensor(kGolden / "batches.pt"); }

// The parameters of tests/golden/make_sae.py.
TrainParams goldenParams(const std::string& name) {
  TrainParams p;
  p.type = name.starts_with("matryoshka") ? SaeType::MatryoshkaBatchTopK : parseSaeType(name);
  p.activationDim = 12;
  p.dictSize = 64;
  p.k = 2;
  p.lr = 3e-3;
  p.batch = 48;
  p.steps = kSteps;
  p.warmup = 4;
  p.decayStart = 35;
  p.thresholdBeta = 0.9;
  p.thresholdStart = 6;
  p.sparsityWarmup = 8;
  p.bandwidth = 0.5;
  p.targetL0 = 4;
  p.deadAfterRows = 48;
  p.groupFractions = {0.1, 0.2, 0.7};
  if (name == "matryoshka_weighted") {
    p.groupFractions = {0.25, 0.75};
    p.groupWeights = {0.7, 0.9};
  }
  return p;
}

double relativeDifference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item<double>();
}

bool sameBits(const Dictionary& a, const Dictionary& b) {
  const auto left = a.stateDict(), right = b.stateDict();
  for (size_t i = 0; i < left.size(); ++i) {
    if (!at::equal(left[i].second, right[i].second)) return false;
  }
  return left.size() == right.size();
}

}  // namespace

class SaeTrainerTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }
  void agreesWithTheLibrary_data();
  void agreesWithTheLibrary();
  void sparseEqualsDense();
  void gradientsAreThoseOfAutograd_data();
  void gradientsAreThoseOfAutograd();
  void keepsTheEdgeInOrder();
  void startsWithUnitRows();
  void resumesBitForBit_data() { agreesWithTheLibrary_data(); }
  void resumesBitForBit();
  void refusesOtherStates();
  void stopsAtNaN();
  void survivesEqualRows();
  void checksParameters();
  void followsTheLearningRate();
};

void SaeTrainerTest::agreesWithTheLibrary_data() {
  QTest::addColumn<QString>("name");
  for (const char* name : {"standard", "gated", "topk", "batch_topk", "matryoshka_batch_topk", "matryoshka_weighted", "jumprelu"}) {
    QTest::newRow(name) << QString::fromLatin1(name);
  }
}

void SaeTrainerTest::agreesWithTheLibrary() {
  QFETCH(QString, name);
  const std::string text = name.toStdString();
  const fs::path golden = kGolden / (text + ".pt");
  const at::Tensor batches = goldenBatches(), losses = readTorchTensor(golden, "losses"), dead = readTorchTensor(golden, "dead");
  const auto initial = loadDictionary(kGolden / (text + "_initial"));
  const auto expected = loadDictionary(kGolden / (text + "_final"));
  const double normFactor = readTorchTensor(golden, "norm_factor").item<double>();
  const auto trainer = makeTrainer(goldenParams(text), normFactor, at::kCPU, initial.get());
  double worst = 0;
  for (int64_t step = 0; step < batches.size(0); ++step) {
    const StepStats stats = trainer->step(batches[step]);
    const double loss = losses[step].item<double>();
    worst = std::max(worst, std::abs(stats.loss - loss) / loss);
    QCOMPARE(stats.step, step);
    if (saeTypeInfo(expected->type()).hasK) {
      QCOMPARE(stats.dead, dead[step].item<int64_t>());
      QVERIFY(stats.l0 <= 2 && stats.l0 > 1);
    }
  }
  QCOMPARE(trainer->stepsDone(), losses.numel());
  if (saeTypeInfo(expected->type()).hasK)
    QVERIFY2(dead.max().item<int64_t>() > 6, "the golden must have more dead latents than the auxiliary loss takes");
  QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
  const auto dictionary = trainer->dictionary();
  const auto have = dictionary->stateDict(), want = expected->stateDict();
  QCOMPARE(have.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    QCOMPARE(have[i].first, want[i].first);
    const double difference = relativeDifference(have[i].second.to(at::kDouble), want[i].second.to(at::kDouble));
    QVERIFY2(difference < 1e-4, qPrintable(QString::fromStdString(want[i].first) + QStringLiteral(": ") +
                                           QString::number(difference)));
  }
}

void SaeTrainerTest::gradientsAreThoseOfAutograd_data() {
  QTest::addColumn<bool>("perRow");
  QTest::addColumn<QList<int>>("groups");
  QTest::newRow("batch top-k") << false << QList<int>{60};
  QTest::newRow("top-k") << true << QList<int>{60};
  QTest::newRow("Matryoshka") << false << QList<int>{6, 14, 40};
}

// The losses written out densely in double, differentiated by LibTorch.
void SaeTrainerTest::gradientsAreThoseOfAutograd() {
  QFETCH(bool, perRow);
  QFETCH(QList<int>, groups);
  at::manual_seed(6);
  constexpr int64_t rows = 50, d = 12, latents = 60, auxiliary = 5;
  constexpr double auxScale = 0.25;
  const at::Tensor x = at::randn({rows, d});
  const SaeTensors weights{at::randn({latents, d}) * 0.4, at::randn({latents}) * 0.1, at::randn({latents, d}), at::randn({d})};
  const at::Tensor centred = x - weights.bDec, pre = at::addmm(weights.bEnc, centred, weights.wEncT.t());
  const Selection keep{4, perRow};
  const std::vector<int64_t> sizes(groups.begin(), groups.end());
  std::vector<double> scales;
  for (size_t i = 0; i < sizes.size(); ++i) scales.push_back(0.3 + 0.2 * double(i));
  const at::Tensor dead = at::arange(0, latents, 4);
  TrainScratch scratch;
  TrainPass ours = sparseTrainPass(weights, centred, pre, keep, sizes, scales, scratch);
  const double auxLoss = auxiliaryPass(weights, centred, pre, ours.residual, dead, auxiliary, auxScale, ours.gradients);

  // Which latents stay is a constant of the gradient.
  const at::Tensor positive = pre.clamp_min(0);
  const auto [kept, where] = perRow ? positive.topk(keep.k, -1) : positive.flatten().topk(keep.k * rows);
  const at::Tensor mask = (perRow ? at::zeros_like(pre).scatter_(-1, where, 1.0) : at::zeros({rows * latents}).scatter_(0, where, 1.0).view({rows, latents})).to(at::kDouble);
  const at::AutoGradMode gradients(true);
  SaeTensors w{weights.wEncT.to(at::kDouble), weights.bEnc.to(at::kDouble), weights.wDec.to(at::kDouble), weights.bDec.to(at::kDouble)};
  for (at::Tensor* t : w.all()) t->requires_grad_(true);
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor a = at::relu(at::addmm(w.bEnc, wide - w.bDec, w.wEncT.t()));
  const at::Tensor z = a * mask;
  at::Tensor loss = at::zeros({}, at::kDouble), error;
  int64_t end = 0;
  for (size_t g = 0; g < sizes.size(); ++g) {
    end += sizes[g];
    error = wide - w.bDec - at::mm(z.narrow(1, 0, end), w.wDec.narrow(0, 0, end));
    const at::Tensor groupLoss = error.square().sum(1).mean();
    QVERIFY(std::abs(groupLoss.item<double>() / ours.groupLosses[g] - 1) < 1e-5);
    loss = loss + groupLoss * scales[g];
  }
  const at::Tensor residual = error.detach();
  const auto [values, strongest] = a.index_select(1, dead).topk(auxiliary, -1);
  const at::Tensor revived = at::zeros({rows, dead.numel()}, at::kDouble).scatter(-1, strongest, values);
  const at::Tensor auxError = residual - at::mm(revived, w.wDec.index_select(0, dead));
  const at::Tensor aux = auxError.square().sum(-1).mean() / (residual - residual.mean(0, true)).square().sum(-1).mean();
  QVERIFY(std::abs(aux.item<double>() / auxLoss - 1) < 1e-5);
  (loss + aux * auxScale).backward();
  const auto theirs = w.all();
  const auto mine = ours.gradients.all();
  for (size_t i = 0; i < theirs.size(); ++i) {
    const double difference = relativeDifference(mine[i]->to(at::kDouble), theirs[i]->grad());
    QVERIFY2(difference < 3e-6, qPrintable(QStringLiteral("weight %1: %2").arg(i).arg(difference)));
  }
}

void SaeTrainerTest::sparseEqualsDense() {
  at::manual_seed(5);
  const at::Tensor x = at::randn({40, 9});
  const SaeTensors weights{at::randn({30, 9}), at::randn({30}), at::randn({30, 9}), at::randn({9})};
  const at::Tensor centred = x - weights.bDec, pre = at::addmm(weights.bEnc, centred, weights.wEncT.t());
  for (const Selection keep : {Selection{1}, Selection{4}, Selection{30}, Selection{1, true}, Selection{4, true}, Selection{30, true}}) {
    const std::vector<int64_t> sizes{4, 6, 20};
    const std::vector<double> scales{0.5, 0.2, 0.4};
    TrainScratch scratch;
    const TrainPass sparse = sparseTrainPass(weights, centred, pre, keep, sizes, scales, scratch);
    const TrainPass dense = denseTrainPass(weights, centred, pre, keep, sizes, scales);
    QCOMPARE(sparse.nonZeros, dense.nonZeros);
    QVERIFY(std::abs(sparse.smallest - dense.smallest) < 1e-6);
    QVERIFY(at::equal(sparse.fired, dense.fired));
    QVERIFY(relativeDifference(sparse.residual, dense.residual) < 1e-5);
    for (size_t g = 0; g < sizes.size(); ++g) {
      QVERIFY(std::abs(sparse.groupLosses[g] / dense.groupLosses[g] - 1) < 1e-5);
    }
    for (size_t i = 0; i < 4; ++i) {
      QVERIFY(relativeDifference(*sparse.gradients.all()[i], *dense.gradients.all()[i]) < 1e-5);
    }
    // And both against automatic differentiation of the written-out loss.
    at::AutoGradMode record(true);
    SaeTensors leaf = weights.clone();
    for (at::Tensor* t : leaf.all()) t->requires_grad_(true);
    const at::Tensor z = at::addmm(leaf.bEnc, x - leaf.bDec, leaf.wEncT.t()).relu();
    const at::Tensor candidates = keep.perRow ? z : z.view({1, 1200});
    const auto [values, indices] = candidates.topk(keep.perRow ? keep.k : 40 * keep.k, -1);
    const at::Tensor codes = at::zeros_like(candidates).scatter(-1, indices, values).view({40, 30});
    at::Tensor reconstruction = at::zeros_like(x) + leaf.bDec, loss = at::zeros({});
    for (size_t g = 0, begin = 0; g < sizes.size(); begin += static_cast<size_t>(sizes[g++])) {
      const auto from = static_cast<int64_t>(begin);
      reconstruction = reconstruction + at::mm(codes.narrow(1, from, sizes[g]), leaf.wDec.narrow(0, from, sizes[g]));
      loss = loss + scales[g] * (x - reconstruction).square().sum(-1).mean();
    }
    loss.backward();
    for (size_t i = 0; i < 4; ++i) {
      QVERIFY(relativeDifference(*sparse.gradients.all()[i], leaf.all()[i]->grad()) < 1e-5);
    }
  }
}

void SaeTrainerTest::keepsTheEdgeInOrder() {
  const SaeTensors weights{at::zeros({4, 1}), at::zeros({4}), at::ones({4, 1}), at::zeros({1})};
  const at::Tensor post = at::tensor({2.0F, 1.0F, 1.0F, 0.0F, 1.0F, 3.0F, 0.0F, 1.0F}).view({2, 4});
  TrainScratch scratch;
  const TrainPass pass = sparseTrainPass(weights, at::zeros({2, 1}), post, {2}, {4}, {1.0}, scratch);
  QCOMPARE(pass.nonZeros, 4);
  QCOMPARE(pass.smallest, 1.0F);
  QVERIFY(at::equal(pass.residual, at::tensor({-4.0F, -3.0F}).view({2, 1})));
  const TrainPass none = sparseTrainPass(weights, at::ones({2, 1}), at::zeros({2, 4}), {2}, {4}, {1.0}, scratch);
  const TrainPass each = sparseTrainPass(weights, at::zeros({2, 1}), post, {1, true}, {4}, {1.0}, scratch);
  QCOMPARE(each.smallest, 2.5F);
  QVERIFY(at::equal(each.residual, at::tensor({-2.0F, -3.0F}).view({2, 1})));
  QCOMPARE(none.nonZeros, 0);
  QCOMPARE(none.smallest, 0.0F);
}

void SaeTrainerTest::startsWithUnitRows() {
  TrainParams params = goldenParams("matryoshka_batch_topk");
  const auto dictionary = makeTrainer(params)->dictionary();
  const auto& weights = dynamic_cast<const BatchTopKDictionary&>(*dictionary).weights();
  QVERIFY(at::allclose(weights.wDec.norm(2, 1), at::ones({64})));
  QVERIFY(at::equal(weights.wEnc, weights.wDec.t()));
  QCOMPARE(dictionary->threshold(), -1.0);
  QVERIFY(sameBits(*dictionary, *makeTrainer(params)->dictionary()));
  params.seed = 1;
  QVERIFY(!sameBits(*dictionary, *makeTrainer(params)->dictionary()));
}

void SaeTrainerTest::resumesBitForBit() {
  QFETCH(QString, name);
  const TrainParams params = goldenParams(name.toStdString());
  const at::Tensor batches = goldenBatches();
  QTemporaryDir temporary;
  const fs::path state = fs::path(temporary.path().toStdString()) / "state.pt";
  const auto whole = makeTrainer(params, 5.0);
  for (int64_t step = 0; step < kSteps; ++step) whole->step(batches[step]);
  for (const int64_t stop : {int64_t{1}, int64_t{7}, kSteps - 1}) {
    const auto first = makeTrainer(params, 5.0);
    for (int64_t step = 0; step < stop; ++step) first->step(batches[step]);
    first->saveState(state);
    const auto second = makeTrainer(params);
    second->loadState(state);
    QCOMPARE(second->stepsDone(), stop);
    QCOMPARE(second->normFactor(), 5.0);
    QCOMPARE(second->last().loss, first->last().loss);
    for (int64_t step = stop; step < kSteps; ++step) second->step(batches[step]);
    QVERIFY(sameBits(*second->dictionary(), *whole->dictionary()));
    QCOMPARE(second->last().loss, whole->last().loss);
  }
}

void SaeTrainerTest::refusesOtherStates() {
  QTemporaryDir temporary;
  const fs::path folder = temporary.path().toStdString();
  TrainParams params = goldenParams("batch_topk");
  const auto trainer = makeTrainer(params);
  QCOMPARE(failure([&] { trainer->loadState(folder / "none.pt"); }), static_cast<int>(ErrorCode::NotFound));
  trainer->saveState(folder / "state.pt");
  params.k = 3;
  QCOMPARE(failure([&] { makeTrainer(params)->loadState(folder / "state.pt"); }), static_cast<int>(ErrorCode::Mismatch));
  QCOMPARE(failure([&] { trainer->loadState(kGolden / "batch_topk.pt"); }), static_cast<int>(ErrorCode::Corrupt));
  const std::string whole = readTextFile(folder / "state.pt");
  for (size_t length = 0; length < whole.size(); length += whole.size() / 20) {
    writeTextFile(folder / "short.pt", whole.substr(0, length));
    QVERIFY(failure([&] { trainer->loadState(folder / "short.pt"); }) >= 0);
  }
}

void SaeTrainerTest::stopsAtNaN() {
  const at::Tensor batches = goldenBatches().clone();
  const auto trainer = makeTrainer(goldenParams("matryoshka_batch_topk"));
  for (int64_t step = 0; step < 3; ++step) trainer->step(batches[step]);
  const auto before = trainer->dictionary();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    batches[3][20][4] = bad;
    try {
      trainer->step(batches[3]);
      QFAIL("nothing was thrown");
    } catch (const Error& error) {
      QCOMPARE(error.code(), ErrorCode::Diverged);
      QVERIFY(error.where().find("step 3") != std::string::npos);
    }
    QVERIFY(sameBits(*trainer->dictionary(), *before));
    QCOMPARE(trainer->stepsDone(), 3);
  }
  trainer->step(batches[4]);
  QCOMPARE(failure([&] { trainer->step(at::zeros({4, 11})); }), static_cast<int>(ErrorCode::Mismatch));
  QCOMPARE(failure([&] { trainer->step(at::zeros({0, 12})); }), static_cast<int>(ErrorCode::Mismatch));
}

void SaeTrainerTest::survivesEqualRows() {
  // Every row is the mean: the geometric median's weights are infinite there, and there is no variance to explain.
  const auto trainer = makeTrainer(goldenParams("batch_topk"));
  for (int step = 0; step < 8; ++step) {
    const StepStats stats = trainer->step(at::full({16, 12}, 0.5));
    QVERIFY(std::isfinite(stats.loss));
  }
  QVERIFY(at::isfinite(trainer->dictionary()->decoderRows()).all().item<bool>());
  const auto one = makeTrainer(goldenParams("batch_topk"));
  QVERIFY(std::isfinite(one->step(at::rand({1, 12})).loss));
}

void SaeTrainerTest::checksParameters() {
  const TrainParams good = goldenParams("matryoshka_batch_topk");
  const auto refused = [&](auto&& change) {
    TrainParams bad = good;
    change(bad);
    return failure([&] { makeTrainer(bad); }) == static_cast<int>(ErrorCode::Invalid);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  QVERIFY(refused([](TrainParams& p) { p.activationDim = 0; }));
  QVERIFY(refused([](TrainParams& p) { p.k = 0; }));
  QVERIFY(refused([](TrainParams& p) { p.k = 65; }));
  QVERIFY(refused([](TrainParams& p) { p.warmup = kSteps; }));
  QVERIFY(refused([](TrainParams& p) { p.decayStart = 4; }));
  QVERIFY(refused([](TrainParams& p) { p.decayStart = kSteps; }));
  QVERIFY(refused([&](TrainParams& p) { p.lr = nan; }));
  QVERIFY(refused([](TrainParams& p) { p.lr = -1; }));
  QVERIFY(refused([](TrainParams& p) { p.groupFractions = {0.5, 0.6}; }));
  QVERIFY(refused([](TrainParams& p) { p.groupFractions = {0.001, 0.999}; }));
  QVERIFY(refused([&](TrainParams& p) { p.groupFractions = {nan, 1.0}; }));
  QVERIFY(refused([](TrainParams& p) { p.groupFractions = {}; }));
  QVERIFY(refused([](TrainParams& p) { p.groupWeights = {1.0}; }));
  const auto jumpRefused = [&](auto&& change) {
    return refused([&](TrainParams& p) {
      p.type = SaeType::JumpRelu;
      change(p);
    });
  };
  QVERIFY(!jumpRefused([](TrainParams&) {}));
  QVERIFY(jumpRefused([](TrainParams& p) { p.bandwidth = 0; }));
  QVERIFY(jumpRefused([](TrainParams& p) { p.targetL0 = 0; }));
  QVERIFY(jumpRefused([](TrainParams& p) { p.sparsityWarmup = kSteps; }));
  QVERIFY(jumpRefused([](TrainParams& p) { p.sparsityWarmup = 40; }));  // after the decay has begun
  QVERIFY(jumpRefused([&](TrainParams& p) { p.l1Penalty = nan; }));
  QCOMPARE(failure([&] { makeTrainer(good, 0); }), static_cast<int>(ErrorCode::Invalid));
  const auto initial = loadDictionary(kGolden / "batch_topk_initial");
  QCOMPARE(failure([&] { makeTrainer(good, 1, at::kCPU, initial.get()); }), static_cast<int>(ErrorCode::Mismatch));
}

void SaeTrainerTest::followsTheLearningRate() {
  TrainParams p = goldenParams("batch_topk");
  QCOMPARE(p.learningRateAt(0), 0.0);
  QCOMPARE(p.learningRateAt(1), 3e-3 / 4);
  QCOMPARE(p.learningRateAt(4), 3e-3);
  QCOMPARE(p.learningRateAt(35), 3e-3);
  QCOMPARE(p.learningRateAt(45), 3e-3 / 3);
  p.lr = 0;
  p.dictSize = 16384;
  QCOMPARE(p.learningRate(), 2e-4);
  p.dictSize = 4096;
  QCOMPARE(p.learningRate(), 4e-4);
  p.type = SaeType::Gated;
  QCOMPARE(p.learningRate(), 5e-5);
}

QTEST_GUILESS_MAIN(SaeTrainerTest)
#include "sae_trainer_test.moc"
