// SAEs that the paper's sae_train.py trained are read, and train() leaves the same files with the same things in them.
#include <torch/torch.h>

#include <QtTest>

#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/pipeline/train.h"
#include "core/sae/dictionary.h"
#include "core/weights/tensor_source.h"
#include "tests/core/pipeline/pipeline_fixture.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kRuns = fs::path(GOLDEN_DIR) / "paper_runs";
const std::string kFiles[] = {"ae.pt", "checkpoints/ae_1000.pt"};

nlohmann::json trainerOf(const fs::path& run) {
  return nlohmann::json::parse(readTextFile(run / "trainer_0/config.json")).at("trainer");
}

}  // namespace

class PaperRunsTest : public QObject {
  Q_OBJECT

 private:
  static void types() {
    QTest::addColumn<QString>("paper");
    QTest::addColumn<QString>("ours");
    QTest::newRow("matryoshka") << "matroyshka_batch_top_k" << "matryoshka_batch_topk";
    QTest::newRow("topk") << "top_k" << "topk";
  }
  static fs::path run(const QString& paper) { return kRuns / ("activations_" + paper.toStdString() + "_3_x2"); }

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }

  // The checkpoint is of a step before there is a threshold, so there it is -1.
  void givesTheirLatents_data() { types(); }
  void givesTheirLatents() {
    QFETCH(QString, paper);
    QFETCH(QString, ours);
    const at::Tensor rows = TensorSource::open((kGolden / "activations").string())->read(0, 20);
    for (const std::string& file : kFiles) {
      const auto dictionary = loadDictionary(run(paper) / "trainer_0" / file);
      QCOMPARE(QString::fromLatin1(saeTypeInfo(dictionary->type()).name), ours);
      QCOMPARE(dictionary->k(), int64_t{3});
      const at::Tensor expected = readTorchTensor(kRuns / "latents.pt", paper.toStdString() + " " + file);
      const at::Tensor latents = dictionary->encode(rows);
      QVERIFY(at::equal(latents > 0, expected > 0));
      QVERIFY(at::allclose(latents, expected, 1e-5, 1e-6));
    }
  }

  void writesTheirFiles_data() { types(); }
  void writesTheirFiles() {
    QFETCH(QString, paper);
    QFETCH(QString, ours);
    const QTemporaryDir dir;
    TrainJobParams p;
    p.activations = (kGolden / "activations").string();
    p.type = ours.toStdString();
    p.expansion = 2;
    p.k = 3;
    p.batch = 20;
    p.steps = 1020;
    p.saveEvery = 1000;
    p.auxkAlpha = 0.03;
    p.decayStart = 1010;
    p.groupFractions = {0.25, 0.75};
    p.device = "cpu";
    p.out = folder(dir) / run(paper).filename();
    train(p);
    for (const std::string& file : kFiles) {
      const NamedTensors expected = readStateDict(run(paper) / "trainer_0" / file);
      QCOMPARE(readStateDict(p.out / "trainer_0" / file).size(), expected.size());
      for (const auto& [name, tensor] : expected) {
        const at::Tensor mine = readTorchTensor(p.out / "trainer_0" / file, name);
        QVERIFY2(mine.sizes() == tensor.sizes() && mine.scalar_type() == tensor.scalar_type(), name.c_str());
        if (name == "k" || name == "group_sizes") QVERIFY2(at::equal(mine, tensor), name.c_str());
        if (name == "threshold") QCOMPARE(mine.item<float>() > 0, tensor.item<float>() > 0);
      }
    }
    const nlohmann::json expected = trainerOf(run(paper)), written = trainerOf(p.out);
    for (const auto& [name, value] : expected.items()) {
      QVERIFY2(written.contains(name), name.c_str());
      // The library has changed its spelling of Matryoshka since; the paper's programs read no class from here.
      if (name == "dict_class") {
        QVERIFY(parseSaeType(written.at(name).get<std::string>()) == parseSaeType(value.get<std::string>()));
      } else if (name != "trainer_class" && name != "wandb_name" && name != "seed") {
        QVERIFY2(written.at(name) == value, name.c_str());
      }
    }
  }
};

QTEST_GUILESS_MAIN(PaperRunsTest)
#include "paper_runs_test.moc"
