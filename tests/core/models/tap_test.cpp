// Taps on every kind of vision tower: reading, editing, halting and going on, over many drawn configurations.
#include <random>

#include "core/models/clip.h"
#include "core/models/dinov2.h"
#include "core/models/siglip.h"
#include "tests/core/models/golden.h"

using namespace sememe;
using sememe::test::throwsError;

namespace {

constexpr TapPoint kLayerPoints[] = {TapPoint::AttentionOutput, TapPoint::InMlp, TapPoint::PostMlp,
                                     TapPoint::PostMlpResidual};

// A model of a drawn family and shape with random weights.
std::shared_ptr<VisionModel> drawModel(std::mt19937& draw) {
  const auto of = [&](std::initializer_list<int64_t> values) { return values.begin()[draw() % values.size()]; };
  const int64_t heads = of({1, 2, 4}), hidden = heads * of({6, 9, 16}), layers = of({1, 2, 3}), patch = of({4, 7});
  const int64_t image = patch * of({1, 2, 3}) + of({0, 2}), mlp = of({8, 30});
  std::shared_ptr<VisionModel> model;
  switch (draw() % 4) {
    case 0: {
      ClipVisionConfig c;
      c.hiddenSize = hidden, c.heads = heads, c.layers = layers, c.patchSize = patch, c.imageSize = image;
      c.intermediateSize = mlp, c.projectionDim = of({5, 12}), c.activation = draw() % 2 ? "gelu" : "quick_gelu";
      model = std::make_shared<ClipVisionModelImpl>(c, Init::None);
      break;
    }
    case 1: {
      SiglipVisionConfig c;
      c.hiddenSize = hidden, c.heads = heads, c.layers = layers, c.patchSize = patch, c.imageSize = image;
      c.intermediateSize = mlp;
      model = std::make_shared<SiglipVisionModelImpl>(c);
      break;
    }
    default: {
      Dinov2Config c;
      c.hiddenSize = hidden, c.heads = heads, c.layers = layers, c.patchSize = patch, c.imageSize = image;
      c.mlpRatio = 2, c.swiGlu = draw() % 2 == 0, c.registers = draw() % 2 == 0;
      c.registerTokens = c.registers ? of({1, 4}) : 0;
      model = std::make_shared<Dinov2ModelImpl>(c, Init::None);
    }
  }
  const torch::NoGradGuard guard;
  for (auto& p : model->parameters())
    p.normal_(0, p.dim() > 1 ? 1 / std::sqrt(double(p.numel()) / double(p.size(0))) : 0.4);
  return model;
}

std::vector<Tap> allTaps(const VisionModel& model) {
  std::vector<Tap> taps;
  for (int layer = 0; layer < model.info().layers; ++layer)
    for (const TapPoint point : kLayerPoints) taps.push_back({point, layer});
  taps.push_back({TapPoint::PostProjection, -1});
  return taps;
}

}  // namespace

class TapTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Over random configurations: every tap read on the way of one full pass is what a pass that stops there gives, and a
  // halted pass that goes on ends as the full one does.
  void stopsAndGoesOn() {
    const torch::NoGradGuard guard;
    std::mt19937 draw(1);
    for (int round = 0; round < 40; ++round) {
      torch::manual_seed(round);
      const auto model = drawModel(draw);
      const VisionInfo& info = model->info();
      const at::Tensor pixels = at::randn({1 + round % 3, 3, info.imageSize, info.imageSize});
      const at::Tensor whole = model->embed(pixels);
      const std::vector<Tap> taps = allTaps(*model);
      std::vector<at::Tensor> seen;
      TapHooks hooks;
      for (const Tap& tap : taps)
        hooks.push_back({tap, [&](const at::Tensor& x) { return seen.push_back(x), at::Tensor(); }});
      COMPARE_TENSORS(model->embed(pixels, hooks), whole);
      QCOMPARE(seen.size(), taps.size());
      for (size_t i = 0; i < taps.size(); ++i) {
        const bool pooled = taps[i].point == TapPoint::PostProjection;
        QCOMPARE(seen[i].size(-1), pooled                             ? info.embeddingDim
                                   : taps[i].point == TapPoint::InMlp ? info.mlpSize
                                                                      : info.hiddenSize);
        if (!pooled) QCOMPARE(seen[i].size(1), info.tokens);
        const TappedPass halted = model->begin(pixels, taps[i]);
        COMPARE_TENSORS(halted.activation, seen[i]);
        const at::Tensor kept = halted.activation.clone();
        for (int again = 0; again < 2; ++again)
          COMPARE_TENSORS(model->resume(halted, {TapPoint::PostProjection, -1}).activation, whole);
        QVERIFY(halted.activation.equal(kept));  // going on leaves it as it is
        // From tap to tap.
        if (i > 0) COMPARE_TENSORS(model->resume(model->begin(pixels, taps[i - 1]), taps[i]).activation, seen[i]);
      }
      const auto states = model->hiddenStates(pixels);
      for (int layer = 0; layer < info.layers; ++layer)
        COMPARE_TENSORS(model->forwardTo(pixels, {TapPoint::PostMlpResidual, layer}), states[size_t(layer) + 1]);
      // A batch is its images one by one.
      for (int64_t i = 0; i < pixels.size(0); ++i)
        COMPARE_TENSORS(model->embed(pixels.narrow(0, i, 1)), whole.narrow(0, i, 1));
    }
  }

  // An edit by a hook is what resuming from an edited activation is, whatever the tap, and it matters.
  void edits() {
    const torch::NoGradGuard guard;
    std::mt19937 draw(2);
    for (int round = 0; round < 20; ++round) {
      torch::manual_seed(round);
      const auto model = drawModel(draw);
      const at::Tensor pixels = at::randn({2, 3, model->info().imageSize, model->info().imageSize});
      const at::Tensor plain = model->embed(pixels);
      for (const Tap& tap : allTaps(*model)) {
        // Nothing that a layer norm behind it would undo.
        const auto edit = [](const at::Tensor& x) { return x.abs() * 0.7 - x.roll(1, -1); };
        const at::Tensor hooked = model->embed(pixels, {{tap, edit}});
        TappedPass halted = model->begin(pixels, tap);
        halted.activation = edit(halted.activation);
        COMPARE_TENSORS(model->resume(halted, {TapPoint::PostProjection, -1}).activation, hooked);
        QVERIFY(sememe::test::difference(hooked, plain) > 1e-3);
        COMPARE_TENSORS(model->forwardTo(pixels, tap, {{tap, edit}}), halted.activation);
      }
    }
  }

  // Two hooks at one tap: in the order of the list, the second sees what the first made; dtypes are cast.
  void severalHooks() {
    const torch::NoGradGuard guard;
    std::mt19937 draw(3);
    const auto model = drawModel(draw);
    const at::Tensor pixels = at::randn({1, 3, model->info().imageSize, model->info().imageSize});
    const Tap tap{TapPoint::PostMlpResidual, 0};
    at::Tensor seen;
    const at::Tensor found = model->forwardTo(pixels, tap,
                                              {{tap, [](const at::Tensor& x) { return at::ones_like(x, at::kDouble); }},
                                               {tap, [&](const at::Tensor& x) { return seen = x, x * 3; }}});
    QCOMPARE(seen.scalar_type(), at::kFloat);
    QVERIFY(found.eq(3).all().item<bool>());
  }

  void gradientsPassThrough() {
    std::mt19937 draw(4);
    const auto model = drawModel(draw);
    const at::Tensor pixels = at::randn({1, 3, model->info().imageSize, model->info().imageSize});
    const Tap tap{TapPoint::InMlp, 0};
    at::Tensor leaf;
    model->embed(pixels, {{tap, [&](const at::Tensor& x) { return leaf = x.detach().requires_grad_(); }}})
        .sum()
        .backward();
    QVERIFY(leaf.grad().abs().sum().item<double>() > 0);
  }

  void whatMakesNoSense() {
    const torch::NoGradGuard guard;
    std::mt19937 draw(5);
    const auto model = drawModel(draw);
    const int layers = int(model->info().layers);
    const at::Tensor pixels = at::randn({1, 3, model->info().imageSize, model->info().imageSize});
    const Tap first{TapPoint::PostMlp, 0}, last{TapPoint::PostProjection, -1};
    const auto none = [](const at::Tensor&) { return at::Tensor(); };
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->begin(pixels, {TapPoint::PostMlp, layers}); }, {"no layer"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->embed(pixels, {{{TapPoint::InMlp, -1}, none}}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->resume(model->begin(pixels, first), {TapPoint::InMlp, 0}); },
                        {"0_post_mlp", "0_in_mlp"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->resume(model->begin(pixels, last), first); }));
    for (const TapPoint point : kLayerPoints) {
      TappedPass halted = model->begin(pixels, {point, 0});
      halted.activation = at::cat({halted.activation, halted.activation}, -1);
      QVERIFY(
          throwsError(ErrorCode::Mismatch, [&] { model->resume(halted, last); }, {std::string(tapPointName(point))}));
    }
    QVERIFY(throwsError(ErrorCode::Mismatch,
                        [&] { model->embed(pixels, {{first, [](const at::Tensor& x) { return x.narrow(1, 0, 1); }}}); },
                        {"0_post_mlp"}));
  }
};

QTEST_GUILESS_MAIN(TapTest)
#include "tap_test.moc"
