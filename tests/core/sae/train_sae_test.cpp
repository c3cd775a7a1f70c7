// The order of rows, and whole trainings: their files, stopping, going on, and the figures at the end.
#include <ATen/Parallel.h>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/train.h"
#include "core/weights/torch_file.h"
#include "tests/support/failure.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

// Rows that a small dictionary can explain: one to three of 24 directions each.
at::Tensor sparseRows(int64_t n, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(9);
  const at::Tensor directions = at::randn({24, 8}, generator);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor strength = at::rand({n, 24}, draws) * (at::rand({n, 24}, draws) < 0.08);
  return at::mm(strength, directions) * 3 + 1;
}

TrainSaeParams smallTraining(const fs::path& out) {
  TrainSaeParams p;
  p.trainer.type = SaeType::MatryoshkaBatchTopK;
  p.trainer.activationDim = 8;
  p.trainer.dictSize = 48;
  p.trainer.k = 3;
  p.trainer.lr = 3e-3;
  p.trainer.batch = 64;
  p.trainer.steps = 60;
  p.trainer.warmup = 5;
  p.trainer.thresholdStart = 10;
  p.trainer.thresholdBeta = 0.9;
  p.trainer.deadAfterRows = 500;
  p.trainer.groupFractions = {0.25, 0.75};
  p.out = out;
  return p;
}

// Rows that ask for a stop when they are read for the `nth` time.
class StoppingRows : public TensorSource {
 public:
  StoppingRows(TensorSource& rows, std::stop_source stop, int nth) : m_rows(rows), m_stop(std::move(stop)), m_left(nth) {}
  int64_t rows() const override { return m_rows.rows(); }
  int64_t dim() const override { return m_rows.dim(); }
  at::Tensor read(int64_t begin, int64_t count) override {
    if (--m_left == 0) m_stop.request_stop();
    return m_rows.read(begin, count);
  }
  std::string describe() const override { return m_rows.describe(); }
  std::string where(int64_t row) const override { return m_rows.where(row); }
  std::string fingerprint() const override { return m_rows.fingerprint(); }

 private:
  TensorSource& m_rows;
  std::stop_source m_stop;
  int m_left;
};

// The lines of a training's log without their times.
std::vector<std::string> logLines(const fs::path& out) {
  std::vector<std::string> lines;
  for (TrainingPoint& point : readTrainingLog(out / "trainer_0" / "log.jsonl")) {
    point.seconds = 0;
    lines.push_back(trainingPointJson(point));
  }
  return lines;
}

}  // namespace

class TrainSaeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }
  void shufflesEachEpoch_data();
  void shufflesEachEpoch();
  void givesAnyBatchAlone();
  void normalisesLikeTheLibrary();
  void writesTheLibrarysFolder();
  void trainsEveryType_data();
  void trainsEveryType();
  void recoversTheTruth();
  void learns();
  void goesOnAfterAStop_data();
  void goesOnAfterAStop();
  void losesNoLineWhenValidationIsStopped_data();
  void losesNoLineWhenValidationIsStopped();
  void refusesAnotherTraining();
  void startsAfreshWithoutResume();
  void namesTheDivergedStep();
  void namesTheLastGoodCheckpoint();
  void survivesVanishedRows();
  void survivesAFullDisk();
  void trainsSeveralInOnePass();
  void logsAndValidates();
  void readsALogThatWasCutOff();
  void validatesLikeThePaper_data();
  void validatesLikeThePaper();
  void validatesInBatches();
};

void TrainSaeTest::shufflesEachEpoch_data() {
  QTest::addColumn<qint64>("memory");
  QTest::newRow("whole") << (qint64{1} << 30);
  QTest::newRow("pools") << qint64{700 * 2 * 4};   // ten runs of 32 rows
  QTest::newRow("one run") << qint64{1};
}

void TrainSaeTest::shufflesEachEpoch() {
  QFETCH(qint64, memory);
  constexpr int64_t n = 1900;
  const at::Tensor matrix = at::stack({at::arange(n), at::arange(n) * 2}, 1).to(at::kFloat);
  const auto source = TensorSource::of(matrix, "numbers");
  const auto rows = shuffledRows(*source, 3, memory);
  QCOMPARE(rows->rows(), n);
  QCOMPARE(rows->dim(), 2);
  std::vector<int64_t> seen;
  for (int64_t i = 0; i < 38; ++i) {  // 38 batches of 100 rows: two epochs
    const at::Tensor batch = rows->batch(i, 100);
    for (int64_t j = 0; j < 100; ++j) {
      seen.push_back(batch[j][0].item<int64_t>());
      QCOMPARE(batch[j][1].item<int64_t>(), 2 * seen.back());
    }
  }
  const auto middle = seen.begin() + n;
  QCOMPARE(std::set<int64_t>(seen.begin(), middle).size(), size_t{n});
  QCOMPARE(std::set<int64_t>(middle, seen.end()).size(), size_t{n});
  QVERIFY(!std::equal(seen.begin(), middle, middle));
  QVERIFY(!std::is_sorted(seen.begin(), seen.begin() + 50));
}

void TrainSaeTest::givesAnyBatchAlone() {
  const auto source = TensorSource::of(at::rand({1000, 3}), "numbers");
  for (const int64_t memory : {int64_t{1} << 30, int64_t{300 * 3 * 4}}) {
    const auto rows = shuffledRows(*source, 1, memory), again = shuffledRows(*source, 1, memory);
    std::vector<at::Tensor> batches;
    for (int64_t i = 0; i < 12; ++i) batches.push_back(rows->batch(i, 170));
    for (const int64_t i : {11, 0, 7, 7, 3}) {
      QVERIFY(at::equal(again->batch(i, 170), batches[static_cast<size_t>(i)]));
    }
    QCOMPARE(rows->fingerprint(), again->fingerprint());
    QVERIFY(!at::equal(shuffledRows(*source, 2, memory)->batch(0, 170), batches[0]));
    QVERIFY(shuffledRows(*source, 2, memory)->fingerprint() != rows->fingerprint());
    QCOMPARE(rows->batch(2, 2500).size(0), 2500);  // more rows than an epoch has
  }
  QCOMPARE(failure([&] { shuffledRows(*source, 1)->batch(-1, 4); }), static_cast<int>(ErrorCode::Invalid));
  const auto empty = TensorSource::of(at::rand({0, 3}), "nothing");
  QCOMPARE(failure([&] { shuffledRows(*empty, 1); }), static_cast<int>(ErrorCode::Invalid));
}

void TrainSaeTest::normalisesLikeTheLibrary() {
  const at::Tensor matrix = at::randn({640, 5}) * 7;
  const auto source = TensorSource::of(matrix, "numbers");
  const auto rows = shuffledRows(*source, 1);
  // Ten batches are exactly one epoch: the mean over all rows.
  const double expected = std::sqrt(matrix.square().sum(1).mean().item<double>());
  QVERIFY(std::abs(activationNormFactor(*rows, 64) / expected - 1) < 1e-5);
  const auto zeros = TensorSource::of(at::zeros({10, 5}), "zeros");
  QCOMPARE(activationNormFactor(*shuffledRows(*zeros, 1), 4), 1.0);
  const auto broken = TensorSource::of(at::full({10, 5}, NAN), "nan");
  QCOMPARE(failure([&] { activationNormFactor(*shuffledRows(*broken, 1), 4); }), static_cast<int>(ErrorCode::Invalid));
}

void TrainSaeTest::writesTheLibrarysFolder() {
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  const auto source = TensorSource::of(sparseRows(500, 1), "rows");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(out);
  params.saveEvery = 20;
  int64_t steps = 0, reports = 0;
  params.onPoint = [&](const TrainingPoint& point) { QCOMPARE(point.step.step, steps++); };
  const TrainSaeResult result = trainSae(params, *rows, {}, [&](const Progress&) { ++reports; });
  QCOMPARE(steps, 60);
  QVERIFY(reports > 0);
  QCOMPARE(result.last.step.step, 59);
  QVERIFY(!result.last.validation);
  const fs::path folder = out / "trainer_0";
  QCOMPARE(result.dictionary.string(), (folder / "ae.pt").string());
  QCOMPARE(loadDictionary(folder)->fingerprint(), result.fingerprint);
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) names.insert(entry.path().filename().string());
  QVERIFY((names == std::set<std::string>{"config.json", "log.jsonl", "ae.pt", "stats.json", "checkpoints", "ae_20.pt", "ae_40.pt"}));
  const auto config = nlohmann::json::parse(readTextFile(folder / "config.json"));
  QCOMPARE(config["trainer"]["dict_class"].get<std::string>(), std::string("MatryoshkaBatchTopKSAE"));
  QCOMPARE(config["trainer"]["trainer_class"].get<std::string>(), std::string("MatryoshkaBatchTopKTrainer"));
  QVERIFY(config["trainer"]["group_sizes"] == nlohmann::json({12, 36}));
  QVERIFY(config["trainer"]["decay_start"].is_null());
  for (const char* key : {"lr", "steps", "auxk_alpha", "warmup_steps", "threshold_beta", "threshold_start_step", "top_k_aux",
                          "seed", "activation_dim", "dict_size", "k", "device", "layer", "lm_name", "wandb_name",
                          "submodule_name", "group_fractions", "group_weights"}) {
    QVERIFY2(config["trainer"].contains(key), key);
  }
}

void TrainSaeTest::trainsEveryType_data() {
  QTest::addColumn<QString>("type");
  for (const SaeTypeInfo& info : saeTypes()) QTest::newRow(info.name) << QString::fromLatin1(info.name);
}

// A whole training of each type explains the rows, and its folder says what it is.
void TrainSaeTest::trainsEveryType() {
  QFETCH(QString, type);
  QTemporaryDir temporary;
  const auto source = TensorSource::of(sparseRows(4000, 1), "rows"), held = TensorSource::of(sparseRows(1000, 2), "held");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.trainer.type = parseSaeType(type.toStdString());
  params.trainer.steps = 1200;
  params.trainer.sparsityWarmup = 200;
  params.trainer.l1Penalty = type == QLatin1String("standard") ? 0.06 : 0.02;
  params.trainer.targetL0 = 4;
  params.trainer.bandwidth = 0.1;
  params.validation = held.get();
  const TrainSaeResult result = trainSae(params, *rows);
  QVERIFY2(result.last.validation->inference.fve > 0.8, qPrintable(QString::number(result.last.validation->inference.fve)));
  QVERIFY2(result.last.validation->inference.l0 < 16, qPrintable(QString::number(result.last.validation->inference.l0)));
  const SaeTypeInfo& info = saeTypeInfo(params.trainer.type);
  const auto config = nlohmann::json::parse(readTextFile(result.dictionary.parent_path() / "config.json"))["trainer"];
  QCOMPARE(config["dict_class"].get<std::string>(), info.classes.front());
  QCOMPARE(config["trainer_class"].get<std::string>(), std::string(info.trainerClass));
  const auto loaded = loadDictionary(result.dictionary);
  QCOMPARE(loaded->type(), params.trainer.type);
  QCOMPARE(loaded->fingerprint(), result.fingerprint);
}

// Rows made of known directions: each has a latent of its own afterwards.
void TrainSaeTest::recoversTheTruth() {
  QTemporaryDir temporary;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(4);
  at::Tensor truth = at::randn({40, 24}, generator);
  truth = truth / truth.norm(2, 1, true);
  const at::Tensor strength = (at::rand({20000, 40}, generator) + 0.5) * (at::rand({20000, 40}, generator) < 0.05);
  const auto source = TensorSource::of(at::mm(strength, truth), "rows");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.trainer.type = SaeType::BatchTopK;
  params.trainer.activationDim = 24;
  params.trainer.dictSize = 64;
  params.trainer.k = 2;
  params.trainer.batch = 256;
  params.trainer.steps = 3000;
  params.trainer.deadAfterRows = 10'000;
  const TrainSaeResult result = trainSae(params, *rows);
  const at::Tensor best = std::get<0>(at::mm(truth, loadDictionary(result.dictionary)->decoderRows().t()).max(1));
  QVERIFY2(best.mean().item<double>() > 0.95, qPrintable(QString::number(best.mean().item<double>())));
}

void TrainSaeTest::learns() {
  QTemporaryDir temporary;
  const auto source = TensorSource::of(sparseRows(4000, 1), "rows"), held = TensorSource::of(sparseRows(1000, 2), "held");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.trainer.steps = 1200;
  params.validation = held.get();
  const TrainSaeResult result = trainSae(params, *rows);
  QVERIFY(result.last.validation.has_value());
  QCOMPARE(result.last.validation->rows, 1000);
  QVERIFY2(result.last.validation->inference.fve > 0.8, qPrintable(QString::number(result.last.validation->inference.fve)));
  QVERIFY2(std::abs(result.last.validation->inference.l0 - 3) < 1, qPrintable(QString::number(result.last.validation->inference.l0)));
  // Saved for activations as they come: biases are scaled back.
  const ValidationStats again = validateDictionary(*loadDictionary(result.dictionary), *held, {.batch = params.trainer.batch});
  QVERIFY(std::abs(again.inference.fve - result.last.validation->inference.fve) < 1e-9);
}

void TrainSaeTest::goesOnAfterAStop_data() {
  QTest::addColumn<int>("stopAt");
  QTest::addColumn<int>("saveEvery");
  QTest::newRow("at the first step") << 0 << 0;
  QTest::newRow("in the middle") << 31 << 0;
  QTest::newRow("after a checkpoint") << 25 << 10;
  QTest::newRow("at the last step") << 59 << 0;
}

void TrainSaeTest::goesOnAfterAStop() {
  QFETCH(int, stopAt);
  QFETCH(int, saveEvery);
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  const auto source = TensorSource::of(sparseRows(500, 1), "rows");
  const auto rows = shuffledRows(*source, 1, 300 * 8 * 4);
  const TrainSaeResult whole = trainSae(smallTraining(out / "whole"), *rows);

  TrainSaeParams params = smallTraining(out / "stopped");
  params.saveEvery = saveEvery;
  params.resume = true;
  std::stop_source stop;
  params.onPoint = [&](const TrainingPoint& point) {
    if (point.step.step == stopAt) stop.request_stop();
  };
  bool cancelled = false;
  TrainSaeResult result;
  try {
    result = trainSae(params, *rows, stop.get_token());
  } catch (const Cancelled&) {
    cancelled = true;
  }
  QCOMPARE(cancelled, stopAt < 59);
  const auto again = shuffledRows(*source, 1, 300 * 8 * 4);
  params.onPoint = {};
  result = trainSae(params, *again);
  QCOMPARE(result.alreadyDone, !cancelled);
  QCOMPARE(result.fingerprint, whole.fingerprint);
  QCOMPARE(result.last.step.loss, whole.last.step.loss);
  QCOMPARE(result.normFactor, whole.normFactor);
  const TrainSaeResult third = trainSae(params, *again);
  QVERIFY(third.alreadyDone);
  QCOMPARE(third.fingerprint, whole.fingerprint);
  QCOMPARE(third.last.step.loss, whole.last.step.loss);
}

void TrainSaeTest::losesNoLineWhenValidationIsStopped_data() {
  QTest::addColumn<int>("read");
  QTest::addColumn<int>("saveEvery");
  // 200 held rows are four batches, validated after steps 20, 40 and 60 of 60.
  QTest::newRow("the first") << 2 << 0;
  QTest::newRow("the second, where a checkpoint is due") << 6 << 20;
  QTest::newRow("the last") << 9 << 0;
}

void TrainSaeTest::losesNoLineWhenValidationIsStopped() {
  QFETCH(int, read);
  QFETCH(int, saveEvery);
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  const auto source = TensorSource::of(sparseRows(500, 1), "rows"), held = TensorSource::of(sparseRows(200, 2), "held");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(out / "whole");
  params.validation = held.get();
  params.validateEvery = 20;
  params.logEvery = 7;
  params.saveEvery = saveEvery;
  const TrainSaeResult whole = trainSae(params, *rows);

  params.out = out / "stopped";
  params.resume = true;
  std::stop_source stop;
  StoppingRows stopping(*held, stop, read);
  params.validation = &stopping;
  QVERIFY_THROWS_EXCEPTION(Cancelled, trainSae(params, *rows, stop.get_token()));
  const TrainSaeResult result = trainSae(params, *rows);
  QCOMPARE(result.fingerprint, whole.fingerprint);
  QCOMPARE(logLines(params.out), logLines(out / "whole"));
}

void TrainSaeTest::refusesAnotherTraining() {
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  const auto source = TensorSource::of(sparseRows(500, 1), "rows"), other = TensorSource::of(sparseRows(500, 2), "others");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(out);
  params.trainer.steps = 8;
  params.resume = true;
  trainSae(params, *rows);
  QCOMPARE(failure([&] { trainSae(params, *shuffledRows(*other, 1)); }), static_cast<int>(ErrorCode::Mismatch));
  params.trainer.k = 4;
  QCOMPARE(failure([&] { trainSae(params, *rows); }), static_cast<int>(ErrorCode::Mismatch));
  writeTextFile(out / "trainer_0" / "config.json", "{");
  QCOMPARE(failure([&] { trainSae(params, *rows); }), static_cast<int>(ErrorCode::Corrupt));
  fs::remove(out / "trainer_0" / "config.json");
  QCOMPARE(failure([&] { trainSae(params, *rows); }), static_cast<int>(ErrorCode::Mismatch));
  params.trainer.activationDim = 9;
  QCOMPARE(failure([&] { trainSae(params, *rows); }), static_cast<int>(ErrorCode::Mismatch));
}

void TrainSaeTest::startsAfreshWithoutResume() {
  QTemporaryDir temporary;
  const auto source = TensorSource::of(sparseRows(500, 1), "rows");
  const auto rows = shuffledRows(*source, 1);
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.trainer.steps = 8;
  const TrainSaeResult first = trainSae(params, *rows);
  params.trainer.seed = 5;
  const TrainSaeResult second = trainSae(params, *rows);
  QVERIFY(!second.alreadyDone);
  QVERIFY(first.fingerprint != second.fingerprint);
}

void TrainSaeTest::namesTheDivergedStep() {
  QTemporaryDir temporary;
  at::Tensor matrix = sparseRows(640, 1);
  const auto clean = TensorSource::of(matrix, "rows");
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.trainer.normalize = false;
  params.trainer.steps = 10;
  const at::Tensor target = shuffledRows(*clean, 1)->batch(4, 64)[10];
  for (int64_t i = 0; i < matrix.size(0); ++i) {
    if (at::equal(matrix[i], target)) matrix[i][2] = NAN;
  }
  const auto broken = TensorSource::of(matrix, "rows");
  const auto rows = shuffledRows(*broken, 1);
  try {
    trainSae(params, *rows);
    QFAIL("nothing was thrown");
  } catch (const Error& error) {
    QCOMPARE(error.code(), ErrorCode::Diverged);
    QVERIFY2(error.where().find("step ") != std::string::npos, error.what());
  }
  QVERIFY(!fs::exists(params.out / "trainer_0" / "ae.pt"));
}

// The last good checkpoint is named where there is one.
void TrainSaeTest::namesTheLastGoodCheckpoint() {
  QTemporaryDir temporary;
  at::Tensor matrix = sparseRows(640, 1);
  const auto clean = TensorSource::of(matrix, "rows");
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.trainer.normalize = false;
  params.trainer.steps = 10;
  params.saveEvery = 2;
  const at::Tensor target = shuffledRows(*clean, 1)->batch(7, 64)[10];
  for (int64_t i = 0; i < matrix.size(0); ++i) {
    if (at::equal(matrix[i], target)) matrix[i][2] = NAN;
  }
  const auto broken = TensorSource::of(matrix, "rows");
  try {
    trainSae(params, *shuffledRows(*broken, 1));
    QFAIL("nothing was thrown");
  } catch (const Error& error) {
    QCOMPARE(error.code(), ErrorCode::Diverged);
    const fs::path good = params.out / "trainer_0" / "checkpoints" / "ae_6.pt";
    QVERIFY2(std::string(error.what()).find(good.string()) != std::string::npos, error.what());
    QVERIFY(loadDictionary(good) != nullptr);
  }
}

// Rows that cannot be read any more end the training, and what was saved goes on once they are back.
void TrainSaeTest::survivesVanishedRows() {
  struct Vanishing final : TensorSource {
    at::Tensor matrix;
    bool gone = false;
    int64_t rows() const override { return matrix.size(0); }
    int64_t dim() const override { return matrix.size(1); }
    at::Tensor read(int64_t begin, int64_t count) override {
      if (gone && begin >= 256) throw Error(ErrorCode::NotFound, "cannot open", "block 1");
      return matrix.narrow(0, begin, count);
    }
    std::string describe() const override { return "vanishing rows"; }
    std::string where(int64_t row) const override { return "row " + std::to_string(row); }
    std::string fingerprint() const override { return "vanishing"; }
  };
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  Vanishing source;
  source.matrix = sparseRows(1000, 1);
  const int64_t memory = 128 * 8 * 4;  // pools of two runs: rows are read while training
  const TrainSaeResult whole = trainSae(smallTraining(out / "whole"), *shuffledRows(source, 1, memory));
  TrainSaeParams params = smallTraining(out / "broken");
  params.saveEvery = 5;
  params.onPoint = [&](const TrainingPoint& point) { source.gone = point.step.step >= 20; };
  try {
    trainSae(params, *shuffledRows(source, 1, memory));
    QFAIL("nothing was thrown");
  } catch (const Error& error) {
    QCOMPARE(error.code(), ErrorCode::NotFound);
    QCOMPARE(error.where(), std::string("block 1"));
  }
  source.gone = false;
  params.onPoint = {};
  params.resume = true;
  const TrainSaeResult result = trainSae(params, *shuffledRows(source, 1, memory));
  QCOMPARE(result.fingerprint, whole.fingerprint);
}

// A disk without room (/dev/full) is an error that names the file; what was there before stays.
void TrainSaeTest::survivesAFullDisk() {
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  const auto source = TensorSource::of(sparseRows(500, 1), "rows");
  TrainSaeParams params = smallTraining(out);
  params.saveEvery = 10;
  const fs::path log = out / "trainer_0" / "log.jsonl";
  params.onPoint = [&](const TrainingPoint& point) {
    if (point.step.step != 33) return;
    fs::remove(log);
    fs::create_symlink("/dev/full", log);
  };
  try {
    trainSae(params, *shuffledRows(*source, 1));
    QFAIL("nothing was thrown");
  } catch (const Error& error) {
    QCOMPARE(error.code(), ErrorCode::DiskFull);
    QVERIFY2(error.where().find("log.jsonl") != std::string::npos, error.what());
  }
  fs::remove(log);
  params.onPoint = {};
  params.resume = true;
  const TrainSaeResult result = trainSae(params, *shuffledRows(*source, 1));
  params.out = out / "whole";
  QCOMPARE(result.fingerprint, trainSae(params, *shuffledRows(*source, 1)).fingerprint);
}

// Several in one pass are what each is alone, also when they were stopped at different steps.
void TrainSaeTest::trainsSeveralInOnePass() {
  QTemporaryDir temporary;
  const fs::path out = temporary.path().toStdString();
  const auto source = TensorSource::of(sparseRows(500, 1), "rows");
  std::vector<TrainSaeParams> params(3, smallTraining(out / "a"));
  params[1].out = out / "b";
  params[1].trainer.type = SaeType::BatchTopK;
  params[1].trainer.k = 2;
  params[1].trainer.steps = 40;
  params[2].out = out / "c";
  params[2].trainer.type = SaeType::Standard;
  params[2].trainer.sparsityWarmup = 20;
  params[2].trainer.dictSize = 32;
  std::vector<std::string> alone;
  for (TrainSaeParams one : params) {
    one.out = out / "alone" / one.out.filename();
    alone.push_back(trainSae(one, *shuffledRows(*source, 1)).fingerprint);
  }
  // The first is stopped early by itself.
  std::stop_source stop;
  TrainSaeParams first = params[0];
  first.onPoint = [&](const TrainingPoint& point) {
    if (point.step.step == 11) stop.request_stop();
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled, trainSae(first, *shuffledRows(*source, 1), stop.get_token()));
  for (TrainSaeParams& one : params) one.resume = true;
  std::stop_source later;
  params[2].onPoint = [&](const TrainingPoint& point) {
    if (point.step.step == 47) later.request_stop();
  };
  QVERIFY_THROWS_EXCEPTION(Cancelled, trainSaes(params, *shuffledRows(*source, 1), later.get_token()));
  params[2].onPoint = {};
  const std::vector<TrainSaeResult> results = trainSaes(params, *shuffledRows(*source, 1));
  QCOMPARE(results.size(), size_t{3});
  for (size_t i = 0; i < results.size(); ++i) QCOMPARE(results[i].fingerprint, alone[i]);
  QVERIFY(results[1].alreadyDone);

  params[1].out = params[0].out;
  QCOMPARE(failure([&] { trainSaes(params, *shuffledRows(*source, 1)); }), static_cast<int>(ErrorCode::Invalid));
  params[1].out = out / "b";
  params[1].trainer.batch = 32;
  QCOMPARE(failure([&] { trainSaes(params, *shuffledRows(*source, 1)); }), static_cast<int>(ErrorCode::Invalid));
}

void TrainSaeTest::logsAndValidates() {
  QTemporaryDir temporary;
  const auto source = TensorSource::of(sparseRows(500, 1), "rows"), held = TensorSource::of(sparseRows(100, 2), "held");
  TrainSaeParams params = smallTraining(temporary.path().toStdString());
  params.validation = held.get();
  params.validateEvery = 15;
  params.logEvery = 10;
  params.score = [](const SparseCodes& codes) { return MsStats{codes.rows(), 0.5, 0.25, 0.75}; };
  std::vector<TrainingPoint> points;
  params.onPoint = [&](const TrainingPoint& point) { points.push_back(point); };
  const TrainSaeResult result = trainSae(params, *shuffledRows(*source, 1));
  const std::vector<TrainingPoint> read = readTrainingLog(temporary.path().toStdString() + "/trainer_0/log.jsonl");
  QCOMPARE(read.size(), points.size());
  std::vector<int64_t> steps, validated;
  for (size_t i = 0; i < read.size(); ++i) {
    QCOMPARE(trainingPointJson(read[i]), trainingPointJson(points[i]));
    steps.push_back(read[i].step.step + 1);
    if (read[i].validation) validated.push_back(read[i].step.step + 1);
  }
  QVERIFY((steps == std::vector<int64_t>{1, 10, 15, 20, 30, 40, 45, 50, 60}));
  QVERIFY((validated == std::vector<int64_t>{15, 30, 45, 60}));
  QCOMPARE(read.back().validation->ms->scored, 100);
  QCOMPARE(read.back().validation->ms->best, 0.75);
  QVERIFY(read.back().validation->otherRule.has_value());
  QCOMPARE(trainingPointJson(result.last), trainingPointJson(read.back()));
  // Validating takes no part in the training.
  params.validation = nullptr;
  params.out = params.out / "without";
  QCOMPARE(trainSae(params, *shuffledRows(*source, 1)).fingerprint, result.fingerprint);
}

void TrainSaeTest::readsALogThatWasCutOff() {
  QTemporaryDir temporary;
  const fs::path path = temporary.path().toStdString() + "/log.jsonl";
  QVERIFY(readTrainingLog(path).empty());
  TrainingLog log(path, 0);
  TrainingPoint point;
  for (int64_t step = 0; step < 5; ++step) {
    point.step.step = step;
    point.step.loss = step == 3 ? NAN : 1.5;
    point.seconds = double(step);
    log.append(point);
  }
  const std::string whole = readTextFile(path);
  writeTextFile(path, whole + whole.substr(0, 20));
  const std::vector<TrainingPoint> points = readTrainingLog(path);
  QCOMPARE(points.size(), size_t{5});
  QVERIFY(std::isnan(points[3].step.loss));
  const TrainingLog again(path, 3);  // a state that was saved before the last lines
  QCOMPARE(again.secondsBefore(), 2.0);
  QCOMPARE(readTrainingLog(path).size(), size_t{3});
  writeTextFile(path, "{\"step\": 1}\n" + whole);
  QCOMPARE(failure([&] { readTrainingLog(path); }), static_cast<int>(ErrorCode::Corrupt));
}

void TrainSaeTest::validatesLikeThePaper_data() {
  QTest::addColumn<QString>("type");
  for (const char* type : {"topk", "batch_topk", "matryoshka_batch_topk"}) QTest::newRow(type) << QString::fromLatin1(type);
}

void TrainSaeTest::validatesLikeThePaper() {
  QFETCH(QString, type);
  const fs::path golden = fs::path(GOLDEN_DIR) / "sae";
  const auto theirs = nlohmann::json::parse(readTextFile(golden / "validation.json"))[type.toStdString()];
  const auto dictionary = loadDictionary(golden / (type.toStdString() + "_final"));
  const at::Tensor rows = readTorchTensor(golden / "batches.pt").flatten(0, 1).narrow(0, 0, 100);
  const auto source = TensorSource::of(rows, "rows");
  const double factor = readTorchTensor(golden / (type.toStdString() + ".pt"), "norm_factor").item<double>();
  const ValidationStats stats = validateDictionary(*dictionary, *source, {.batch = 37, .normFactor = factor});
  QVERIFY(stats.otherRule.has_value());
  const bool perRow = type == QLatin1String("topk");
  const CodeStats& with = perRow ? *stats.otherRule : stats.inference;
  const CodeStats& without = perRow ? stats.inference : *stats.otherRule;
  const auto near = [&](double ours, const std::string& key) {
    const double expected = theirs.at(key).get<double>();
    return std::abs(ours - expected) < 1e-5 * std::max(1.0, std::abs(expected));
  };
  QVERIFY(near(with.l0, "val_threshold_true/sparsity_l0"));
  QVERIFY(near(with.l2, "val_threshold_true/reconstruction_l2"));
  QVERIFY(near(with.fve, "val_threshold_true/frac_variance_explained"));
  QVERIFY(near(without.l0, "val_threshold_false/sparsity_l0"));
  QVERIFY(near(without.l2, "val_threshold_false/reconstruction_l2"));
  QVERIFY(near(without.fve, "val_threshold_false/frac_variance_explained"));
}

void TrainSaeTest::validatesInBatches() {
  const auto dictionary = makeTrainer(smallTraining({}).trainer)->dictionary();
  const at::Tensor x = sparseRows(9000, 3) + 1000;  // a mean that dwarfs the spread
  const auto source = TensorSource::of(x, "rows");
  const ValidationStats stats = validateDictionary(*dictionary, *source, {.batch = 9000});
  const at::Tensor z = dictionary->encode(x);
  const at::Tensor error = (x - dictionary->decode(z)).to(at::kDouble);
  const double expected = 1 - at::var(error, 0).sum().item<double>() / at::var(x.to(at::kDouble), 0).sum().item<double>();
  QVERIFY2(std::abs(stats.inference.fve - expected) < 1e-6 * std::abs(expected), qPrintable(QString::number(stats.inference.fve - expected)));
  QCOMPARE(stats.inference.l0, static_cast<double>((z > 0).sum().item<int64_t>()) / 9000);
  QCOMPARE(stats.inference.dead, 48 - (z > 0).any(0).sum().item<int64_t>());
  QCOMPARE(validateDictionary(*dictionary, *source, {.batch = 500}).inference.dead, stats.inference.dead);
  const auto one = TensorSource::of(x.narrow(0, 0, 1), "one row");
  QVERIFY(std::isnan(validateDictionary(*dictionary, *one).inference.fve));
  const auto narrow = TensorSource::of(at::rand({4, 7}), "rows");
  QCOMPARE(failure([&] { validateDictionary(*dictionary, *narrow); }), static_cast<int>(ErrorCode::Mismatch));
  std::stop_source stop;
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Cancelled, validateDictionary(*dictionary, *source, {}, stop.get_token()));
}

QTEST_GUILESS_MAIN(TrainSaeTest)
#include "train_sae_test.moc"
