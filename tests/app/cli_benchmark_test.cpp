// sememe-cli benchmark on an archive of the released layout made from the demo world, with people who agree on four of five.
#include <QtTest>

#include <ATen/ATen.h>

#include "core/weights/tensor_source.h"
#include "core/weights/torch_file.h"
#include "tests/app/cli_fixture.h"
#include "tests/support/tar_file.h"

using namespace sememe;

class CliBenchmarkTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_dir;
  QString path(const char* name) const { return m_dir.filePath(QString::fromLatin1(name)); }
  int m_pairs = 0, m_agreeing = 0;

  void run(const QString& line) {
    const CliRun done = runCli(line);
    QVERIFY2(done.status == 0, qPrintable(done.err));
  }

 private Q_SLOTS:
  void initTestCase() {
    // Where no folder has a blank in its name, as command lines in one piece need it.
    QVERIFY(QFile::link(QStringLiteral(RESOURCES_DIR "/demo"), path("models")));
    const QString models = path("models");
    const QString images = QStringLiteral(" --images %1 --split val").arg(path("demo/world"));
    run(QStringLiteral("demo --images 200 --out %1").arg(path("demo")));
    run(QStringLiteral("extract --model %1/clip --point post_projection --sae %1/sae-image --out %2%3").arg(models, path("latents"), images));
    run(QStringLiteral("embed --model %1/dinov2 --out %2%3").arg(models, path("dino.pt"), images));
    run(QStringLiteral("index --activations %1 --out %1").arg(path("latents")));
    run(QStringLiteral("score --activations %1 --embeddings %2 --out %3").arg(path("latents"), path("dino.pt"), path("ms")));

    const at::Tensor ms = readTorchTensor(path("ms/all_neurons_scores.pth").toStdString());
    const auto source = TensorSource::open(path("latents").toStdString());
    const at::Tensor latents = source->read(0, source->rows()).t().contiguous();
    std::vector<int64_t> alive;
    for (int64_t k = 0; k < ms.size(0) && alive.size() < 40; ++k)
      if (!at::isnan(ms[k]).item<bool>()) alive.push_back(k);
    QVERIFY(alive.size() >= 20);
    std::string pairs = "k_x,k_y,R_user,MS_x_dino,MS_y_dino\n", activations = "k", top = "k";
    for (int64_t i = 1; i <= source->rows(); ++i) activations += ",a_" + std::to_string(i);
    for (int i = 1; i <= 16; ++i) top += ",x_" + std::to_string(i);
    activations += "\n";
    top += "\n";
    const auto number = [](float value) { return QByteArray::number(double(value), 'g', 9).toStdString(); };
    for (const int64_t k : alive) {
      activations += std::to_string(k);
      const auto* row = latents.const_data_ptr<float>() + k * latents.size(1);
      for (int64_t i = 0; i < latents.size(1); ++i) activations += "," + number(row[i]);
      activations += "\n";
      const at::Tensor order = std::get<1>(latents[k].topk(16));
      top += std::to_string(k);
      for (int i = 0; i < 16; ++i) top += "," + std::to_string(order[i].item<int64_t>());
      top += "\n";
    }
    for (size_t i = 0; i + 1 < alive.size(); ++i) {
      const float x = ms[alive[i]].item<float>(), y = ms[alive[i + 1]].item<float>();
      if (std::abs(x - y) < 1e-4F) continue;
      const bool agrees = m_pairs++ % 5 != 0;
      m_agreeing += agrees;
      pairs += std::to_string(alive[i]) + "," + std::to_string(alive[i + 1]) + "," + ((x > y) == agrees ? "1" : "0") + "," + number(x) + "," + number(y) + "\n";
    }
    writeTar(path("metric_benchmark.tar.gz").toStdString(),
             {{"metric_benchmark/pairs.csv", pairs}, {"metric_benchmark/top16_images.csv", top}, {"metric_benchmark/activations.csv", activations}});
  }

  void findsTheKnownAgreement() {
    const CliRun run = runCli(QStringLiteral("benchmark --json --data %1 --embeddings %2").arg(path("metric_benchmark.tar.gz"), path("dino.pt")));
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const QJsonObject json = run.json();
    QCOMPARE(json[QStringLiteral("pairs")].toInt(), m_pairs);
    QCOMPARE(json[QStringLiteral("answers")].toString(), QStringLiteral("0 for y, 1 for x"));
    const QJsonArray metrics = json[QStringLiteral("metrics")].toArray();
    QCOMPARE(metrics.size(), 2);
    for (const QJsonValue& metric : metrics) {
      QCOMPARE(metric[QStringLiteral("agreement")].toDouble(), double(m_agreeing) / m_pairs);
      QVERIFY(metric[QStringLiteral("low")].toDouble() < metric[QStringLiteral("agreement")].toDouble());
    }
    const QJsonObject comparison = json[QStringLiteral("comparisons")].toArray().first().toObject();
    QVERIFY2(comparison[QStringLiteral("largest_difference")].toDouble() < 1e-5, qPrintable(run.out));
    QCOMPARE(json[QStringLiteral("top_agree")].toInt(), json[QStringLiteral("top_checked")].toInt());
    QVERIFY(json[QStringLiteral("top_checked")].toInt() > 0);
  }

  // The demo's CLIP knows what its world's classes are called.
  void rightNamesAreMoreAlike() {
    const QString models = path("models");
    const QString line = QStringLiteral("baseline --json --model %1/clip --images %2").arg(models, path("demo/world"));
    const CliRun run = runCli(line + QStringLiteral(" --split val"));
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(run.json()[QStringLiteral("images")].toInt(), 200);
    QVERIFY2(run.json()[QStringLiteral("mean")].toDouble() > 0.4, qPrintable(run.out));
    QVERIFY2(run.json()[QStringLiteral("shuffled_mean")].toDouble() < 0.1, qPrintable(run.out));
    QCOMPARE(runCli(line + QStringLiteral(" --split val")).out, run.out);
    writeFile(path("names.csv"), "nobody,knows\n");
    const CliRun unnamed = runCli(line + QStringLiteral(" --split val --names ") + path("names.csv"));
    QCOMPARE(unnamed.status, 1);
    QVERIFY2(unnamed.err.contains(QStringLiteral("has no name")) && unnamed.err.contains(QStringLiteral("names.csv")), qPrintable(unnamed.err));
    const CliRun blind = runCli(QStringLiteral("baseline --model %1/dinov2 --images %2 --split val").arg(models, path("demo/world")));
    QCOMPARE(blind.status, 1);
  }

  // Images as the paper's imagenet_subset.py leaves them, against its similarity_baseline.py.
  void agreesWithThePapersBaseline() {
    QFile golden(QStringLiteral(GOLDEN_DIR "/paper_runs/baseline.json"));
    QVERIFY(golden.open(QIODevice::ReadOnly));
    const QJsonObject expected = QJsonDocument::fromJson(golden.readAll()).object(), images = expected[QStringLiteral("images")].toObject();
    QVERIFY(QDir().mkpath(path("images_imagenet")));
    for (const QString& name : images.keys())
      QVERIFY(QFile::copy(QStringLiteral(GOLDEN_DIR "/demo_llava/") + images[name].toString(), path("images_imagenet/") + name));
    writeFile(path("classes.csv"), "n01440764,tench\nn01443537,goldfish\nn01484850,great_white_shark\n");
    const QString line = QStringLiteral("baseline --json --model %1/clip --images %2 --names %3").arg(path("models"), path("images_imagenet"), path("classes.csv"));
    const CliRun run = runCli(line);
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(run.json()[QStringLiteral("images")].toInt(), 4);
    QCOMPARE(run.json()[QStringLiteral("classes")].toInt(), 3);
    for (const char* figure : {"mean", "std"})
      QVERIFY2(std::abs(run.json()[QLatin1String(figure)].toDouble() - expected[QLatin1String(figure)].toDouble()) < 1e-5, qPrintable(run.out));
    QVERIFY(QFile::copy(QStringLiteral(GOLDEN_DIR "/demo_llava/000000.png"), path("images_imagenet/unnamed.png")));
    const CliRun unnamed = runCli(line);
    QCOMPARE(unnamed.status, 1);
    QVERIFY2(unnamed.err.contains(QStringLiteral("unnamed.png")), qPrintable(unnamed.err));
  }

  void saysItInWords() {
    const CliRun run = runCli(QStringLiteral("benchmark --data %1").arg(path("metric_benchmark.tar.gz")));
    QVERIFY(run.out.contains(QStringLiteral("MS dino: agrees with people on %1 %").arg(100.0 * m_agreeing / m_pairs, 0, 'f', 1)));
    const CliRun absent = runCli(QStringLiteral("benchmark --data %1").arg(path("absent.tar.gz")));
    QCOMPARE(absent.status, 1);
  }
};

QTEST_GUILESS_MAIN(CliBenchmarkTest)
#include "cli_benchmark_test.moc"
