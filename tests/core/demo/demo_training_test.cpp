// The demo's training: captions tell the truth, targets fit the drawing, and a stopped training goes on
// exactly.
#include <torch/torch.h>

#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/demo/llava_tokenizer.h"
#include "core/demo/neuron_concepts.h"
#include "core/demo/questions.h"
#include "core/demo/train_parts.h"
#include "core/demo/training.h"
#include "core/demo/vocabulary.h"
#include "core/models/clip.h"
#include "core/models/llava.h"
#include "core/text/tokenizer.h"

using namespace sememe;

class DemoTrainingTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void captionsAreTrue();
  void captionsTellApart();
  void batchesFollowTheCurriculum();
  void patchTargetsFitTheDrawing();
  void goesOnExactly();
  void startsFromPrincipalPatches();
  void questionsAreAnsweredTruly();
  void neuronsStandForWhatTheyRiseOn();
  void trainsLlava();

 private:
  TrainingScenes m_scenes;
};

void DemoTrainingTest::initTestCase() {
  at::set_num_threads(1);
  m_scenes = drawTrainingScenes(400, 21, {}, {});
  QCOMPARE(m_scenes.size(), 400);
}

void DemoTrainingTest::captionsAreTrue() {
  const DemoVocabulary vocabulary;
  WorldRandom random(1);
  for (const SceneLabels& scene : m_scenes.labels) {
    for (int i = 0; i < 10; ++i) {
      const SceneCaption caption = sampleCaption(scene, random);
      QVERIFY2(isTrueOf(caption, scene), caption.text.c_str());
      QVERIFY(vocabulary.encode(caption.text).size() <= 24);
    }
  }
  QCOMPARE(fullCaption(m_scenes.labels[0]).text, caption(sceneAt(21, 0)));
}

void DemoTrainingTest::captionsTellApart() {
  SceneLabels star;
  star.background = 3;
  star.objects[0] = {3, 0, 1};
  SceneLabels both = star;
  both.objects[1] = {4, 2, 0};
  SceneLabels other = star;
  other.background = 4;
  QVERIFY(isTrueOf(fullCaption(star), both));
  QVERIFY(!isTrueOf(fullCaption(both), star));
  QVERIFY(!isTrueOf(fullCaption(star), other));
  // "a red star" is true of a red striped star; "a red solid thing" is not.
  QVERIFY(isTrueOf({-1, {{3, 0, -1}}, {}}, star));
  QVERIFY(!isTrueOf({-1, {{-1, 0, 0}}, {}}, star));

  setAttribute(both, WorldAttribute::Shape, 7);
  setAttribute(both, WorldAttribute::Background, 5);
  QCOMPARE(attributeOf(both, WorldAttribute::Shape), 7);
  QCOMPARE(attributeOf(both, WorldAttribute::Shape, 1), 7);
  QCOMPARE(both.background, 5);
  setAttribute(star, WorldAttribute::Colour, 8);
  QCOMPARE(star.objects, (std::array<ObjectLabels, 2>{{{3, 8, 1}, {-1, -1, -1}}}));
}

void DemoTrainingTest::batchesFollowTheCurriculum() {
  WorldRandom random(2);
  const BatchSampler sampler(m_scenes, 32, 10);
  for (const int64_t i : sampler.next(0, random)) QVERIFY(m_scenes.labels[static_cast<size_t>(i)].easy);
  std::set<int> colours;
  for (const int64_t i : sampler.next(10, random))
    colours.insert(m_scenes.labels[static_cast<size_t>(i)].objects[0][1]);
  QVERIFY(colours.size() <= 2);
  QCOMPARE(sampler.next(11, random).size(), size_t{32});
}

void DemoTrainingTest::patchTargetsFitTheDrawing() {
  const PatchTargets targets = patchTargets(m_scenes.labels, m_scenes.owner);
  const at::Tensor covered = m_scenes.owner >= 0;
  QVERIFY(at::equal(targets.covered > 0, covered));
  QVERIFY(at::equal(targets.shape >= 0, covered));
  QVERIFY(at::equal(targets.background >= 0, covered.logical_not()));
  // Around an object's own centre the patches of each image cancel out.
  const at::Tensor sum = targets.place.narrow(2, 0, 2).sum(1);
  QVERIFY(sum.abs().max().item<double>() < 1e-3);
  WorldRandom random(3);
  const TrainingBatch batch = takeBatch(m_scenes, {0, 1, 2}, random);
  QCOMPARE(batch.labels.size(), size_t{3});
  QVERIFY(batch.owner.sizes() == at::IntArrayRef({3, 64}));
}

void DemoTrainingTest::goesOnExactly() {
  const QTemporaryDir dir;
  const std::filesystem::path file = dir.path().toStdString() + "/state";
  const auto make = [] {
    torch::manual_seed(5);
    return torch::nn::Sequential(torch::nn::Linear(6, 8), torch::nn::Tanh(), torch::nn::Linear(8, 1));
  };
  const auto advance = [](torch::nn::Sequential& model, TrainingLoop& loop, int64_t until) {
    while (loop.step() < until) {
      at::Tensor x = at::empty({4, 6});
      for (int64_t i = 0; i < x.numel(); ++i)
        x.data_ptr<float>()[i] = static_cast<float>(loop.random().normal(0, 1));
      loop.update((model->forward(x) - x.sum(1, true)).pow(2).mean());
    }
  };
  const ScheduleParams schedule{.steps = 20, .warmup = 3};
  torch::nn::Sequential straight = make();
  TrainingLoop whole({straight.ptr()}, schedule, WorldRandom(9));
  QVERIFY(!whole.load(file));
  advance(straight, whole, 20);
  QVERIFY(whole.done());

  torch::nn::Sequential first = make();
  {
    TrainingLoop loop({first.ptr()}, schedule, WorldRandom(9));
    advance(first, loop, 8);
    loop.save(file);
  }
  torch::nn::Sequential second = make();
  TrainingLoop loop({second.ptr()}, schedule, WorldRandom(1));
  QVERIFY(loop.load(file));
  QCOMPARE(loop.step(), 8);
  advance(second, loop, 20);
  for (size_t i = 0; i < straight->parameters().size(); ++i)
    QVERIFY(at::equal(straight->parameters()[i], second->parameters()[i]));

  bool refused = false;
  try {
    writeTextFile(file, "nothing of the kind");
    loop.load(file);
  } catch (const Error& e) {
    refused = e.code() == ErrorCode::Corrupt;
  }
  QVERIFY(refused);
  bool diverged = false;
  try {
    loop.update(second->forward(at::full({1, 6}, std::nan(""))).sum());
  } catch (const Error& e) {
    diverged = e.code() == ErrorCode::Diverged;
  }
  QVERIFY(diverged);
}

void DemoTrainingTest::startsFromPrincipalPatches() {
  torch::manual_seed(1);
  const at::Tensor pixels = normalisePixels(m_scenes.pixels.narrow(0, 0, 100), kClipMean, kClipDeviation);
  QVERIFY(pixels.abs().max().item<double>() < 3);
  const at::Tensor weight = principalPatches(pixels, 16, 14);
  QVERIFY(weight.sizes() == at::IntArrayRef({16, 3, 14, 14}));
  QVERIFY(weight.isfinite().all().item<bool>());
  const at::Tensor positions = sineCosinePositions(8, 128);
  QVERIFY(positions.sizes() == at::IntArrayRef({64, 128}));
  // No two places are the same.
  const at::Tensor distance = at::cdist(positions, positions) + at::eye(64) * 100;
  QVERIFY(distance.min().item<double>() > .1);
}

void DemoTrainingTest::questionsAreAnsweredTruly() {
  const auto tokenizer = Tokenizer::parse(llavaTokenizerJson(), "the demo's tokenizer");
  WorldRandom random(4);
  int yes = 0, no = 0;
  for (const SceneLabels& scene : m_scenes.labels) {
    for (const WorldAttribute attribute : kWorldAttributes)
      QCOMPARE(askOneWord(scene, attribute, random).answerText(), std::string(attributeWord(attribute, attributeOf(scene, attribute))));
    QCOMPARE(askCaption(scene, random).answerText(), fullCaption(scene).text + ".");
    QCOMPARE(sceneSentence(scene), fullCaption(scene).text + ".");
    for (int i = 0; i < 20; ++i) {
      const Exchange exchange = askAnything(scene, random);
      QVERIFY(!exchange.question.empty());
      std::string spoken;
      for (const AnswerWord& word : exchange.answer) {
        QCOMPARE(tokenizer->encode(word.text, false).size(), size_t{1});
        spoken += word.text;
      }
      QCOMPARE(tokenizer->decode(tokenizer->encode(spoken)), spoken);
      const std::string text = exchange.answerText();
      if (text != "yes" && text != "no") continue;
      // The word asked for is the scene's, or nowhere in it.
      std::string caption = fullCaption(scene).text + (scene.objects[0][2] == 0 ? " solid " : " ");
      caption.insert(0, 1, ' ');
      std::string word = exchange.question.substr(0, exchange.question.find_first_of("?", 0));
      if (word.ends_with(" in this image")) word.resize(word.size() - 14);
      word = word.substr(word.rfind(' '));
      (text == "yes" ? yes : no) += 1;
      if (text == "yes") QVERIFY2(caption.find(word + " ") != std::string::npos, exchange.question.c_str());
    }
  }
  QVERIFY(yes > 200 && no > 200);
  QCOMPARE(oneWordQuestion(WorldAttribute::Shape), std::string("What is shown in this image? Use exactly one word!"));
}

void DemoTrainingTest::neuronsStandForWhatTheyRiseOn() {
  // One latent for each of four directions; the patches of an object, and of the background, say which value they have.
  class Axes final : public Dictionary {
   public:
    SaeType type() const override { return SaeType::Standard; }
    int64_t activationDim() const override { return 4; }
    int64_t dictSize() const override { return 4; }
    int64_t k() const override { return 0; }
    double threshold() const override { return 0; }
    at::Tensor decoderRows() const override { return at::eye(4); }
    at::Tensor decoderBias() const override { return at::zeros({4}); }
    void to(at::Device) override {}
    at::Device device() const override { return at::kCPU; }
    std::vector<std::pair<std::string, at::Tensor>> stateDict() const override { return {}; }

   protected:
    at::Tensor encodeRows(const at::Tensor& x) const override { return x.relu(); }
  };
  const PatchTargets targets = patchTargets(m_scenes.labels, m_scenes.owner);
  const at::Tensor star = targets.shape.eq(3), pink = targets.background.eq(6), covered = targets.covered.gt(0);
  // Latent 0 is as active around a lone star as on it. Still it stands for stars.
  at::Tensor lone = at::zeros_like(targets.covered);
  for (size_t i = 0; i < m_scenes.labels.size(); ++i)
    if (m_scenes.labels[i].count() == 1 && m_scenes.labels[i].objects[0][0] == 3) lone[static_cast<int64_t>(i)].fill_(2);
  const at::Tensor patches = at::stack({lone, pink.to(at::kFloat), covered.to(at::kFloat), at::zeros_like(lone)}, 2);
  const NeuronConcepts concepts(Axes(), patches, m_scenes);
  QCOMPARE(concepts.neurons(), 4);
  const auto mean = [](const at::Tensor& of, const at::Tensor& on) {
    return of.masked_select(on).to(at::kDouble).mean().item<double>();
  };
  const double overStars = mean(lone, star) - mean(lone, covered);
  QVERIFY(overStars > 1 && std::abs(concepts.contrast(0, WorldAttribute::Shape, 3) - overStars) < 1e-12);
  QVERIFY(concepts.contrast(0, WorldAttribute::Shape, 4) < 0);
  QCOMPARE(concepts.contrast(1, WorldAttribute::Background, 6), 1 - mean(pink, covered.logical_not()));
  QCOMPARE(concepts.contrast(1, WorldAttribute::Shape, 3), 0.0);
  QCOMPARE(concepts.contrast(2, WorldAttribute::Shape, 3), 0.0);  // it lies on stars, and on all else alike
  QCOMPARE(concepts.largest(0), 2.0);
  QCOMPARE(concepts.largest(3), 0.0);
  QCOMPARE(concepts.strongest(WorldAttribute::Shape, 3, 4), std::vector<int64_t>{0});
  QCOMPARE(concepts.strongest(WorldAttribute::Background, 6, 1), std::vector<int64_t>{1});
  QVERIFY(concepts.strongest(WorldAttribute::Shape, 4, 4).empty());
  QCOMPARE(concepts.value(0, WorldAttribute::Shape), std::optional(3));
  QVERIFY(!concepts.value(0, WorldAttribute::Background));
  QCOMPARE(concepts.value(1, WorldAttribute::Background), std::optional(6));
  QVERIFY(!concepts.value(1, WorldAttribute::Shape) && !concepts.value(3, WorldAttribute::Shape));
}

// Two steps: it is stopped and taken up, what it writes loads, and it is not done twice.
void DemoTrainingTest::trainsLlava() {
  const QTemporaryDir dir;
  TrainModelsParams p;
  p.out = dir.path().toStdString();
  p.llavaSteps = 2;
  for (const char* part : {"clip", "sae-patch"})
    std::filesystem::copy(std::filesystem::path(DEMO_RESOURCES) / part, p.out / part, std::filesystem::copy_options::recursive);
  const TrainingScenes held = drawTrainingScenes(10, 22, {}, {});
  std::stop_source stop;
  const auto train = [&](const ProgressFn& progress) { return trainLlava(p, m_scenes, held, p.out / "training", stop.get_token(), progress); };
  QVERIFY_EXCEPTION_THROWN(train([&](const Progress& at) {
                             if (at.stage == "Training LLaVA") stop.request_stop();
                           }),
                           Cancelled);
  QVERIFY(!std::filesystem::exists(p.out / "llava" / "model.safetensors"));
  stop = {};
  const LlavaScores scores = train({});
  QVERIFY(scores.seen.shape >= 0 && scores.seen.shape <= 1);
  const std::string weights = readTextFile(p.out / "llava" / "model.safetensors", 64 << 20);
  const LlavaScores again = train({});
  QCOMPARE(again.seen.shape, scores.seen.shape);
  QVERIFY(readTextFile(p.out / "llava" / "model.safetensors", 64 << 20) == weights);
  const Llava llava = loadLlava(p.out / "llava");
  QCOMPARE(llava->tokensPerImage(), 64);
  QCOMPARE(llava->config().featureStates, std::vector<int>{3});
  const ClipModel clip = loadClipModel(p.out / "clip");
  const at::Tensor pixels = normalisePixels(held.pixels, kClipMean, kClipDeviation);
  const torch::NoGradGuard guard;
  QVERIFY(at::equal(llava->vision->hiddenStates(pixels, 2).back(), clip->hiddenStates(pixels, 2).back()));
}

QTEST_GUILESS_MAIN(DemoTrainingTest)
#include "demo_training_test.moc"
