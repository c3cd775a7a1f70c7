// The metric benchmark on small archives of the released layout, with known scores and known agreement.
#include <QTemporaryDir>
#include <QTest>
#include <torch/torch.h>

#include <functional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/metric_benchmark.h"
#include "core/weights/torch_file.h"
#include "tests/support/benchmark_archive.h"
#include "tests/support/failure.h"
#include "tests/support/tar_file.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

constexpr int kImages = BenchmarkArchive::kImages, kNeurons = BenchmarkArchive::kNeurons;

}  // namespace

class MetricBenchmarkTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  fs::path path(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }
  at::Tensor m_embeddings;
  std::string m_pairs, m_activations;
  std::vector<std::pair<std::string, std::string>> m_files;
  int m_agreeing = 0, m_pairCount = 0;

  MetricBenchmarkResult run(const fs::path& data, bool embeddings = true) {
    MetricBenchmarkParams p;
    p.data = data;
    if (embeddings) p.embeddings = {path("e.pt").string()};
    return benchmarkMetrics(p);
  }
  // What reading an archive with one file changed says.
  std::pair<ErrorCode, QString> broken(const std::string& file, const std::function<std::string(std::string)>& change) {
    auto files = m_files;
    for (auto& [name, content] : files)
      if (name.ends_with(file)) content = change(content);
    writeTar(path("broken.tar.gz"), files);
    return failureText([&] { run(path("broken.tar.gz")); });
  }

 private Q_SLOTS:
  void initTestCase() {
    const BenchmarkArchive made = makeBenchmarkArchive();
    m_embeddings = torch::tensor(made.embeddings).view({kImages, BenchmarkArchive::kDim});
    writeTorchTensor(path("e.pt"), m_embeddings);
    m_pairs = made.pairs;
    m_activations = made.activations;
    m_files = made.files();
    m_agreeing = made.agreeing;
    m_pairCount = made.pairCount;
    writeTar(path("good.tar.gz"), m_files);
  }

  void scoresAnew() {
    const MetricBenchmarkResult r = run(path("good.tar.gz"));
    QCOMPARE(r.coding, AnswerCoding::Signs);
    QCOMPARE(r.pairs, m_pairCount);
    QCOMPARE(r.neurons, kNeurons);
    QCOMPARE(r.metrics.size(), size_t(3));
    QCOMPARE(r.metrics[0].name, std::string("MS dino"));
    QCOMPARE(r.metrics[0].agreement.all.share, double(m_agreeing) / m_pairCount);
    QCOMPARE(r.metrics[1].agreement.missing, m_pairCount);  // clip has no y
    QCOMPARE(r.metrics[2].agreement.all.share, double(m_agreeing) / m_pairCount);
    QCOMPARE(r.comparisons.size(), size_t(2));
    QCOMPARE(r.comparisons[0].neurons, kNeurons);
    QVERIFY2(r.comparisons[0].largestDifference < 2e-6, qPrintable(QString::number(r.comparisons[0].largestDifference)));
    QVERIFY(r.comparisons[0].correlation > 0.99999);
    QCOMPARE(r.topChecked, kNeurons);
    QCOMPARE(r.topAgree, kNeurons);
  }

  void foldersAndArchivesWithoutActivations() {
    for (const auto& [name, content] : m_files) writeTextFile(path("folder") / fs::path(name).filename(), content);
    QCOMPARE(run(path("folder")).metrics[2].agreement.all.share, double(m_agreeing) / m_pairCount);
    writeTar(path("pairs.tar"), {{"pairs.csv", m_pairs}});
    QCOMPARE(run(path("pairs.tar"), false).metrics.size(), size_t(2));
    QCOMPARE(failureText([&] { run(path("pairs.tar")); }).first, ErrorCode::NotFound);
  }

  void anyMetric() {
    std::string csv = "k,value\n";
    for (int k = 0; k < kNeurons; ++k) csv += std::to_string(7 * k) + "," + std::to_string(k) + "\n";
    writeTextFile(path("mine.csv"), csv);
    MetricBenchmarkParams p;
    p.data = path("good.tar.gz");
    p.metrics = {path("mine.csv")};
    const MetricBenchmarkResult r = benchmarkMetrics(p);
    QCOMPARE(r.metrics.back().name, std::string("mine.csv"));
    QCOMPARE(r.metrics.back().agreement.all.pairs, m_pairCount);
    writeTextFile(path("mine.csv"), "0,1\n");
    const auto [code, text] = failureText([&] { benchmarkMetrics(p); });
    QCOMPARE(code, ErrorCode::Mismatch);
    QVERIFY(text.contains(QStringLiteral("mine.csv")));
    writeTextFile(path("mine.csv"), "0,1\n0,2\n");
    QCOMPARE(failureText([&] { benchmarkMetrics(p); }).first, ErrorCode::Corrupt);
  }

  void badInputNamesItsPlace() {
    const auto replace = [](std::string text, const std::string& from, const std::string& to) { return text.replace(text.find(from), from.size(), to); };
    const auto verify = [](const std::pair<ErrorCode, QString>& said, ErrorCode code, const QString& names) {
      QVERIFY2(said.first == code && said.second.contains(names), qPrintable(said.second));
    };
    verify(broken("pairs.csv", [&](std::string t) { return replace(t, "R_user", "R"); }), ErrorCode::Corrupt, QStringLiteral("R_user"));
    verify(broken("pairs.csv", [&](std::string t) { return replace(t, "MS_y_clip", "MS_x_clip"); }), ErrorCode::Corrupt, QStringLiteral("MS_x_clip"));
    verify(broken("pairs.csv", [&](std::string t) { return replace(t, "\n0,", "\n-1,"); }), ErrorCode::Corrupt, QStringLiteral("line 2"));
    verify(broken("pairs.csv", [&](std::string t) { return replace(t, "\n0,", "\n1,"); }), ErrorCode::Mismatch, QStringLiteral("neuron 1 "));
    verify(broken("pairs.csv", [](std::string) { return std::string("k_x,k_y,R_user\n1,2,left\n"); }), ErrorCode::Invalid, QStringLiteral("left"));
    verify(broken("pairs.csv", [](std::string) { return std::string(); }), ErrorCode::Corrupt, QStringLiteral("pair"));
    verify(broken("activations.csv", [&](std::string t) { return replace(t, "\n7,", "\n7,nan,"); }), ErrorCode::Corrupt, QStringLiteral("line 3"));
    verify(broken("activations.csv", [&](std::string t) { return t.substr(0, t.size() - 12); }), ErrorCode::Corrupt, QStringLiteral("fields"));
    verify(broken("activations.csv", [&](std::string t) { return replace(t, "\n7,", "\n0,"); }), ErrorCode::Corrupt, QStringLiteral("twice"));
    const std::string one = m_activations.substr(m_activations.rfind("\n203,"));
    verify(broken("activations.csv", [&](std::string t) { return replace(t, one, "\n203,inf" + one.substr(one.find(',', 5)) ); }), ErrorCode::Corrupt,
           QStringLiteral("a_1"));
    writeTorchTensor(path("short.pt"), m_embeddings.narrow(0, 0, 50));
    MetricBenchmarkParams p;
    p.data = path("good.tar.gz");
    p.embeddings = {path("short.pt").string()};
    verify(failureText([&] { benchmarkMetrics(p); }), ErrorCode::Mismatch, QStringLiteral("50"));
  }
};

QTEST_GUILESS_MAIN(MetricBenchmarkTest)
#include "metric_benchmark_test.moc"
