// CLIP against transformers' own numbers, and as something that can be trained.
#include "core/models/clip.h"

#include <ATen/autocast_mode.h>

#include "core/models/mixed_precision.h"
#include "tests/core/models/golden.h"

using namespace sememe;
using sememe::test::difference;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::throwsError;

namespace {

ClipConfig smallConfig() {
  ClipConfig config;
  config.vision.hiddenSize = 24;
  config.vision.intermediateSize = 40;
  config.vision.layers = 2;
  config.vision.heads = 3;
  config.vision.imageSize = 28;
  config.vision.patchSize = 14;
  config.text.vocabSize = 20;
  config.text.hiddenSize = 16;
  config.text.intermediateSize = 32;
  config.text.layers = 2;
  config.text.heads = 2;
  config.text.maxPositions = 8;
  config.text.eosTokenId = 19;
  config.projectionDim = 6;
  return config;
}

}  // namespace

class ClipTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void visionEqualsTransformers_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<bool>("projected");
    QTest::newRow("full, quick_gelu") << QStringLiteral("clip") << true;
    QTest::newRow("sharded, gelu") << QStringLiteral("clip_legacy_sharded") << true;
    QTest::newRow("float16, with projection") << QStringLiteral("clip_vision_fp16") << true;
    QTest::newRow("bare tower") << QStringLiteral("clip_vision_bare") << false;
  }

  void visionEqualsTransformers() {
    QFETCH(QString, name);
    QFETCH(bool, projected);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    LoadReport report;
    const auto model = loadVisionModel(goldenFolder(name.toStdString()), {}, &report);
    QVERIFY(report.missing.empty());
    QVERIFY(report.unused.empty());
    QVERIFY(report.parameters > 0);
    QCOMPARE(report.fingerprint.size(), size_t(32));
    const at::Tensor pixels = expected["pixels"];
    const auto states = model->hiddenStates(pixels);
    QCOMPARE(int64_t(states.size()), model->info().layers + 1);
    for (size_t i = 0; i < states.size(); ++i) COMPARE_TENSORS(states[i], expected["hidden." + std::to_string(i)]);
    // The tap of layer L is hidden_states[L + 1].
    for (int layer = 0; layer < model->info().layers; ++layer)
      COMPARE_TENSORS(model->forwardTo(pixels, {TapPoint::PostMlpResidual, layer}),
                      expected["hidden." + std::to_string(layer + 1)]);
    const auto& clip = dynamic_cast<const ClipVisionModelImpl&>(*model);
    COMPARE_TENSORS(clip.vision->pool(states.back()), expected["pooled"]);
    const Tap projection{TapPoint::PostProjection, -1};
    if (projected) {
      QCOMPARE(model->info().embeddingDim, int64_t(10));
      COMPARE_TENSORS(model->embed(pixels), expected["embeds"]);
      QVERIFY(model->forwardTo(pixels, projection).equal(model->embed(pixels)));
    } else {
      QCOMPARE(model->info().embeddingDim, int64_t(0));
      QVERIFY(throwsError(ErrorCode::Unsupported, [&] { model->embed(pixels); }, {"visual_projection"}));
      QVERIFY(throwsError(ErrorCode::Unsupported, [&] { model->forwardTo(pixels, projection); }));
    }
  }

  void textEqualsTransformers_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("end by eos_token_id") << QStringLiteral("clip");
    QTest::newRow("legacy: end by highest id") << QStringLiteral("clip_legacy_sharded");
    QTest::newRow("text model alone") << QStringLiteral("clip_text");
  }

  void textEqualsTransformers() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    LoadReport report;
    const auto model = std::dynamic_pointer_cast<ClipTextModelImpl>(loadTextModel(goldenFolder(name.toStdString()), {}, &report));
    QVERIFY(report.missing.empty());
    QVERIFY(report.unused.empty());
    const at::Tensor ids = expected["ids"];
    COMPARE_TENSORS(model->embed(ids), expected["text.embeds"]);
    if (name == QStringLiteral("clip_text")) return;
    const auto states = model->hiddenStates(ids);
    for (size_t i = 0; i < states.size(); ++i)
      COMPARE_TENSORS(states[i], expected["text.hidden." + std::to_string(i)]);
    COMPARE_TENSORS(model->text->pool(model->text->forward(ids), ids), expected["text.pooled"]);
    QVERIFY(!report.otherParts.empty());  // the vision tower is known, not unused
  }

  void bothTowers() {
    const torch::NoGradGuard guard;
    const Expected expected("clip");
    LoadReport report;
    const ClipModel model = loadClipModel(goldenFolder("clip"), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty() && report.otherParts.empty());
    COMPARE_TENSORS(model->logitsPerImage(model->embed(expected["pixels"]), model->embedText(expected["ids"])),
                    expected["logits"]);
  }

  // Every tap by its definition, from the layer's own parts.
  void innerTaps() {
    const torch::NoGradGuard guard;
    const Expected expected("clip");
    const ClipModel model = loadClipModel(goldenFolder("clip"));
    const at::Tensor pixels = expected["pixels"], before = expected["hidden.1"], after = expected["hidden.2"];
    const EncoderLayer& layer = model->vision->encoder->layers[1];
    const at::Tensor attention = model->forwardTo(pixels, {TapPoint::AttentionOutput, 1});
    COMPARE_TENSORS(attention, layer->attention->forward(layer->norm1->forward(before), false));
    const at::Tensor in = model->forwardTo(pixels, {TapPoint::InMlp, 1});
    COMPARE_TENSORS(in, layer->mlp->inner(layer->norm2->forward(before + attention)));
    QCOMPARE(in.size(-1), model->info().mlpSize);
    const at::Tensor mlp = model->forwardTo(pixels, {TapPoint::PostMlp, 1});
    COMPARE_TENSORS(mlp, layer->mlp->second->forward(in));
    COMPARE_TENSORS(before + attention + mlp, after);
  }

  void badInputIsAnError() {
    const torch::NoGradGuard guard;
    ClipModel model(smallConfig());
    const at::Tensor pixels = at::zeros({1, 3, 28, 28});
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->forwardTo(pixels, {TapPoint::PostMlpResidual, 2}); },
                        {"no layer 2", "0 to 1"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->forwardTo(pixels, {TapPoint::InMlp, -1}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->forwardTo(pixels, {TapPoint::PostProjection, 0}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->hiddenStates(pixels, 2); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embed(at::zeros({1, 3, 42, 28})); }, {"28x42", "28x28"}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embed(at::zeros({1, 4, 28, 28})); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embed(at::zeros({3, 28, 28})); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->embedText(at::full({1, 4}, 20, at::kLong)); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { model->embedText(at::full({1, 4}, -1, at::kLong)); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embedText(at::zeros({1, 9}, at::kLong)); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embedText(at::zeros({1, 4})); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embedText(at::zeros({4}, at::kLong)); }));
    QCOMPARE(model->embed(at::zeros({0, 3, 28, 28})).size(0), int64_t(0));
    // NaN in, NaN out: the caller sees it.
    QVERIFY(model->embed(at::full({1, 3, 28, 28}, std::nan(""))).isnan().all().item<bool>());
  }

  void initialisesAsHuggingFace() {
    torch::manual_seed(0);
    ClipConfig config = smallConfig();
    config.vision.hiddenSize = 96;
    config.vision.intermediateSize = 200;
    ClipModel model(config);
    const auto std = [](const at::Tensor& t) { return t.std().item<double>(); };
    const auto near = [](double found, double wanted) { return std::abs(found - wanted) < 0.1 * wanted; };
    const EncoderLayer& layer = model->vision->encoder->layers[0];
    QVERIFY(near(std(layer->attention->query->weight), std::pow(96, -.5) * std::pow(4, -.5)));
    QVERIFY(near(std(layer->attention->output->weight), std::pow(96, -.5)));
    QVERIFY(near(std(layer->mlp->first->weight), std::pow(192, -.5)));
    QVERIFY(near(std(layer->mlp->second->weight), std::pow(96, -.5) * std::pow(4, -.5)));
    QVERIFY(near(std(model->vision->patchEmbedding->weight), .02));
    QVERIFY(near(std(model->visualProjection->weight), std::pow(96, -.5)));
    QCOMPARE(layer->mlp->first->bias.abs().max().item<double>(), 0.0);
    QCOMPARE(layer->norm1->weight.min().item<double>(), 1.0);
    QVERIFY(std::abs(model->logitScale.item<double>() - 2.6592) < 1e-6);
  }

  // Gradients reach every parameter, and the quicker form of quick_gelu that training takes in float32 has those of
  // the plain one that double precision takes.
  void gradients() {
    const at::Tensor pixels = at::randn({4, 3, 28, 28}), ids = at::tensor({1, 5, 19, 19}, at::kLong).repeat({4, 1});
    const auto trained = [&](at::ScalarType dtype) {
      torch::manual_seed(1);
      ClipModel model(smallConfig());
      model->to(dtype);
      const at::Tensor loss =
          model->logitsPerImage(model->embed(pixels), model->embedText(ids)).sin().sum() +
          model->hiddenStates(pixels, 0)[1].square().mean();
      loss.backward();
      return model;
    };
    const ClipModel model = trained(at::kFloat), exact = trained(at::kDouble);
    const auto wanted = exact->named_parameters();
    for (const auto& item : model->named_parameters()) {
      QVERIFY2(item.value().grad().defined(), item.key().c_str());
      const at::Tensor gradient = wanted[item.key()].grad();
      const double largest = difference(item.value().grad(), gradient);
      QVERIFY2(largest < 1e-5 + 1e-4 * gradient.abs().max().item<double>(),
               qPrintable(QStringLiteral("%1: %2").arg(QString::fromStdString(item.key())).arg(largest)));
    }
  }

  void trains() {
    torch::manual_seed(2);
    ClipModel model(smallConfig());
    const at::Tensor pixels = at::randn({8, 3, 28, 28});
    at::Tensor ids = at::randint(1, 19, {8, 5}, at::kLong);
    ids.select(1, 4).fill_(19);
    const at::Tensor target = at::arange(8);
    torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(3e-3));
    double first = 0, last = 0;
    for (int step = 0; step < 60; ++step) {
      at::Tensor image, text;
      if (step % 2) {
        const MixedPrecision mixed;
        image = model->embed(pixels), text = model->embedText(ids);
      } else {
        image = model->embed(pixels), text = model->embedText(ids);
      }
      const at::Tensor logits = model->logitsPerImage(image.to(at::kFloat), text.to(at::kFloat));
      const at::Tensor loss = torch::nn::functional::cross_entropy(logits, target);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      (step == 0 ? first : last) = loss.item<double>();
    }
    QVERIFY2(last < 0.3 * first, qPrintable(QStringLiteral("%1 to %2").arg(first).arg(last)));
    QVERIFY(!at::autocast::is_autocast_enabled(at::kCPU));
  }

  void mixedPrecisionStaysClose() {
    const torch::NoGradGuard guard;
    const Expected expected("clip");
    const ClipModel model = loadClipModel(goldenFolder("clip"));
    const at::Tensor exact = model->embed(expected["pixels"]);
    const MixedPrecision mixed;
    const at::Tensor coarse = model->embed(expected["pixels"]).to(at::kFloat);
    QVERIFY((exact - coarse).norm().item<double>() < 0.03 * exact.norm().item<double>());
    QVERIFY(difference(exact, coarse) > 0);
  }

  void halfPrecision() {
    const torch::NoGradGuard guard;
    const Expected expected("clip");
    const auto model = loadVisionModel(goldenFolder("clip"), {.dtype = at::kBFloat16});
    const at::Tensor found = model->embed(expected["pixels"]), exact = expected["embeds"];
    QCOMPARE(found.scalar_type(), at::kBFloat16);
    QVERIFY((found.to(at::kFloat) - exact).norm().item<double>() < 0.05 * exact.norm().item<double>());
  }
};

QTEST_GUILESS_MAIN(ClipTest)
#include "clip_test.moc"
