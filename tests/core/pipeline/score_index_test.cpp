// index() and score() against the paper's own programs, in files and in a workspace; encode() between them.
#include <torch/torch.h>

#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/embed.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/index.h"
#include "core/pipeline/row_input.h"
#include "core/pipeline/score.h"
#include "core/weights/npy.h"
#include "tests/core/pipeline/pipeline_fixture.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const std::string kActivations = (kGolden / "activations").string();
const std::string kEmbeddings = (kGolden / "toy_val_embeddings_dino.pt").string();

// The pairwise definition of MS, for [N, F] and [N, D].
at::Tensor pairwise(const at::Tensor& activations, const at::Tensor& embeddings) {
  const at::Tensor low = std::get<0>(activations.min(0, true)), high = std::get<0>(activations.max(0, true));
  const at::Tensor a = ((activations - low) / (high - low)).to(at::kDouble);
  const at::Tensor e = embeddings.to(at::kDouble);
  const at::Tensor unit = e / e.norm(2, 1, true);
  const at::Tensor cosines = at::triu(at::matmul(unit, unit.t()), 1), pairs = at::triu(at::ones_like(cosines), 1);
  const at::Tensor weights = (a * at::matmul(pairs, a)).sum(0);
  return at::where(weights != 0, (a * at::matmul(cosines, a)).sum(0) / weights, at::full({1}, NAN, at::kDouble));
}

std::string spec(const fs::path& workspace, int64_t run) { return workspace.string() + "#" + std::to_string(run); }

void compareScores(const at::Tensor& scores, const at::Tensor& expected) {
  QCOMPARE(scores.numel(), expected.numel());
  for (int64_t n = 0; n < scores.numel(); ++n) {
    const double a = scores[n].item<double>(), b = expected[n].item<double>();
    QVERIFY2(std::isnan(a) ? std::isnan(b) : std::abs(a - b) < 1e-5,
             qPrintable(QStringLiteral("neuron %1: %2 and %3").arg(n).arg(a).arg(b)));
  }
}

}  // namespace

class ScoreIndexTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }

  void scoresAsThePaper() {
    const QTemporaryDir dir;
    ScoreParams p{kActivations, kEmbeddings, folder(dir) / "ms_dino", 10};
    const ScoreResult r = score(p);
    compareScores(readTorchTensor(p.out / "all_neurons_scores.pth"), readTorchTensor(kGolden / "ms_dino/all_neurons_scores.pth"));
    QCOMPARE(r.neurons, int64_t{24});
    QCOMPARE(r.dead, int64_t{3});
    QVERIFY(std::abs(r.mean - 0.09644296) < 1e-5);
    QVERIFY(std::abs(r.deviation - 0.02110908) < 1e-5);
    QCOMPARE(r.best.front().neuron, int64_t{9});
    QCOMPARE(r.worst.front().neuron, int64_t{2});
    // The same lines about the same neurons; the last digits may differ.
    const auto lines = [](const fs::path& path) {
      QStringList names;
      for (const QString& line : QString::fromStdString(readTextFile(path)).split(QLatin1Char('\n')))
        names.push_back(line.startsWith(QStringLiteral("Mono")) ? line.left(15) : line.section(QStringLiteral(" - "), 0, 0));
      return names;
    };
    QCOMPARE(lines(p.out / "metric_stats_new.txt"), lines(kGolden / "ms_dino/metric_stats_new.txt"));

    const ScoreResult again = score(p);
    QVERIFY(again.alreadyDone);
    QCOMPARE(again.dead, int64_t{3});
    QVERIFY(std::abs(again.mean - r.mean) < 1e-6);
  }

  void indexesAsThePaper() {
    const QTemporaryDir dir;
    const IndexResult r = index({kActivations, 16, folder(dir)});
    QCOMPARE(r.neurons, int64_t{24});
    QCOMPARE(r.dead, int64_t{1});
    const auto input = RowInput::open(kActivations);
    const at::Tensor x = input->read(0, 60);
    const at::Tensor ours = readNpy(folder(dir) / "hai_indices_16.npy"), theirs = readNpy(kGolden / "hai_indices_16.npy");
    QCOMPARE(ours.scalar_type(), theirs.scalar_type());
    QVERIFY(ours.sizes() == theirs.sizes());
    const at::Tensor worst = readNpy(folder(dir) / "hai_indices_16_worst.npy");
    QCOMPARE(worst.scalar_type(), at::kDouble);
    QVERIFY(at::equal(worst, readNpy(kGolden / "hai_indices_16_worst.npy")));
    for (int64_t n = 0; n < 24; ++n) {
      const at::Tensor column = x.select(1, n);
      QVERIFY(at::equal(column.index_select(0, ours[n]), column.index_select(0, theirs[n])));
      // Where the activations of all differ, the images are the same too.
      if (std::get<0>(at::_unique(column)).numel() == 60) QVERIFY(at::equal(ours[n], theirs[n]));
    }
    QVERIFY(index({kActivations, 16, folder(dir)}).alreadyDone);
    QVERIFY(!index({kActivations, 4, folder(dir)}).alreadyDone);
  }

  void refusesWhatDoesNotFit() {
    const QTemporaryDir dir;
    const fs::path out = folder(dir) / "out";
    writeTorchTensor(folder(dir) / "short.pt", at::randn({59, 4}));
    writeTorchTensor(folder(dir) / "nan.pt", at::full({60, 4}, NAN));
    writeTorchTensor(folder(dir) / "cube.pt", at::randn({2, 2, 2, 2}));
    writeTorchTensor(folder(dir) / "empty.pt", at::zeros({0, 4}));
    for (const char* name : {"short.pt", "nan.pt", "cube.pt", "empty.pt", "absent.pt"}) {
      const std::string file = (folder(dir) / name).string();
      QVERIFY_EXCEPTION_THROWN(score({file, kEmbeddings, out}), Error);
      QVERIFY_EXCEPTION_THROWN(score({kActivations, file, out}), Error);
      if (std::string(name) != "short.pt") QVERIFY_EXCEPTION_THROWN(index({file, 16, out}), Error);
    }
    QVERIFY_EXCEPTION_THROWN(score({kActivations, kEmbeddings, {}}), Error);
    QVERIFY_EXCEPTION_THROWN(index({kActivations, 16, {}}), Error);
    QVERIFY_EXCEPTION_THROWN(index({"x.sememe", 16, {}}), Error);
    QVERIFY_EXCEPTION_THROWN(index({(folder(dir) / "x.sememe#1").string(), 16, {}}), Error);
  }

  // A whole workspace: raw and latent neurons of forty images, one of them broken.
  void worksOnAWorkspace() {
    const QTemporaryDir dir;
    const fs::path workspace = folder(dir) / "a.sememe";
    ExtractParams p;
    p.model = kGolden / "clip";
    p.images = manyImages(folder(dir) / "images", 40);
    writeTextFile(p.images / "first/00007.ppm", "broken");
    p.layer = 1;
    p.dtype = "f32";
    p.workspace = workspace;
    const ExtractResult raw = extract(p);
    p.sae = smallSae(folder(dir) / "ae.pt", 32, 50);
    const ExtractResult latents = extract(p);
    EmbedParams e;
    e.model = p.model;
    e.images = p.images;
    e.workspace = workspace;
    const EmbedResult embeddings = embed(e);
    const EncodeResult encoded = encode({spec(workspace, raw.run), p.sae});
    QVERIFY(encode({spec(workspace, raw.run), p.sae}).alreadyDone == encoded.rows);

    const auto good = [](const at::Tensor& rows) { return at::cat({rows.narrow(0, 0, 7), rows.narrow(0, 8, 32)}); };
    const auto read = [&](int64_t run) { return RowInput::open(spec(workspace, run))->read(0, 40); };
    QVERIFY((read(encoded.run) - encodePlainly(p.sae, read(raw.run)) * at::ones({40, 1}).index_fill_(0, at::tensor(int64_t{7}), 0))
                .abs().max().item<double>() < 1e-4);
    for (const int64_t run : {raw.run, latents.run, encoded.run}) {
      const ScoreResult scored = score({spec(workspace, run), spec(workspace, embeddings.run), {}});
      const IndexResult indexed = index({spec(workspace, run)});
      QCOMPARE(indexed.alreadyDone, run != raw.run);  // scoring latents has indexed them
      QVERIFY(index({spec(workspace, run)}).alreadyDone);
      QVERIFY(score({spec(workspace, run), spec(workspace, embeddings.run), {}}).alreadyDone);
      QCOMPARE(indexed.rows, int64_t{39});

      const at::Tensor x = good(read(run));
      Workspace opened = Workspace::open(workspace, OpenMode::ReadOnly);
      const std::vector<double> ms = opened.neurons().scores(run, embeddings.run);
      compareScores(at::tensor(ms, at::kDouble), pairwise(x, good(read(embeddings.run))));
      QVERIFY(scored.dead < scored.neurons / 2);
      QCOMPARE(index({spec(workspace, run)}).dead, indexed.dead);
      for (int64_t n = 0; n < x.size(1); ++n) {
        const NeuronDetail detail = opened.neurons().detail(run, n);
        const at::Tensor column = x.select(1, n);
        QCOMPARE(detail.firingCount, column.gt(0).sum().item<int64_t>());
        QCOMPARE(detail.images, int64_t{39});
        QVERIFY(std::abs(detail.row.mean - column.mean(at::kDouble).item<double>()) < 1e-6);
        QCOMPARE(detail.row.max, double(column.max().item<float>()));
        QCOMPARE(detail.min, double(column.min().item<float>()));
        int64_t counted = 0;
        for (const int64_t count : detail.histogram) counted += count;
        QCOMPARE(counted, detail.firingCount);
        const at::Tensor strongest = std::get<0>(column.sort(0, true));
        const size_t expected = run == raw.run ? 16 : size_t(std::min<int64_t>(16, detail.firingCount));
        QCOMPARE(detail.top.size(), expected);
        for (size_t i = 0; i < detail.top.size(); ++i) {
          QCOMPARE(detail.top[i].activation, strongest[int64_t(i)].item<float>());
          QVERIFY(detail.top[i].image != 7);
          QCOMPARE(read(run)[detail.top[i].image][n].item<float>(), detail.top[i].activation);
        }
      }
    }
    QVERIFY_EXCEPTION_THROWN(score({spec(workspace, embeddings.run), spec(workspace, embeddings.run), {}}), Error);
    QVERIFY_EXCEPTION_THROWN(score({spec(workspace, raw.run), spec(workspace, raw.run), {}}), Error);
    QVERIFY_EXCEPTION_THROWN(index({spec(workspace, embeddings.run)}), Error);
    QVERIFY_EXCEPTION_THROWN(index({spec(workspace, 99)}), Error);

    // Files made of a run give the same scores.
    const ScoreResult files = score({spec(workspace, raw.run), spec(workspace, embeddings.run), folder(dir) / "ms"});
    const ScoreResult stored = score({spec(workspace, raw.run), spec(workspace, embeddings.run), {}});
    QVERIFY(std::abs(files.mean - stored.mean) < 1e-6);
  }

  void encodesFiles() {
    const QTemporaryDir dir;
    const fs::path sae = smallSae(folder(dir) / "ae.pt", 24, 40);
    const EncodeResult r = encode({kActivations, sae, "cpu", {}, folder(dir) / "latents"});
    QCOMPARE(r.rows, int64_t{60});
    QCOMPARE(QString::fromStdString(fs::path(r.files.front()).filename().string()),
             QStringLiteral("toy_val_activations_clip_1_post_mlp_residual_part1.pt"));
    const at::Tensor latents = RowInput::open((folder(dir) / "latents").string())->read(0, 60);
    const at::Tensor expected = encodePlainly(sae, RowInput::open(kActivations)->read(0, 60));
    QVERIFY((latents - expected).abs().max().item<double>() < 1e-5);
    QCOMPARE(encode({kActivations, sae, "cpu", {}, folder(dir) / "latents"}).alreadyDone, int64_t{60});
    QVERIFY_EXCEPTION_THROWN(encode({kEmbeddings, sae, "cpu", {}, folder(dir) / "other"}), Error);
    QVERIFY_EXCEPTION_THROWN(encode({kActivations, sae}), Error);
  }
};

QTEST_GUILESS_MAIN(ScoreIndexTest)
#include "score_index_test.moc"
