// What a page asks of an image while it is steered: what the model sees, what fires and where, what was likely before.
#include "core/pipeline/steer.h"

#include <torch/torch.h>

#include <QJsonArray>
#include <QtTest>
#include <cmath>
#include <map>

#include "core/base/files.h"
#include "core/image/preprocess.h"
#include "core/pipeline/attached_sae.h"
#include "core/steering/steering_session.h"
#include "tests/core/models/golden.h"
#include "tests/support/golden_llava.h"

using namespace sememe;
using sememe::test::throwsError;

namespace {

std::shared_ptr<const SteeringModel> load(const GoldenLlava& golden) {
  SteeringModelParams params;
  params.model = golden.folder().toStdString();
  params.sae = golden.sae().toStdString();
  params.device = "cpu";
  return loadSteeringModel(params);
}

Image picture(const GoldenLlava& golden) { return decodeImage(golden.image().toStdString()); }

// The image's activation [T, d] and latents [T, F], by the parts that Steerer rests on.
struct Dense {
  at::Tensor x, z;

  explicit Dense(const GoldenLlava& golden) {
    const std::filesystem::path folder = golden.folder().toStdString();
    const std::shared_ptr<const Dictionary> sae = loadDictionary(golden.sae().toStdString());
    SteeringSession session(loadLlava(folder), sae, {TapPoint::PostMlpResidual, 2});
    session.setImage(preprocess(picture(golden), readPreprocessConfig(folder)));
    x = session.code().activation[0];
    z = sae->encode(x);
  }
};

// Every neuron that fires on these tokens, strongest first.
std::vector<FiringNeuron> expectedFiring(const at::Tensor& z) {
  std::vector<FiringNeuron> found;
  const at::Tensor max = std::get<0>(z.max(0)), mean = z.mean(0), count = z.gt(0).sum(0);
  for (int64_t f = 0; f < z.size(1); ++f) {
    if (count[f].item<int>() > 0) found.push_back({f, max[f].item<float>(), mean[f].item<float>(), count[f].item<int>()});
  }
  std::stable_sort(found.begin(), found.end(), [](const FiringNeuron& a, const FiringNeuron& b) { return a.max > b.max; });
  return found;
}

void compareFiring(const std::vector<FiringNeuron>& found, std::vector<FiringNeuron> expected, size_t count) {
  QVERIFY(expected.size() > count);
  expected.resize(count);
  QCOMPARE(found.size(), count);
  for (size_t i = 0; i < count; ++i) {
    QCOMPARE(found[i].neuron, expected[i].neuron);
    QCOMPARE(found[i].max, expected[i].max);
    QVERIFY(std::abs(found[i].mean - expected[i].mean) < 1e-5f);
    QCOMPARE(found[i].tokens, expected[i].tokens);
  }
}

}  // namespace

class SteerTest : public QObject {
  Q_OBJECT

 private:
  GoldenLlava m_golden;

  std::vector<int64_t> tokens(const char* which) const {
    std::vector<int64_t> found;
    for (const QJsonValue& token : m_golden.spoken(which)[QLatin1String("tokens")].toArray()) found.push_back(token.toInteger());
    return found;
  }
  double chance(const char* which, int place) const { return m_golden.spoken(which)[QLatin1String("first")][place].toDouble(); }

 private Q_SLOTS:
  void knowsItsPatchesAndItsSae() {
    const auto model = load(m_golden);
    const PatchGrid grid = patchGrid(*model);
    QCOMPARE(grid.rows, 2);
    QCOMPARE(grid.columns, 2);
    QCOMPARE(grid.extraTokens, 1);
    const SteeringSae sae = steeringSae(*model);
    QCOMPARE(sae.neurons, int64_t(64));
    // What extracting with this SAE writes into a workspace.
    QCOMPARE(sae.fingerprint, attachSae(m_golden.sae().toStdString(), at::kCPU).fingerprint);
  }

  void showsWhatTheModelSees() {
    Steerer steerer(load(m_golden));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { steerer.modelView(); }, {"no image"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { steerer.firing({}, 5); }, {"no image"}));
    steerer.setImage(picture(m_golden));
    const PreprocessConfig config = readPreprocessConfig(m_golden.folder().toStdString());
    QCOMPARE(steerer.modelView().width, 28);
    QCOMPARE(steerer.modelView().height, 28);
    QVERIFY(steerer.modelView().rgb == resizeAndCrop(picture(m_golden), config).rgb);
    // An image that cannot be taken leaves the one that is there.
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { steerer.setImage(Image{}); }));
    QCOMPARE(steerer.modelView().width, 28);
  }

  void saysWhatFires() {
    const Dense dense(m_golden);
    const at::Tensor patches = dense.z.slice(0, 1);
    Steerer steerer(load(m_golden));
    steerer.setImage(picture(m_golden));
    compareFiring(steerer.firing({}, 8), expectedFiring(patches), 8);
    const std::vector<int> two = {3, 1, 3};  // a patch counts once
    compareFiring(steerer.firing(two, 5), expectedFiring(at::stack({patches[1], patches[3]})), 5);
    const std::vector<FiringNeuron> all = steerer.firing({}, 1000);
    QCOMPARE(all.size(), expectedFiring(patches).size());
    QVERIFY(steerer.firing({}, 0).empty());
    for (const int wrong : {-1, 4}) {
      QVERIFY(throwsError(ErrorCode::Invalid, [&] { steerer.firing(std::vector{wrong}, 5); }, {"no patch"}));
    }

    const int64_t neuron = all.front().neuron;
    const std::vector<float> map = steerer.patchActivations(neuron);
    QCOMPARE(map.size(), size_t(4));
    for (size_t i = 0; i < 4; ++i) QCOMPARE(map[i], patches[int64_t(i)][neuron].item<float>());
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { steerer.patchActivations(64); }, {"no neuron 64"}));
    const double norm = dense.x.slice(0, 1).to(at::kDouble).norm(2, -1).mean().item<double>();
    QVERIFY(norm > 0 && std::abs(steerer.tokenNorm() - norm) < 1e-4);
  }

  // vision_feature_select_strategy "full": CLS speaks too.
  void countsClsWhereLlavaReadsIt() {
    const GoldenLlava golden;
    const std::filesystem::path file = std::filesystem::path(golden.folder().toStdString()) / "config.json";
    QJsonObject config = QJsonDocument::fromJson(QByteArray::fromStdString(readTextFile(file))).object();
    config[QLatin1String("vision_feature_select_strategy")] = QStringLiteral("full");
    writeTextFile(file, QJsonDocument(config).toJson().toStdString());
    Steerer steerer(load(golden));
    steerer.setImage(picture(golden));
    const Dense dense(golden);
    compareFiring(steerer.firing({}, 8), expectedFiring(dense.z), 8);
    QCOMPARE(steerer.patchActivations(3).size(), size_t(4));
  }

  void paintedPatchesBecomeTokens() {
    const Steerer steerer(load(m_golden));
    QCOMPARE(steerer.tokenMask({true, false, false, true}), (std::vector<bool>{false, true, false, false, true}));
    QCOMPARE(steerer.tokenMask({false, false, false, false}), std::vector<bool>(5, false));
    QVERIFY(steerer.tokenMask({}).empty());
    QVERIFY(steerer.tokenMask({true, true, true, true}).empty());
    for (const size_t wrong : {size_t(3), size_t(5)}) {
      QVERIFY(throwsError(ErrorCode::Mismatch, [&] { steerer.tokenMask(std::vector<bool>(wrong, true)); }, {"patches"}));
    }
  }

  // The mask reaches the answer: nothing painted is the reconstruction, everything the steered answer.
  void aMaskSteersItsPatches() {
    Steerer steerer(load(m_golden));
    steerer.setImage(picture(m_golden));
    steerer.setQuestion(m_golden.question().toStdString());
    SamplingOptions options;
    options.maxTokens = 12;
    Steering steering;
    steering.interventions = {{5, Intervention::Op::Set, 30}};
    steering.mask = steerer.tokenMask({false, false, false, false});
    QCOMPARE(steerer.ask(steering, options).answer.tokens, tokens("reconstruction"));
    steering.mask = steerer.tokenMask({true, true, true, true});
    QCOMPARE(steerer.ask(steering, options).answer.tokens, tokens("steered"));
    steering.mask = steerer.tokenMask({true, false, false, false});
    const std::vector<TokenChance> one = steerer.ask(steering, options).first;
    QVERIFY(std::abs(one[0].probability - chance("steered", 0)) > 1e-4);
    QVERIFY(std::abs(one[0].probability - chance("reconstruction", 0)) > 1e-4);
  }

  void saysWhatWasLikelyBefore() {
    Steerer steerer(load(m_golden));
    steerer.setImage(picture(m_golden));
    steerer.setQuestion(m_golden.question().toStdString());
    SamplingOptions options;
    options.maxTokens = 0;
    Steering steering;
    steering.interventions = {{5, Intervention::Op::Set, 30}};
    std::vector<TokenChance> early = steerer.ask(steering, options).first;
    for (const TokenChance& c : early) QVERIFY(!c.before);
    steerer.fillBefore(early);
    QVERIFY(!early.front().before);

    std::map<int64_t, double> original;
    const std::vector<TokenChance> first = steerer.ask({}, options).first;
    for (size_t i = 0; i < first.size(); ++i) {
      QCOMPARE(first[i].before, first[i].probability);
      QVERIFY(std::abs(first[i].probability - chance("original", int(i))) < 1e-4);
      original[first[i].token] = first[i].probability;
    }
    bool known = false, other = false;
    const std::vector<TokenChance> now = steerer.ask(steering, options).first;
    for (const TokenChance& c : now) {
      QVERIFY(c.before && *c.before >= 0 && *c.before <= first.front().probability);
      if (original.contains(c.token)) {
        QCOMPARE(*c.before, original[c.token]);
        known = true;
      } else {
        QVERIFY(*c.before <= first.back().probability);
        other = true;
      }
    }
    QVERIFY(known && other);
    steerer.fillBefore(early);
    for (size_t i = 0; i < now.size(); ++i) QCOMPARE(early[i].before, now[i].before);
    // Another question: what was likely before is no longer known.
    steerer.setQuestion("what is this");
    for (const TokenChance& c : steerer.ask(steering, options).first) QVERIFY(!c.before);
    steerer.ask({}, options);
    steerer.setImage(picture(m_golden));
    for (const TokenChance& c : steerer.ask(steering, options).first) QVERIFY(!c.before);
  }
};

QTEST_GUILESS_MAIN(SteerTest)
#include "steer_test.moc"
