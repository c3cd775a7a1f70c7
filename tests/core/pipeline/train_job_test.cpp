// train() on workspaces: held-out images, MS while training, several SAEs in one pass, their list, and the way to Explore.
#include <torch/torch.h>

#include <QtTest>

#include <cmath>

#include "core/analysis/code_scores.h"
#include "core/analysis/monosemanticity.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/embed.h"
#include "core/pipeline/explore_sae.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/good_rows.h"
#include "core/pipeline/train.h"
#include "core/pipeline/train_presets.h"
#include "core/pipeline/trainings.h"
#include "core/sae/dictionary.h"
#include "core/store/workspace.h"
#include "tests/core/pipeline/pipeline_fixture.h"
#include "tests/support/failure.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

// A workspace of forty images (the eighth is broken): a run with one row an image, one with three, and embeddings.
struct Fixture {
  QTemporaryDir dir;
  fs::path workspace = folder(dir) / "a.sememe";
  std::string rows, manyRows, embeddings;

  Fixture() {
    ExtractParams p;
    p.model = kGolden / "clip";
    p.images = manyImages(folder(dir) / "images", 40);
    writeTextFile(p.images / "first/00007.ppm", "broken");
    p.layer = 1;
    p.dtype = "f32";
    p.workspace = workspace;
    rows = spec(extract(p).run);
    p.tokens = TokenSelection::parse("random:3");
    manyRows = spec(extract(p).run);
    EmbedParams e;
    e.model = p.model;
    e.images = p.images;
    e.workspace = workspace;
    embeddings = spec(embed(e).run);
  }
  std::string spec(int64_t run) const { return workspace.string() + "#" + std::to_string(run); }

  TrainJobParams job(const std::string& name) const {
    TrainJobParams p;
    p.activations = rows;
    p.type = "batch_topk";
    p.dictSize = 48;
    p.k = 4;
    p.batch = 16;
    p.steps = 30;
    p.warmup = 3;
    p.lr = 1e-3;
    p.out = trainingsFolder(workspace) / name;
    return p;
  }
};

}  // namespace

class TrainJobTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(1); }

  void holdsImagesOut() {
    const Fixture f;
    const auto all = GoodRows::open(f.manyRows);
    const auto train = GoodRows::open(f.manyRows, HoldOut::ofShare(0.25, false));
    const auto held = GoodRows::open(f.manyRows, HoldOut::ofShare(0.25, true));
    QCOMPARE(all->rows(), 39 * 3);
    // Of each four images the last; the broken one is the eighth.
    QVERIFY((held->images() == std::vector<int64_t>{3, 11, 15, 19, 23, 27, 31, 35, 39}));
    QCOMPARE(held->rows(), 27);
    QCOMPARE(train->rows() + held->rows(), all->rows());
    QVERIFY(train->fingerprint() != held->fingerprint() && train->fingerprint() != all->fingerprint());
    const std::vector<int64_t> images = all->images();
    const auto place = std::find(images.begin(), images.end(), 11) - images.begin();
    QVERIFY(at::equal(held->read(3, 3), all->read(place * 3, 3)));
    QCOMPARE(failure([&] { GoodRows::open(f.rows, HoldOut::ofShare(0.01, true)); }), static_cast<int>(ErrorCode::Invalid));
    QCOMPARE(failure([&] { HoldOut::ofShare(0.6, true); }), static_cast<int>(ErrorCode::Invalid));
  }

  void scoresLatentsWhileTraining_data() {
    QTest::addColumn<bool>("manyRows");
    QTest::newRow("a row an image") << false;
    QTest::newRow("three rows an image") << true;
  }

  void scoresLatentsWhileTraining() {
    QFETCH(bool, manyRows);
    const Fixture f;
    TrainJobParams p = f.job("scored");
    if (manyRows) p.activations = f.manyRows;
    p.holdOut = 0.5;
    p.embeddings = f.embeddings;
    p.validateEvery = 10;
    int validated = 0;
    p.onPoint = [&](const TrainingPoint& point) { validated += point.validation && point.validation->ms ? 1 : 0; };
    const TrainJobResult r = train(p);
    QCOMPARE(validated, 3);
    QVERIFY(r.validation && r.validation->ms);
    // The same from the dense definition.
    const auto held = GoodRows::open(p.activations, HoldOut::ofShare(0.5, true));
    const at::Tensor z = loadDictionary(r.dictionary)->encode(held->read(0, held->rows()));
    const at::Tensor perImage = z.view({-1, held->rowsPerImage(), z.size(1)}).mean(1).contiguous();
    const auto all = RowInput::open(f.embeddings);
    const at::Tensor e = all->read(0, all->rows()).index_select(0, at::tensor(held->images(), at::kLong));
    const auto scores = monosemanticity([&](int64_t begin, int64_t count) { return perImage.narrow(0, begin, count); }, z.size(1), MsEmbeddings(e));
    const MsStats expected = summarise(scores);
    QVERIFY(expected.scored > 5);
    QCOMPARE(r.validation->ms->scored, expected.scored);
    QVERIFY(std::abs(r.validation->ms->mean - expected.mean) < 1e-6);
    QVERIFY(std::abs(r.validation->ms->median - expected.median) < 1e-6);
    QVERIFY(std::abs(r.validation->ms->best - expected.best) < 1e-6);
  }

  void refusesWhatDoesNotFit() {
    const Fixture f;
    TrainJobParams p = f.job("bad");
    p.embeddings = f.embeddings;  // nothing to validate on
    QCOMPARE(failure([&] { train(p); }), static_cast<int>(ErrorCode::Invalid));
    p.holdOut = 0.5;
    p.embeddings = f.manyRows;  // not one for each image
    QCOMPARE(failure([&] { train(p); }), static_cast<int>(ErrorCode::Mismatch));
    p.embeddings.clear();
    p.validation = f.rows;
    QCOMPARE(failure([&] { train(p); }), static_cast<int>(ErrorCode::Invalid));
    p.holdOut = 0;
    writeTorchTensor(folder(f.dir) / "narrow.pt", at::randn({20, 31}));
    p.validation = (folder(f.dir) / "narrow.pt").string();
    QCOMPARE(failure([&] { train(p); }), static_cast<int>(ErrorCode::Mismatch));
    p.validation.clear();
    p.groupFractions = {0.5};
    p.type = "matryoshka_batch_topk";
    QCOMPARE(failure([&] { train(p); }), static_cast<int>(ErrorCode::Invalid));
    QVERIFY(!fs::exists(p.out));  // nothing was written
  }

  void trainsASweep() {
    const Fixture f;
    TrainSweepParams sweep{f.job("sweep"), {"topk", "standard"}, {2, 3}, {0.5, 1}};
    sweep.base.holdOut = 0.2;
    const std::vector<TrainJobParams> jobs = sweepJobs(sweep);
    std::vector<std::string> names;
    for (const TrainJobParams& job : jobs) names.push_back(job.out.filename().string());
    QVERIFY((names == std::vector<std::string>{"topk_2_x0.5", "topk_2_x1", "topk_3_x0.5", "topk_3_x1", "standard_x0.5", "standard_x1"}));
    const std::vector<TrainJobResult> results = trainTogether(jobs);
    for (size_t i = 0; i < jobs.size(); ++i) {
      QCOMPARE(results[i].dictSize, jobs[i].expansion == 1 ? 32 : 16);
      TrainJobParams alone = jobs[i];
      alone.out = folder(f.dir) / "alone" / names[i];
      QCOMPARE(train(alone).fingerprint, results[i].fingerprint);
    }
  }

  void listsTrainings() {
    const Fixture f;
    const fs::path trainings = trainingsFolder(f.workspace);
    QCOMPARE(trainings.filename().string(), std::string("a.trainings"));
    QVERIFY(listTrainings(trainings).empty());
    TrainJobParams p = f.job("first");
    p.holdOut = 0.3;
    p.seed = 1234567890123456789ULL;
    train(p);
    TrainJobParams stopped = f.job("second");
    stopped.saveEvery = 5;
    std::stop_source stop;
    stopped.onPoint = [&](const TrainingPoint& point) {
      if (point.step.step == 11) stop.request_stop();
    };
    QVERIFY_THROWS_EXCEPTION(Cancelled, train(stopped, stop.get_token()));
    fs::create_directories(trainings / "foreign");
    fs::create_directories(trainings / "broken");
    writeTextFile(trainings / "broken/job.json", "{}");
    for (const auto& [name, age] : {std::pair{"first", 3}, {"second", 2}, {"broken", 1}}) {
      fs::last_write_time(trainings / name / "job.json", fs::file_time_type::clock::now() - std::chrono::hours(age));
    }

    std::vector<TrainingRecord> records = listTrainings(trainings);
    QCOMPARE(records.size(), size_t{3});
    QVERIFY(records[0].problem.find("job.json") != std::string::npos);
    QVERIFY(records[1].problem.empty() && records[2].problem.empty());
    QCOMPARE(records[1].state, TrainingState::Resumable);
    QCOMPARE(records[1].stepsDone, 12);
    QCOMPARE(records[1].job.activations, f.rows);
    QCOMPARE(records[2].state, TrainingState::Finished);
    QCOMPARE(records[2].stepsDone, 30);
    QCOMPARE(records[2].job.holdOut, 0.3);
    QCOMPARE(records[2].job.seed, p.seed);
    QVERIFY(records[2].points.back().validation.has_value());

    // What the list says is enough to go on.
    TrainJobParams again = records[1].job;
    again.resume = true;
    const TrainJobResult resumed = train(again);
    TrainJobParams whole = f.job("whole");
    QCOMPARE(resumed.fingerprint, train(whole).fingerprint);
    records = listTrainings(trainings);
    QCOMPARE(records[2].state, TrainingState::Finished);
    QCOMPARE(records[2].folder.filename().string(), std::string("second"));  // still as old as its start

    writeTextFile(trainings / "second/notes.txt", "mine");
    removeTraining(trainings / "second");
    removeTraining(trainings / "first");
    QVERIFY(fs::exists(trainings / "second/notes.txt") && !fs::exists(trainings / "first"));
    QCOMPARE(listTrainings(trainings).size(), size_t{2});
  }

  void leadsToExplore_data() {
    QTest::addColumn<bool>("manyRows");
    QTest::newRow("a row an image") << false;
    QTest::newRow("three rows an image") << true;
  }

  void leadsToExplore() {
    QFETCH(bool, manyRows);
    const Fixture f;
    TrainJobParams p = f.job("to explore");
    if (manyRows) p.activations = f.manyRows;
    const TrainJobResult trained = train(p);
    const ExploreSaeResult r = exploreSae({p.activations, trained.dictionary, "cpu", "mine"});
    QCOMPARE(r.neurons, 48);
    QCOMPARE(r.scoreSets, 1);
    Workspace workspace = Workspace::open(f.workspace, OpenMode::ReadOnly);
    const RunInfo run = workspace.runs().get(r.run);
    QCOMPARE(run.name, std::string("mine"));
    QVERIFY(run.indexed);
    QCOMPARE(run.saeFingerprint, trained.fingerprint);
    QCOMPARE(workspace.neurons().scoreSets(r.run).size(), size_t{1});
    QCOMPARE(exploreSae({p.activations, trained.dictionary, "cpu", "mine"}).run, r.run);  // nothing is done twice
    QVERIFY_EXCEPTION_THROWN(exploreSae({f.spec(r.run), trained.dictionary, "cpu", ""}), Error);
  }

  void knowsThePapersPresets() {
    TrainJobParams p;
    trainPreset("paper-hierarchy").apply(p);
    QCOMPARE(p.type, std::string("matryoshka_batch_topk"));
    QVERIFY((p.groupFractions == std::vector<double>{0.002, 0.009, 0.035, 0.189, 0.765}));
    QCOMPARE(p.expansion, 2.0);
    for (const TrainPreset& preset : trainPresets()) {
      preset.apply(p);
      QCOMPARE(p.k, 20);
      QCOMPARE(p.auxkAlpha, 0.03);
      QCOMPARE(p.batch, 4096);
      QCOMPARE(p.steps, 110'000);
      QCOMPARE(p.decayStart, 109'999);
      QVERIFY(&trainPreset(preset.name) == &preset);
    }
    QVERIFY_EXCEPTION_THROWN(trainPreset("mine"), Error);
  }
};

QTEST_GUILESS_MAIN(TrainJobTest)
#include "train_job_test.moc"
