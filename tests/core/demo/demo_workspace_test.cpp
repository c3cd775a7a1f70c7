// The demo holds what the program promises: its most monosemantic neurons are about one thing, by the ground
// truth.
#include "core/demo/demo_workspace.h"

#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/demo/agreement.h"
#include "core/demo/world.h"
#include "core/store/workspace.h"

using namespace sememe;
namespace fs = std::filesystem;

class DemoWorkspaceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void countsWhatScenesShare();
  void needsTheModels();
  void holdsScoresUnderTwoEncoders();
  void bestNeuronsAreAboutOneThing();
  void latentsCoverMoreThanRawNeurons();
  void dictionariesBeatRawNeurons();
  void labelsSayWhatImagesShare();
  void secondCallDoesNothing();

 private:
  DemoParams params() const;
  // The scenes of a neuron's strongest images.
  std::vector<const Scene*> scenesOf(int64_t run, int64_t neuron) const;
  double meanMs(const std::string& name, size_t encoder) const;
  // The attributes that at least 15 of the 16 strongest images of some neuron share.
  std::set<std::string> labelWords(const DemoRun& run) const;

  QTemporaryDir m_dir;
  DemoResult m_demo;
  std::vector<WorldRow> m_rows;
  std::map<std::string, const Scene*> m_byPath;
  std::optional<Workspace> m_workspace;
};

DemoParams DemoWorkspaceTest::params() const {
  DemoParams p;
  p.out = fs::path(m_dir.path().toStdString()) / "demo";
  p.resources = DEMO_RESOURCES;
  p.images = 1500;
  p.device = "cpu";
  return p;
}

std::vector<const Scene*> DemoWorkspaceTest::scenesOf(int64_t run, int64_t neuron) const {
  std::vector<const Scene*> scenes;
  const int64_t dataset = m_workspace->runs().get(run).dataset;
  for (const TopImage& top : m_workspace->neurons().detail(run, neuron).top) {
    scenes.push_back(m_byPath.at(m_workspace->datasets().image(dataset, top.image).path));
  }
  return scenes;
}

double DemoWorkspaceTest::meanMs(const std::string& name, size_t encoder) const {
  for (const DemoRun& run : m_demo.runs) {
    if (run.name == name) return m_workspace->neurons().scoreSets(run.run).at(encoder).mean;
  }
  return std::nan("");
}

std::set<std::string> DemoWorkspaceTest::labelWords(const DemoRun& run) const {
  std::set<std::string> words;
  for (int64_t neuron = 0; neuron < run.neurons; ++neuron) {
    const std::vector<const Scene*> scenes = scenesOf(run.run, neuron);
    if (scenes.size() < kTopImages) continue;
    for (const SharedAttribute& shared : sharedAttributes(scenes)) {
      if (shared.images >= 15) words.insert(shared.word);
    }
  }
  return words;
}

void DemoWorkspaceTest::initTestCase() {
  m_demo = makeDemoWorkspace(params(), {}, {});
  QVERIFY(m_demo.made);
  m_rows = readWorld(m_demo.world);
  for (const WorldRow& row : m_rows) m_byPath[row.path] = &row.scene;
  m_workspace.emplace(Workspace::open(m_demo.workspace, OpenMode::ReadWrite));
}

void DemoWorkspaceTest::countsWhatScenesShare() {
  SceneObject star;
  star.shape = 3;
  star.colour = 0;
  star.texture = 1;
  Scene a{2, {star}, 0, 0}, b = a, c = a;
  c.background = 4;
  c.objects[0].colour = 5;
  SceneObject red;
  red.colour = 0;
  red.shape = 7;
  c.objects.push_back(red);  // red, but no star
  const std::vector<SharedAttribute> shared = sharedAttributes({&a, &b, &c});
  QCOMPARE(shared.size(), size_t{4});
  QCOMPARE(shared[0].word, std::string("red"));
  QCOMPARE(shared[0].images, 3);
  QCOMPARE(shared[3].word, std::string("gray background"));
  QCOMPARE(shared[3].images, 2);
  QCOMPARE(sharedLabel({&a, &b, &c}, 3), std::string("red striped star"));
  QCOMPARE(sharedLabel({}, 1), std::string());
}

void DemoWorkspaceTest::needsTheModels() {
  DemoParams p = params();
  p.resources = m_dir.path().toStdString();
  bool refused = false;
  try {
    makeDemoWorkspace(p, {}, {});
  } catch (const Error& e) {
    refused = e.code() == ErrorCode::NotFound;
  }
  QVERIFY(refused);
}

void DemoWorkspaceTest::holdsScoresUnderTwoEncoders() {
  QCOMPARE(m_demo.runs.size(), size_t{4});
  for (const DemoRun& run : m_demo.runs) {
    const std::vector<ScoreSet> sets = m_workspace->neurons().scoreSets(run.run);
    QCOMPARE(sets.size(), size_t{2});
    for (const ScoreSet& set : sets) QVERIFY(set.mean > 0 && set.mean < 1);
  }
  const RunInfo first = m_workspace->runs().get(m_demo.runs[0].run);
  QCOMPARE(first.indexedImages, 1500);
  QCOMPARE(m_workspace->datasets().thumbnailCount(first.dataset), 1500);
}

void DemoWorkspaceTest::bestNeuronsAreAboutOneThing() {
  NeuronQuery query;
  query.run = m_demo.runs[0].run;
  const std::vector<ScoreSet> sets = m_workspace->neurons().scoreSets(query.run);
  for (const ScoreSet& set : sets) {
    query.embeddings = set.embeddings;
    query.rateMin = rateOfFullTop(1500);
    int pure = 0;
    const std::vector<NeuronRow> best = m_workspace->neurons().page(query, std::nullopt, 20);
    QCOMPARE(best.size(), size_t{20});
    for (const NeuronRow& row : best)
      pure += sharedLabel(scenesOf(query.run, row.neuron), 15).empty() ? 0 : 1;
    qInfo("%s: of the 20 neurons of highest MS, %d are about one thing; best MS %.3f", set.encoder.c_str(),
          pure, best[0].ms);
    QVERIFY2(pure > 10, set.encoder.c_str());
  }
}

// How many shapes, colours, textures and backgrounds have a neuron of their own: more than among the raw neurons.
void DemoWorkspaceTest::latentsCoverMoreThanRawNeurons() {
  std::set<std::string> latents = labelWords(m_demo.runs[0]), raw;
  for (const DemoRun& run : m_demo.runs) {
    if (run.name == "CLIP layer 2, patches: raw neurons") raw = labelWords(run);
  }
  qInfo("attributes with a neuron: %d of the latents, %d of the raw neurons", int(latents.size()), int(raw.size()));
  QVERIFY(latents.size() >= 25);
  QVERIFY(latents.size() > 1.5 * double(raw.size()));
}

void DemoWorkspaceTest::dictionariesBeatRawNeurons() {
  for (const size_t encoder : {0, 1}) {
    const double patchSae = meanMs("CLIP layer 2, patches: SAE", encoder);
    const double patchRaw = meanMs("CLIP layer 2, patches: raw neurons", encoder);
    const double imageSae = meanMs("CLIP image embedding: SAE", encoder);
    const double imageRaw = meanMs("CLIP image embedding: raw neurons", encoder);
    qInfo("mean MS, encoder %d: patches %.3f (raw %.3f), image embedding %.3f (raw %.3f)", int(encoder),
          patchSae, patchRaw, imageSae, imageRaw);
    QVERIFY(patchSae > patchRaw);
    QVERIFY(imageSae > imageRaw);
  }
}

void DemoWorkspaceTest::labelsSayWhatImagesShare() {
  NeuronQuery query;
  query.run = m_demo.runs[0].run;
  query.sort = NeuronQuery::Sort::Label;
  query.descending = false;
  int labelled = 0;
  for (const NeuronRow& row : m_workspace->neurons().page(query, std::nullopt, 2000)) {
    if (row.label.empty()) continue;
    ++labelled;
    QCOMPARE(row.label, sharedLabel(scenesOf(query.run, row.neuron), 15));
    QVERIFY(m_workspace->neurons().detail(query.run, row.neuron).notes.starts_with("Automatic"));
  }
  QVERIFY2(labelled >= 20, std::to_string(labelled).c_str());
}

void DemoWorkspaceTest::secondCallDoesNothing() {
  m_workspace->neurons().setLabel(m_demo.runs[0].run, 0, "mine", "");
  const DemoResult again = makeDemoWorkspace(params(), {}, {});
  QVERIFY(!again.made);
  QCOMPARE(again.runs.size(), m_demo.runs.size());
  QCOMPARE(again.runs[0].run, m_demo.runs[0].run);
  QCOMPARE(again.runs[0].meanMs, m_demo.runs[0].meanMs);
  // Made anew over what is there (as after a kill at the end), nothing is lost.
  fs::remove(params().out / "demo.json");
  const DemoResult taken = makeDemoWorkspace(params(), {}, {});
  QVERIFY(taken.made);
  QCOMPARE(taken.runs.size(), m_demo.runs.size());
  QCOMPARE(m_workspace->neurons().detail(m_demo.runs[0].run, 0).row.label, std::string("mine"));
}

QTEST_GUILESS_MAIN(DemoWorkspaceTest)
#include "demo_workspace_test.moc"
