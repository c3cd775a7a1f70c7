// extract() and embed(): transformers' values, failed images, SAEs, stopping and going on.
#include <torch/torch.h>

#include <QtTest>

#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/embed.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/row_input.h"
#include "core/weights/npy.h"
#include "tests/core/pipeline/pipeline_fixture.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

ExtractParams params(const fs::path& images) {
  ExtractParams p;
  p.model = kGolden / "clip";
  p.images = images;
  p.layer = 1;
  p.tokens = TokenSelection::parse("all");
  p.batch = 3;
  p.dtype = "f32";
  p.workers = 1;
  return p;
}

at::Tensor rowsOf(const std::string& spec) {
  const auto input = RowInput::open(spec);
  return input->read(0, input->rows());
}

std::string spec(const fs::path& workspace, int64_t run) { return workspace.string() + "#" + std::to_string(run); }

double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

class ExtractTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }

  void equalsTransformers() {
    const QTemporaryDir dir;
    const at::Tensor hidden = readNpy(kGolden / "hidden_1.npy");  // [8, 17, 32]
    ExtractParams p = params(kGolden / "images");
    p.out = folder(dir) / "out";
    const ExtractResult files = extract(p);
    QCOMPARE(files.images, int64_t{8});
    QCOMPARE(files.rowsPerImage, int64_t{17});
    QCOMPARE(files.files.size(), size_t{1});
    QCOMPARE(QString::fromStdString(fs::path(files.files[0]).filename().string()),
             QStringLiteral("images_activations_clip_1_post_mlp_residual_part1.pt"));
    QVERIFY(distance(rowsOf(p.out.string()), hidden.reshape({-1, 32})) < 1e-4);

    for (const char* tokens : {"cls", "mean", "patches", "mean-patches"}) {
      ExtractParams q = params(kGolden / "images");
      q.workspace = folder(dir) / "a.sememe";
      q.tokens = TokenSelection::parse(tokens);
      const ExtractResult r = extract(q);
      const at::Tensor patches = hidden.narrow(1, 1, 16);
      const std::string name = tokens;
      const at::Tensor expected = name == "cls"       ? hidden.select(1, 0)
                                  : name == "mean"    ? hidden.mean(1)
                                  : name == "patches" ? patches.reshape({-1, 32})
                                                      : patches.mean(1);
      QVERIFY2(distance(rowsOf(spec(q.workspace, r.run)), expected) < 1e-4, tokens);
    }
  }

  void embedsAsTransformers() {
    const QTemporaryDir dir;
    const at::Tensor embeds = readNpy(kGolden / "embeds.npy");
    EmbedParams p;
    p.model = kGolden / "clip";
    p.images = kGolden / "images";
    p.batch = 3;
    p.workers = 1;
    p.out = folder(dir) / "sub" / "mine.pt";
    const EmbedResult file = embed(p);
    QCOMPARE(QString::fromStdString(file.file), QString::fromStdString(p.out.string()));
    QVERIFY(distance(readTorchTensor(p.out), embeds) < 1e-4);
    QCOMPARE(embed(p).alreadyDone, int64_t{8});

    p.out = folder(dir) / "folder";
    QCOMPARE(QString::fromStdString(fs::path(embed(p).file).filename().string()), QStringLiteral("images_embeddings_clip.pt"));

    p.out.clear();
    p.workspace = folder(dir) / "a.sememe";
    const EmbedResult r = embed(p);
    QVERIFY(distance(rowsOf(spec(p.workspace, r.run)), embeds) < 1e-4);
    ExtractParams q = params(kGolden / "images");
    q.point = "post_projection";
    q.layer = -1;
    q.workspace = p.workspace;
    QVERIFY(distance(rowsOf(spec(q.workspace, extract(q).run)), embeds) < 1e-4);
  }

  // Each precision is a run of its own, near the exact one.
  void precisions() {
    const QTemporaryDir dir;
    const at::Tensor hidden = readNpy(kGolden / "hidden_1.npy").reshape({-1, 32}), embeds = readNpy(kGolden / "embeds.npy");
    std::set<int64_t> runs;
    for (const char* precision : {"f32", "bf16", "f16"}) {
      ExtractParams p = params(kGolden / "images");
      p.precision = precision;
      p.workspace = folder(dir) / "a.sememe";
      const ExtractResult r = extract(p);
      QVERIFY2(runs.insert(r.run).second, precision);
      const double off = (rowsOf(spec(p.workspace, r.run)) - hidden).norm().item<double>() / hidden.norm().item<double>();
      EmbedParams e;
      e.model = p.model, e.images = p.images, e.batch = 3, e.workers = 1, e.precision = precision;
      e.out = folder(dir) / precision / "e.pt";
      embed(e);
      const double offEmbeds = (readTorchTensor(e.out) - embeds).norm().item<double>() / embeds.norm().item<double>();
      QVERIFY(std::string(precision) == "f32" ? off < 1e-5 && offEmbeds < 1e-5
                                              : off < 0.02 && off > 1e-5 && offEmbeds < 0.03 && offEmbeds > 1e-5);
    }
    ExtractParams p = params(kGolden / "images");
    p.workspace = folder(dir) / "a.sememe";
    p.precision = "f8";
    QVERIFY_EXCEPTION_THROWN(extract(p), Error);
  }

  void attachesAnSae() {
    const QTemporaryDir dir;
    const fs::path sae = smallSae(folder(dir) / "ae.pt", 32, 50);
    const at::Tensor latents = encodePlainly(sae, readNpy(kGolden / "hidden_1.npy"));  // [8, 17, 50]
    QVERIFY(latents.count_nonzero().item<int64_t>() > 500);
    ExtractParams p = params(kGolden / "images");
    p.sae = sae;
    p.tokens = TokenSelection::parse("mean");
    p.workspace = folder(dir) / "a.sememe";
    const ExtractResult mean = extract(p);
    QCOMPARE(mean.dim, int64_t{50});
    QVERIFY(distance(rowsOf(spec(p.workspace, mean.run)), latents.mean(1)) < 1e-3);
    p.tokens = TokenSelection::parse("all");
    const ExtractResult all = extract(p);
    QVERIFY(all.run != mean.run);
    QVERIFY(distance(rowsOf(spec(p.workspace, all.run)), latents.reshape({-1, 50})) < 1e-3);
    p.workspace.clear();
    p.out = folder(dir) / "latents";
    extract(p);
    QVERIFY(distance(rowsOf(p.out.string()), latents.reshape({-1, 50})) < 1e-3);

    p.sae = smallSae(folder(dir) / "wrong.pt", 31, 50);
    QVERIFY_EXCEPTION_THROWN(extract(p), Error);
  }

  void drawsTokensByImage() {
    const QTemporaryDir dir;
    const at::Tensor hidden = readNpy(kGolden / "hidden_1.npy");
    ExtractParams p = params(kGolden / "images");
    p.tokens = TokenSelection::parse("random:5");
    p.seed = 4;
    p.workspace = folder(dir) / "a.sememe";
    const at::Tensor rows = rowsOf(spec(p.workspace, extract(p).run));
    QCOMPARE(rows.size(0), int64_t{40});
    for (int64_t r = 0; r < 40; ++r)  // each row is one of its image's tokens
      QVERIFY((hidden[r / 5] - rows[r]).abs().amax(1).min().item<double>() < 1e-4);
    p.workspace = folder(dir) / "b.sememe";
    p.batch = 8;
    QVERIFY(distance(rowsOf(spec(p.workspace, extract(p).run)), rows) < 1e-4);
  }

  void skipsImagesThatCannotBeRead() {
    const QTemporaryDir dir;
    const fs::path images = copyImages(folder(dir) / "images");
    writeTextFile(images / "first/bb.png", "not a picture");  // number 2, after a and b
    writeTextFile(images / "second/z.jpg", "");               // the last, number 9
    ExtractParams p = params(images);
    p.tokens = TokenSelection::parse("mean");
    p.workspace = folder(dir) / "a.sememe";
    const ExtractResult r = extract(p);
    QCOMPARE(r.images, int64_t{10});
    QCOMPARE(r.failed.size(), size_t{2});
    QCOMPARE(r.failed[0].index, int64_t{2});
    QCOMPARE(QString::fromStdString(r.failed[0].path), QStringLiteral("first/bb.png"));
    QVERIFY(!r.failed[1].reason.empty());
    const auto input = RowInput::open(spec(p.workspace, r.run));
    QCOMPARE(input->goodRowCount(), int64_t{8});
    const at::Tensor rows = input->read(0, 10);
    QCOMPARE(rows[2].abs().sum().item<double>(), 0.0);
    const at::Tensor good = at::cat({rows.narrow(0, 0, 2), rows.narrow(0, 3, 6)});
    QVERIFY(distance(good, readNpy(kGolden / "hidden_1.npy").mean(1)) < 1e-4);
    const Workspace workspace = Workspace::open(p.workspace, OpenMode::ReadOnly);
    QCOMPARE(workspace.datasets().failed(1).size(), size_t{2});
    QCOMPARE(workspace.datasets().thumbnailCount(1), int64_t{8});
    QCOMPARE(workspace.datasets().image(1, 0).width, 90);
    QVERIFY(workspace.datasets().thumbnail(1, 2).empty());

    p.workspace.clear();
    p.out = folder(dir) / "out";
    extract(p);
    QCOMPARE(RowInput::open(p.out.string())->goodRowCount(), int64_t{8});
  }

  void doesNothingTwice() {
    const QTemporaryDir dir;
    ExtractParams p = params(kGolden / "images");
    p.workspace = folder(dir) / "a.sememe";
    const ExtractResult first = extract(p);
    QCOMPARE(first.alreadyDone, int64_t{0});
    const ExtractResult second = extract(p);
    QCOMPARE(second.run, first.run);
    QCOMPARE(second.alreadyDone, int64_t{8});
    p.layer = 2;
    QVERIFY(extract(p).run != first.run);
  }

  void goesOnAfterAStop_data() {
    QTest::addColumn<bool>("files");
    QTest::newRow("workspace") << false;
    QTest::newRow("files") << true;
  }
  void goesOnAfterAStop() {
    QFETCH(bool, files);
    const QTemporaryDir dir;
    ExtractParams p = params(manyImages(folder(dir) / "images", 600));
    writeTextFile(p.images / "first/00100.ppm", "broken");
    p.batch = 16;
    p.partImages = 300;  // a block of 256 makes a part
    p.tokens = TokenSelection::parse("mean");
    // So many latents make a block last longer than the tenth of a second between two reports of progress.
    p.sae = smallSae(folder(dir) / "ae.pt", 32, 20'000, 8);
    (files ? p.out : p.workspace) = folder(dir) / (files ? "whole" : "whole.sememe");
    const ExtractResult whole = extract(p);
    const auto specOf = [&](const ExtractResult& r) { return files ? p.out.string() : spec(p.workspace, r.run); };
    const at::Tensor expected = rowsOf(specOf(whole));

    (files ? p.out : p.workspace) = folder(dir) / (files ? "stopped" : "stopped.sememe");
    for (const int64_t until : {1, 257}) {
      std::stop_source stop;
      QVERIFY_EXCEPTION_THROWN(extract(p, stop.get_token(), [&](const Progress& now) {
                                 if (now.stage.starts_with("Extracting") && now.done >= until) stop.request_stop();
                               }), Cancelled);
      QVERIFY_EXCEPTION_THROWN(rowsOf(files ? p.out.string() : spec(p.workspace, 1)), Error);  // unfinished
    }
    const ExtractResult rest = extract(p);
    QCOMPARE(rest.alreadyDone, int64_t{512});
    QVERIFY(at::equal(rowsOf(specOf(rest)), expected));
    QCOMPARE(rest.failed.size(), size_t{1});
    QCOMPARE(rest.files.size(), files ? size_t{3} : size_t{0});
  }

  void refusesWhatMakesNoSense() {
    const QTemporaryDir dir;
    const auto fails = [&](const std::function<void(ExtractParams&)>& change) {
      ExtractParams p = params(kGolden / "images");
      p.workspace = folder(dir) / "a.sememe";
      change(p);
      QVERIFY_EXCEPTION_THROWN(extract(p), Error);
    };
    fails([](ExtractParams& p) { p.layer = 3; });
    fails([](ExtractParams& p) { p.layer = -1; });
    fails([](ExtractParams& p) { p.point = "somewhere"; });
    fails([](ExtractParams& p) { p.device = "cuda:77"; });
    fails([](ExtractParams& p) { p.device = "tpu"; });
    fails([](ExtractParams& p) { p.dtype = "f8"; });
    fails([](ExtractParams& p) { p.batch = 0; });
    fails([](ExtractParams& p) { p.out = "both"; });
    fails([](ExtractParams& p) { p.workspace.clear(); });
    fails([&](ExtractParams& p) { p.images = folder(dir) / "nowhere"; });
    fails([&](ExtractParams& p) { p.model = folder(dir) / "nowhere"; });
    fails([&](ExtractParams& p) {
      fs::create_directories(folder(dir) / "empty");
      p.images = folder(dir) / "empty";
    });
    fails([&](ExtractParams& p) {  // a workspace that is none
      writeTextFile(folder(dir) / "b.sememe", "something else entirely, long enough to be looked at as a header of a file");
      p.workspace = folder(dir) / "b.sememe";
    });
    for (const char* text : {"", "most", "random:", "random:0", "random:-3", "random:1x"})
      QVERIFY_EXCEPTION_THROWN(TokenSelection::parse(text), Error);
  }
};

QTEST_GUILESS_MAIN(ExtractTest)
#include "extract_test.moc"
