// Data sets, images, thumbnails and runs.
#include "core/store/runs.h"

#include <QTest>

#include "tests/core/store/store_test_support.h"

using namespace sememe;

namespace {

std::vector<ImageRecord> threeImages() {
  std::vector<ImageRecord> images(3);
  images[0].path = "cat/a.jpg";
  images[1].path = "cat/b.jpg";
  images[2].path = "dog/ü.png";
  images[0].classIndex = images[1].classIndex = 0;
  images[2].classIndex = 1;
  return images;
}

int64_t addDataset(Workspace& workspace, const std::string& fingerprint = "f1") {
  return workspace.datasets().ensure(
      {.name = "pets", .root = "/data/pets", .split = "val", .fingerprint = fingerprint},
      {{"cat", ""}, {"dog", "a dog"}}, threeImages());
}

}  // namespace

class RunsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void aDatasetComesBack() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Datasets& datasets = workspace.datasets();
    const int64_t id = addDataset(workspace);
    QCOMPARE(addDataset(workspace), id);
    QVERIFY(addDataset(workspace, "f2") != id);
    QCOMPARE(datasets.list().size(), size_t(2));

    const DatasetInfo info = datasets.get(id);
    QCOMPARE(info.name, std::string("pets"));
    QCOMPARE(info.split, std::string("val"));
    QCOMPARE(info.images, 3);
    QVERIFY(info.created > 1'500'000'000);
    QCOMPARE(datasets.find("f1")->id, id);
    QVERIFY(!datasets.find("f3"));
    QCOMPARE(datasets.classes(id).size(), size_t(2));
    QCOMPARE(datasets.classes(id)[1].label, std::string("a dog"));
    datasets.setClassLabel(id, 0, "a cat");
    QCOMPARE(datasets.classes(id)[0].label, std::string("a cat"));

    QCOMPARE(datasets.image(id, 2).path, std::string("dog/ü.png"));
    QCOMPARE(datasets.image(id, 2).classIndex, 1);
    QCOMPARE(datasets.imageFile(id, 0).string(), std::string("/data/pets/cat/a.jpg"));
    const auto some = datasets.images(id, 1, 100);
    QCOMPARE(some.size(), size_t(2));
    QCOMPARE(some[0].image, 1);

    datasets.ensure({.name = "pets", .root = "/moved", .split = "val", .fingerprint = "f1"},
                    {{"cat", ""}, {"dog", ""}}, threeImages());
    QCOMPARE(datasets.get(id).root, std::string("/moved"));
    QCOMPARE(datasets.classes(id)[0].label, std::string("a cat"));
  }

  void imagesKeepWhatBecameOfThem() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Datasets& datasets = workspace.datasets();
    const int64_t id = addDataset(workspace);
    QVERIFY(datasets.image(id, 0).status == ImageStatus::Unseen);
    datasets.setOk(id, 0, 640, 480);
    datasets.setFailed(id, 1, "cut short");
    QVERIFY(datasets.image(id, 0).status == ImageStatus::Ok);
    QCOMPARE(datasets.image(id, 0).width, 640);
    QCOMPARE(datasets.failed(id).size(), size_t(1));
    QCOMPARE(datasets.failed(id)[0].reason, std::string("cut short"));
    datasets.setOk(id, 1, 2, 3);
    QVERIFY(datasets.failed(id).empty());

    const std::vector<uint8_t> first = {1, 2, 3}, third = {9};
    datasets.setThumbnail(id, 0, std::vector<uint8_t>{7, 7});
    datasets.setThumbnail(id, 0, first);
    datasets.setThumbnail(id, 2, third);
    QCOMPARE(datasets.thumbnailCount(id), 2);
    QVERIFY(datasets.thumbnail(id, 0) == first);
    QVERIFY(datasets.thumbnail(id, 1).empty());
    const std::vector<int64_t> asked = {2, 1, 0, 55};
    const auto thumbnails = datasets.thumbnails(id, asked);
    QCOMPARE(thumbnails.size(), size_t(2));
    QCOMPARE(thumbnails[0].image, 2);
    QVERIFY(thumbnails[1].jpeg == first);
  }

  void wrongDatasetsAreRefused() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Datasets& datasets = workspace.datasets();
    const int64_t id = addDataset(workspace);
    std::vector<ImageRecord> images = threeImages();
    images[1].classIndex = 2;
    QCOMPARE(unexpected(
                 ErrorCode::Invalid, "class 2 of image 1",
                 [&] { datasets.ensure({.name = "x", .fingerprint = "x"}, {{"a", ""}, {"b", ""}}, images); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "fingerprint", [&] { datasets.ensure({}, {}, {}); }), QString());
    QCOMPARE(unexpected(ErrorCode::Mismatch, "3 images",
                        [&] { datasets.ensure({.name = "pets", .fingerprint = "f1"}, {}, {}); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "data set 77", [&] { datasets.get(77); }), QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "image 3", [&] { datasets.image(id, 3); }), QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "image 3", [&] { datasets.setOk(id, 3, 1, 1); }), QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "image -1", [&] { datasets.setFailed(id, -1, ""); }).isEmpty(),
             false);
    QCOMPARE(unexpected(ErrorCode::NotFound, "image 9",
                        [&] { datasets.setThumbnail(id, 9, std::vector<uint8_t>{1}); }),
             QString());
    QCOMPARE(unexpected(ErrorCode::NotFound, "class 5", [&] { datasets.setClassLabel(id, 5, "x"); }),
             QString());
    QCOMPARE(datasets.list().size(), size_t(1));
  }

  void aDatasetInUseStays() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t id = addDataset(workspace);
    workspace.datasets().setThumbnail(id, 0, std::vector<uint8_t>{1});
    RunInfo info = denseRun("rows", 3, 4);
    info.dataset = id;
    const int64_t run = workspace.runs().ensure(info).id;
    QCOMPARE(unexpected(ErrorCode::Invalid, "rows", [&] { workspace.datasets().remove(id); }), QString());
    workspace.runs().remove(run);
    workspace.datasets().remove(id);
    QVERIFY(workspace.datasets().list().empty());
    for (const char* table : {"images", "classes", "thumbnails"}) {
      QCOMPARE(workspace.database().queryInt(std::string("SELECT count(*) FROM ") + table), 0);
    }
  }

  void aRunComesBack() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    RunInfo info = latentRun("key 1", 12, 1024);
    info.dataset = addDataset(workspace);
    info.name = "SAE of layer 22";
    info.modelName = "clip";
    info.modelPath = "/models/clip";
    info.modelFingerprint = "abc";
    info.saePath = "/saes/ae.pt";
    info.saeType = "matryoshka_batch_topk";
    info.saeDim = 128;
    info.saeK = 5;
    info.point = "post_mlp_residual";
    info.layer = 22;
    info.tokens = "random:4";
    info.rowsPerImage = 4;
    info.params = "{\"batch\":32}";
    const RunInfo made = workspace.runs().ensure(info);
    const RunInfo read = Workspace::open(folder.file("a.sememe"), OpenMode::ReadOnly).runs().get(made.id);
    QCOMPARE(read.key, info.key);
    QCOMPARE(read.name, info.name);
    QVERIFY(read.kind == RunKind::Latents && read.rowType == RowType::F32 && read.state == RunState::Partial);
    QCOMPARE(read.dataset, info.dataset);
    QCOMPARE(read.modelName, info.modelName);
    QCOMPARE(read.modelPath, info.modelPath);
    QCOMPARE(read.modelFingerprint, info.modelFingerprint);
    QCOMPARE(read.saePath, info.saePath);
    QCOMPARE(read.saeType, info.saeType);
    QCOMPARE(read.saeFingerprint, info.saeFingerprint);
    QCOMPARE(read.saeDim, 128);
    QCOMPARE(read.saeSize, 1024);
    QCOMPARE(read.saeK, 5);
    QCOMPARE(read.point, info.point);
    QCOMPARE(read.layer, 22);
    QCOMPARE(read.tokens, info.tokens);
    QCOMPARE(read.rows, 12);
    QCOMPARE(read.dim, 1024);
    QCOMPARE(read.rowsPerImage, 4);
    QCOMPARE(read.params, info.params);
    QCOMPARE(read.rowsDone, 0);
    QVERIFY(!read.indexed && read.created > 1'500'000'000);

    QCOMPARE(workspace.runs().ensure(info).id, made.id);  // gone on with
    info.dim = 1025;
    QCOMPARE(unexpected(ErrorCode::Mismatch, "12 x 1024", [&] { workspace.runs().ensure(info); }), QString());
  }

  void runsAreListedRenamedAndRemoved() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    Runs& runs = workspace.runs();
    const int64_t dense = runs.ensure(denseRun("a", 2, 2)).id;
    const int64_t latent = emptyLatents(workspace, latentRun("b", 2, 2));
    QCOMPARE(runs.list().size(), size_t(2));
    QCOMPARE(runs.list(RunKind::Latents).front().id, latent);
    QVERIFY(runs.explorable().empty());
    runs.rename(dense, "new name");
    QCOMPARE(runs.get(dense).name, std::string("new name"));
    workspace.activations().appendRows(dense, 0, 2, std::vector<float>(4));
    runs.remove(dense);
    QVERIFY(!runs.find("a"));
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM dense_blocks"), 0);
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM sparse_blocks"), 1);
    for (const auto& work : std::vector<std::function<void()>>{
             [&] { runs.get(dense); }, [&] { runs.remove(dense); }, [&] { runs.rename(dense, ""); },
             [&] { runs.setComplete(dense); }}) {
      QCOMPARE(unexpected(ErrorCode::NotFound, "run " + std::to_string(dense), work), QString());
    }
  }

  void aRunIsCompleteWithAllItsRows() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = workspace.runs().ensure(denseRun("a", 3, 1)).id;
    workspace.activations().appendRows(run, 0, 2, std::vector<float>(2));
    QCOMPARE(unexpected(ErrorCode::Mismatch, "2 of its 3", [&] { workspace.runs().setComplete(run); }),
             QString());
    workspace.activations().appendRows(run, 2, 1, std::vector<float>(1));
    workspace.runs().setComplete(run);
    QVERIFY(workspace.runs().get(run).state == RunState::Complete);
  }

  void failedImagesAreKeptByRun() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    RunInfo info = denseRun("a", 6, 1);
    info.rowsPerImage = 2;
    const int64_t run = workspace.runs().ensure(info).id;
    workspace.runs().addFailure(run, 2, "grey noise");
    workspace.runs().addFailure(run, 0, "old");
    workspace.runs().addFailure(run, 0, "not there");
    const auto failures = workspace.runs().failures(run);
    QCOMPARE(failures.size(), size_t(2));
    QCOMPARE(failures[0].image, 0);
    QCOMPARE(failures[0].reason, std::string("not there"));
    QCOMPARE(unexpected(ErrorCode::Invalid, "3", [&] { workspace.runs().addFailure(run, 3, ""); }),
             QString());
  }

  void absurdShapesAreRefused() {
    ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const auto refused = [&](const RunInfo& info) {
      return unexpected(ErrorCode::Invalid, "a run", [&] { workspace.runs().ensure(info); });
    };
    QCOMPARE(refused(denseRun("", 1, 1)), QString());
    QCOMPARE(refused(denseRun("k", 1, 0)), QString());
    QCOMPARE(refused(denseRun("k", 1, int64_t(1) << 40)), QString());
    QCOMPARE(refused(denseRun("k", -1, 1)), QString());
    QCOMPARE(refused(denseRun("k", int64_t(1) << 33, 1)), QString());
    RunInfo uneven = denseRun("k", 7, 1);
    uneven.rowsPerImage = 2;
    QCOMPARE(refused(uneven), QString());
    RunInfo orphan = denseRun("k", 7, 1);
    orphan.dataset = 99;
    QCOMPARE(unexpected(ErrorCode::Invalid, "FOREIGN KEY", [&] { workspace.runs().ensure(orphan); }),
             QString());

    const int64_t run = workspace.runs().ensure(denseRun("k", 7, 1)).id;
    workspace.database().execute("UPDATE runs SET dim = -5");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "table runs", [&] { workspace.runs().get(run); }), QString());
  }

  void namesOfKindsAndTypes() {
    QCOMPARE(std::string(runKindName(RunKind::Embeddings)), std::string("embeddings"));
    for (const RowType type : {RowType::F16, RowType::BF16, RowType::F32}) {
      QVERIFY(parseRowType(rowTypeName(type)) == type);
    }
    QCOMPARE(unexpected(ErrorCode::Invalid, "f64", [] { parseRowType("f64"); }), QString());
  }
};

QTEST_GUILESS_MAIN(RunsTest)
#include "store_runs_test.moc"
