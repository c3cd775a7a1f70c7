// Steering scores in a workspace, and workspaces from before there were any.
#include <QTest>
#include <cmath>

#include "core/store/schema.h"
#include "tests/core/store/store_test_support.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const double kNan = std::nan("");

SteeringScoreSet scoreSet(int64_t run, const std::string& key) {
  SteeringScoreSet set;
  set.run = run;
  set.key = key;
  set.test = SteeringTest::Suppressed;
  set.value = -20;
  set.preZero = true;
  set.question = "What is shown?";
  set.model = "llava";
  set.words = "clip";
  set.tap = "22_post_mlp_residual";
  set.images = 40;
  set.failed = 2;
  set.score = {0.31, 0.05};
  set.before = {0.22, kNan};
  set.control = 0.2;
  return set;
}

const std::vector<SteeredNeuron> kNeurons = {{7, kNan, 0.5, 0.25, kNan, "red", 3, 4}, {2, 0.75, kNan, kNan, kNan, "", 0, 0}};

}  // namespace

class SteeringScoresTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void keepsWhatWasSaved() {
    const ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("latents", 10, 8));
    SteeringScores& scores = workspace.steeringScores();
    QVERIFY(scores.list().empty());
    const int64_t id = scores.save(scoreSet(run, "k"), kNeurons);
    const std::vector<SteeringScoreSet> sets = scores.list();
    QCOMPARE(sets.size(), size_t(1));
    const SteeringScoreSet& s = sets[0];
    QCOMPARE(s.id, id);
    QCOMPARE(s.run, run);
    QCOMPARE(s.key, std::string("k"));
    QVERIFY(s.test == SteeringTest::Suppressed && s.value == -20 && s.preZero);
    QCOMPARE(s.question, std::string("What is shown?"));
    QCOMPARE(s.model + s.words + s.tap, std::string("llavaclip22_post_mlp_residual"));
    QVERIFY(s.images == 40 && s.failed == 2 && s.neurons == 2);
    QVERIFY(s.score.mean == 0.31 && s.score.deviation == 0.05 && s.before.mean == 0.22 && std::isnan(s.before.deviation) && s.control == 0.2);
    QVERIFY(s.created > 1'700'000'000);
    workspace.neurons().setLabel(run, 7, "a red thing", "");
    const std::vector<SteeredNeuron> neurons = scores.neurons(id);
    QCOMPARE(neurons[1].neuronLabel, std::string("a red thing"));
    QVERIFY(neurons[0].neuronLabel.empty());
    QCOMPARE(neurons.size(), size_t(2));
    QVERIFY(neurons[0].neuron == 2 && neurons[0].ms == 0.75 && std::isnan(neurons[0].score) && neurons[0].images == 0);
    QVERIFY(neurons[1].neuron == 7 && std::isnan(neurons[1].ms) && neurons[1].before == 0.25 && std::isnan(neurons[1].control));
    QVERIFY(neurons[1].label == "red" && neurons[1].labelled == 3 && neurons[1].images == 4);
  }

  void oneOfAKeyInEachRun() {
    const ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("latents", 10, 8)), other = emptyLatents(workspace, latentRun("others", 10, 8));
    SteeringScores& scores = workspace.steeringScores();
    const int64_t first = scores.save(scoreSet(run, "k"), kNeurons);
    scores.save(scoreSet(run, "l"), kNeurons);
    scores.save(scoreSet(other, "k"), kNeurons);
    const int64_t again = scores.save(scoreSet(run, "k"), {kNeurons[0]});
    QVERIFY(again != first);
    QCOMPARE(scores.list().size(), size_t(3));
    QCOMPARE(scores.list()[0].id, again);
    QCOMPARE(scores.neurons(again).size(), size_t(1));
    QCOMPARE(unexpected(ErrorCode::NotFound, "steering scores " + std::to_string(first), [&] { scores.neurons(first); }), QString());
    workspace.runs().remove(run);
    QCOMPARE(scores.list().size(), size_t(1));
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM steered_neurons"), 2);
    scores.remove(scores.list()[0].id);
    QVERIFY(scores.list().empty());
    QCOMPARE(workspace.database().queryInt("SELECT count(*) FROM steered_neurons"), 0);
    QCOMPARE(unexpected(ErrorCode::NotFound, "no such", [&] { scores.remove(again); }), QString());
  }

  void refusesWhatBelongsNowhere() {
    const ScratchFolder folder;
    Workspace workspace = Workspace::open(folder.file("a.sememe"), OpenMode::Create);
    const int64_t run = emptyLatents(workspace, latentRun("latents", 10, 8));
    SteeringScores& scores = workspace.steeringScores();
    QCOMPARE(unexpected(ErrorCode::NotFound, "no such run", [&] { scores.save(scoreSet(run + 1, "k"), kNeurons); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "key", [&] { scores.save(scoreSet(run, ""), kNeurons); }), QString());
    QCOMPARE(unexpected(ErrorCode::Invalid, "neuron", [&] { scores.save(scoreSet(run, "k"), {}); }), QString());
    QVERIFY(scores.list().empty());
    scores.save(scoreSet(run, "k"), kNeurons);
    workspace.database().execute("UPDATE steering_sets SET test = 9");
    QCOMPARE(unexpected(ErrorCode::Corrupt, "steering scores 1", [&] { scores.list(); }), QString());
  }

  void readsOlderWorkspaces() {
    const ScratchFolder folder;
    const fs::path path = folder.file("a.sememe");
    int64_t run = 0;
    {
      Workspace workspace = Workspace::open(path, OpenMode::Create);
      run = emptyLatents(workspace, latentRun("latents", 10, 8));
      workspace.presets().save("sae of latents", "a", "{}");
    }
    {
      Database database(path, OpenMode::ReadWrite);
      database.execute("DROP TABLE steered_neurons; DROP TABLE steering_sets; PRAGMA user_version = 2");
    }
    {
      Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
      QVERIFY(workspace.steeringScores().list().empty());
      QCOMPARE(unexpected(ErrorCode::NotFound, "no such", [&] { workspace.steeringScores().neurons(1); }), QString());
    }
    Workspace workspace = Workspace::open(path, OpenMode::ReadWrite);
    QCOMPARE(workspace.database().queryInt("PRAGMA user_version"), int64_t(kSchemaVersion));
    QCOMPARE(workspace.presets().list("sae of latents").size(), size_t(1));
    workspace.steeringScores().save(scoreSet(run, "k"), kNeurons);
    QCOMPARE(workspace.steeringScores().list().size(), size_t(1));
  }
};

QTEST_GUILESS_MAIN(SteeringScoresTest)
#include "store_steering_scores_test.moc"
