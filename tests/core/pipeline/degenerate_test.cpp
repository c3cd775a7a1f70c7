// Degenerate inputs against the paper's own programs: all dead, one image, ties; NaN and infinity, which are refused here.
#include <torch/torch.h>

#include <QtTest>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/index.h"
#include "core/pipeline/neuron_sets.h"
#include "core/pipeline/score.h"
#include "core/store/workspace.h"
#include "core/weights/npy.h"
#include "tests/core/pipeline/pipeline_fixture.h"
#include "tests/support/failure.h"

using namespace sememe;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// NaN and infinities are texts there.
double number(const Json& value) { return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>(); }

std::vector<double> numbers(const Json& list) {
  std::vector<double> values;
  for (const Json& value : list) values.push_back(number(value));
  return values;
}

at::Tensor matrix(const Json& rows, at::ScalarType type = at::kFloat) {
  std::vector<at::Tensor> stacked;
  for (const Json& row : rows) stacked.push_back(at::tensor(numbers(row), at::kDouble));
  return at::stack(stacked).to(type);
}

// The first value that is not finite, as [row, column]; -1 without one.
std::pair<int64_t, int64_t> firstBad(const at::Tensor& rows) {
  const at::Tensor bad = at::isfinite(rows).logical_not().nonzero();
  if (bad.size(0) == 0) return {-1, -1};
  return {bad[0][0].item<int64_t>(), bad[0][1].item<int64_t>()};
}

SparseRows sparseRows(const at::Tensor& rows) {
  SparseRows sparse;
  for (int64_t row = 0; row < rows.size(0); ++row) {
    for (int64_t neuron = 0; neuron < rows.size(1); ++neuron) {
      const float value = rows[row][neuron].item<float>();
      if (value == 0) continue;
      sparse.neurons.push_back(uint32_t(neuron));
      sparse.values.push_back(value);
    }
    sparse.offsets.push_back(uint32_t(sparse.neurons.size()));
  }
  return sparse;
}

// The same activations in every place that they may come from, and where each says that a row of them is.
struct Places {
  Places(const fs::path& folder, const at::Tensor& activations, const at::Tensor& embeddings) : out(folder / "out") {
    const int64_t rows = activations.size(0), first = (rows + 1) / 2;
    writeTorchTensor(folder / "parts/a_part1.pt", activations.narrow(0, 0, first));
    if (rows > first) writeTorchTensor(folder / "parts/a_part2.pt", activations.narrow(0, first, rows - first));
    files.push_back((folder / "parts").string());
    writeTorchTensor(folder / "a.pt", activations);
    files.push_back((folder / "a.pt").string());
    writeNpy(folder / "a.npy", activations);
    files.push_back((folder / "a.npy").string());
    writeTorchTensor(folder / "e.pt", embeddings);
    embeddingsFile = (folder / "e.pt").string();

    Workspace made = Workspace::open(folder / "w.sememe", OpenMode::Create);
    std::vector<ImageRecord> images(static_cast<size_t>(rows));
    for (int64_t i = 0; i < rows; ++i) images[size_t(i)].path = std::to_string(i) + ".png";
    const int64_t dataset = made.datasets().ensure({.name = "some", .root = "some", .fingerprint = "some"}, {}, images);
    const auto add = [&](RunKind kind, const char* key, const at::Tensor& values) {
      RunInfo run{.key = key, .name = key, .kind = kind, .dataset = dataset};
      run.rowType = RowType::F32;
      run.rows = rows;
      run.dim = values.size(1);
      const int64_t id = made.runs().ensure(run).id;
      if (kind == RunKind::Latents) {
        made.activations().appendSparse(id, 0, sparseRows(values));
      } else {
        made.activations().appendRows(id, 0, rows, {values.const_data_ptr<float>(), size_t(values.numel())});
      }
      made.runs().setComplete(id);
      return (folder / "w.sememe").string() + "#" + std::to_string(id);
    };
    dense = add(RunKind::Activations, "dense", activations);
    sparse = add(RunKind::Latents, "sparse", activations);
    embeddingsRun = add(RunKind::Embeddings, "embeddings", embeddings);
  }

  // Where `input` says that `row` is.
  QString whereOf(const std::string& input, int64_t row, int64_t rows) const {
    const int64_t first = (rows + 1) / 2;
    if (input == files[0]) return QStringLiteral("a_part%1.pt, row %2").arg(row < first ? 1 : 2).arg(row < first ? row : row - first);
    if (input == sparse) return QStringLiteral("w.sememe, table sparse_blocks, run 2, row %1").arg(row);
    return QString::fromStdString(fs::path(input).filename().string() + ", row " + std::to_string(row));
  }

  fs::path out;
  std::vector<std::string> files;  // parts, .pt, .npy
  std::string embeddingsFile, dense, sparse, embeddingsRun;
};

QString compare(const std::vector<double>& have, const std::vector<double>& want) {
  if (have.size() != want.size()) return QStringLiteral("%1 scores, not %2").arg(have.size()).arg(want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) ? !std::isnan(have[i]) : !(std::abs(have[i] - want[i]) < 1e-5))
      return QStringLiteral("neuron %1: %2, not %3").arg(i).arg(have[i]).arg(want[i]);
  }
  return {};
}

std::vector<double> scoresIn(const fs::path& folder) {
  const at::Tensor scores = readTorchTensor(folder / "all_neurons_scores.pth").to(at::kDouble);
  return {scores.const_data_ptr<double>(), scores.const_data_ptr<double>() + scores.numel()};
}

}  // namespace

class DegenerateTest : public QObject {
  Q_OBJECT

  Json m_golden = Json::parse(readTextFile(fs::path(GOLDEN_DIR) / "analysis/degenerate.json"));

  void addCases(const char* kind) const {
    QTest::addColumn<QString>("name");
    for (const auto& [name, unused] : m_golden[kind].items()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
  }

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }

  void scoresAndIndexes_data() { addCases("activations"); }
  void scoresAndIndexes() {
    QFETCH(QString, name);
    const Json& golden = m_golden["activations"][name.toStdString()];
    const at::Tensor activations = matrix(golden["activations"]), embeddings = matrix(golden["embeddings"]);
    const auto [badRow, badColumn] = firstBad(activations);
    const auto [badEmbedding, unused] = firstBad(embeddings);
    const std::vector<double> scores = numbers(golden["metric"]["scores"]);
    const QTemporaryDir dir;
    const Places places(folder(dir), activations, embeddings);

    if (badRow >= 0 || badEmbedding >= 0) {
      // The paper's programs go on with NaN in it; here it is named.
      std::vector<std::string> all = places.files;
      all.insert(all.end(), {places.dense, places.sparse});
      for (const std::string& input : all) {
        for (const bool indexed : {false, true}) {
          if (indexed && badRow < 0) continue;
          const bool stored = input == places.dense || input == places.sparse;
          const auto [code, text] = failureText([&] {
            if (indexed) {
              index({input, 16, stored ? fs::path() : places.out});
            } else {
              score({input, stored ? places.embeddingsRun : places.embeddingsFile, stored ? fs::path() : places.out});
            }
          });
          const QString where = badRow >= 0 ? places.whereOf(input, badRow, activations.size(0))
                                            : QStringLiteral("%1, row %2").arg(stored ? QStringLiteral("w.sememe#3") : QStringLiteral("e.pt")).arg(badEmbedding);
          QVERIFY2(code == ErrorCode::Corrupt && text.contains(QStringLiteral("NaN or infinite")) && text.contains(where), qPrintable(text));
        }
      }
      QVERIFY(!fs::exists(places.out / "all_neurons_scores.pth") && !fs::exists(places.out / "hai_indices_16.npy"));
      if (badRow < 0) return;
      // Nor does it reach the scores of other neurons there: those are ours with that neuron silent.
      at::Tensor silent = activations.clone();
      silent.select(1, badColumn).zero_();
      const QTemporaryDir other;
      const Places rest(folder(other), silent, embeddings);
      score({rest.files[1], rest.embeddingsFile, rest.out});
      const QString text = compare(scoresIn(rest.out), scores);
      QVERIFY2(text.isEmpty(), qPrintable(text));
      return;
    }

    const at::Tensor worst = at::tensor(numbers(golden["top"]["worst"]), at::kDouble);
    const at::Tensor strongest = activations.gather(0, matrix(golden["top"]["indices"], at::kLong).t()).t();
    for (const std::string& input : places.files) {
      fs::remove_all(places.out);
      const ScoreResult result = score({input, places.embeddingsFile, places.out});
      const QString text = compare(scoresIn(places.out), scores);
      QVERIFY2(text.isEmpty(), qPrintable(text));
      QCOMPARE(result.dead, std::count_if(scores.begin(), scores.end(), [](double s) { return std::isnan(s); }));
      // metric.py ends in an error where fewer than ten neurons have a score; its text is written here all the same.
      const std::string stats = readTextFile(places.out / "metric_stats_new.txt");
      QVERIFY(stats.find("Dead neurons: " + std::to_string(result.dead) + "\nTotal neurons: " + std::to_string(scores.size()) + "\n") != std::string::npos);
      QCOMPARE(golden["metric"]["stats"].is_null(), int64_t(scores.size()) - result.dead < 10);

      index({input, 16, places.out});
      const at::Tensor top = readNpy(places.out / "hai_indices_16.npy");
      QVERIFY(at::equal(readNpy(places.out / "hai_indices_16_worst.npy"), worst));
      // Of equal activations NumPy takes any.
      QVERIFY(at::equal(activations.gather(0, top.t()).t(), strongest));
      for (int64_t n = 0; n < top.size(0); ++n) QCOMPARE(std::get<0>(at::_unique(top[n])).numel(), top.size(1));
    }
    for (const std::string& input : {places.dense, places.sparse}) {
      score({input, places.embeddingsRun, {}});
      index({input});
      Workspace opened = Workspace::open(folder(dir) / "w.sememe", OpenMode::ReadOnly);
      const int64_t run = input == places.dense ? 1 : 2;
      const QString text = compare(opened.neurons().scores(run, 3), scores);
      QVERIFY2(text.isEmpty(), qPrintable(text));
      for (int64_t n = 0; n < strongest.size(0); ++n) {
        const std::vector<TopImage> top = opened.neurons().detail(run, n).top;
        const int64_t firing = strongest[n].gt(0).sum().item<int64_t>();
        QCOMPARE(int64_t(top.size()), run == 1 ? strongest.size(1) : firing);
        for (size_t i = 0; i < top.size(); ++i) QCOMPARE(top[i].activation, strongest[n][strongest.size(1) - 1 - int64_t(i)].item<float>());
      }
    }
  }

  void comparesSets_data() { addCases("sets"); }
  void comparesSets() {
    QFETCH(QString, name);
    const Json& golden = m_golden["sets"][name.toStdString()];
    const QTemporaryDir dir;
    const TopImagesInput input{folder(dir) / "hai_indices_16.npy", {}, {}};
    const std::vector<double> worst = numbers(golden["worst"]);
    writeNpy(input.top, matrix(golden["top"], at::kLong));
    writeNpy(folder(dir) / "hai_indices_16_worst.npy", at::tensor(worst, at::kDouble));
    const auto classes = golden["classes"].get<std::vector<std::string>>();
    for (size_t i = 0; i < classes.size(); ++i) {
      char file[24];
      std::snprintf(file, sizeof file, "%02zu.jpg", i);
      writeTextFile(folder(dir) / "train" / classes[i] / file, "not looked at");
    }
    const HierarchyParams hierarchy{input, folder(dir), "train", {}, golden["fractions"].get<std::vector<double>>()};
    const auto bad = std::find_if_not(worst.begin(), worst.end(), [](double w) { return std::isfinite(w); });
    if (bad != worst.end()) {
      // There it counts as alive.
      const QString where = QStringLiteral("hai_indices_16_worst.npy, row %1").arg(bad - worst.begin());
      for (const auto& [code, text] : {failureText([&] { measureUniqueness(input); }), failureText([&] { measureHierarchy(hierarchy); })})
        QVERIFY2(code == ErrorCode::Corrupt && text.contains(where), qPrintable(text));
      return;
    }

    const UniquenessResult u = measureUniqueness(input);
    QCOMPARE(u.pairs, golden["uniqueness"]["pairs"].get<int64_t>());
    QVERIFY((std::vector<int64_t>(u.above.begin(), u.above.end()) == golden["uniqueness"]["above"].get<std::vector<int64_t>>()));

    const Json& depths = golden["depths"];
    if (!depths["failed"].is_null()) {
      const auto [code, text] = failureText([&] { measureHierarchy(hierarchy); });
      QVERIFY2(code == ErrorCode::Mismatch && text.contains(QStringLiteral("one image a neuron")), qPrintable(text));
      return;
    }
    const HierarchyResult h = measureHierarchy(hierarchy);
    const std::vector<double> mean = numbers(depths["mean"]), majority = numbers(depths["majority"]);
    QCOMPARE(h.groups.size(), mean.size());
    for (size_t g = 0; g < mean.size(); ++g) {
      QVERIFY(std::isnan(mean[g]) ? std::isnan(h.groups[g].depthMean) : std::abs(h.groups[g].depthMean - mean[g]) < 1e-12);
      QVERIFY(std::isnan(majority[g]) ? std::isnan(h.groups[g].depthMajority) : std::abs(h.groups[g].depthMajority - majority[g]) < 1e-12);
      QVERIFY(std::abs(100.0 * double(h.groups[g].excluded) / double(h.groups[g].size) - number(depths["excluded"][g])) < 0.006);
    }
  }

  // What leads to the latents refuses it as well.
  void encodesNoNaN() {
    const QTemporaryDir dir;
    at::Tensor rows = at::randn({50, 8});
    rows[33][2] = NAN;
    const Places places(folder(dir), rows, at::randn({50, 3}));
    const fs::path sae = smallSae(folder(dir) / "ae.pt", 8, 16);
    for (const std::string& input : {places.files[0], places.files[1], places.files[2], places.dense}) {
      fs::remove_all(places.out);
      const auto [code, text] = failureText([&] { encode({input, sae, "cpu", {}, input == places.dense ? fs::path() : places.out}); });
      QVERIFY2(code == ErrorCode::Corrupt && text.contains(places.whereOf(input, 33, 50)), qPrintable(text));
    }
  }
};

QTEST_GUILESS_MAIN(DegenerateTest)
#include "degenerate_test.moc"
