// DINOv2 against transformers' own numbers: plain, SwiGLU and registers, at its own and at other image sizes.
#include "core/models/dinov2.h"

#include "core/models/mixed_precision.h"
#include "tests/core/models/golden.h"

using namespace sememe;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::throwsError;

class Dinov2Test : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsTransformers_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("special");
    QTest::newRow("plain") << QStringLiteral("dinov2") << 1;
    QTest::newRow("swiglu, no mask token, no qkv bias") << QStringLiteral("dinov2_swiglu") << 1;
    QTest::newRow("registers") << QStringLiteral("dinov2_registers") << 4;
  }

  void equalsTransformers() {
    QFETCH(QString, name);
    QFETCH(int, special);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    LoadReport report;
    const auto model = loadVisionModel(goldenFolder(name.toStdString()), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty() && report.otherParts.empty());
    QCOMPARE(model->info().tokens, int64_t(16 + special));
    QCOMPARE(model->info().specialTokens, int64_t(special));
    QCOMPARE(model->info().embeddingDim, int64_t(30));
    for (const std::string prefix : {"", "wide."}) {
      const at::Tensor pixels = expected[prefix + "pixels"];
      const auto states = model->hiddenStates(pixels);
      QCOMPARE(states.size(), size_t(4));
      for (size_t i = 0; i < states.size(); ++i)
        COMPARE_TENSORS(states[i], expected[prefix + "hidden." + std::to_string(i)]);
      COMPARE_TENSORS(model->forwardTo(pixels, {TapPoint::PostMlpResidual, 1}), expected[prefix + "hidden.2"]);
      COMPARE_TENSORS(model->embed(pixels), expected[prefix + "pooled"]);
      COMPARE_TENSORS(model->forwardTo(pixels, {TapPoint::PostProjection, -1}), expected[prefix + "pooled"]);
    }
  }

  void maskedPatches_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("plain") << QStringLiteral("dinov2");
    QTest::newRow("registers") << QStringLiteral("dinov2_registers");
  }

  void maskedPatches() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    const auto model = std::dynamic_pointer_cast<Dinov2ModelImpl>(loadVisionModel(goldenFolder(name.toStdString())));
    at::Tensor mask = at::zeros({1, 16}, at::kBool);
    for (const int patch : {1, 7, 8}) mask[0][patch] = true;
    COMPARE_TENSORS(model->forward(expected["pixels"], mask), expected["masked.last"]);
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->forward(expected["pixels"], mask.narrow(1, 0, 3)); }));
  }

  void innerTaps() {
    const torch::NoGradGuard guard;
    const Expected expected("dinov2");
    const auto model = loadVisionModel(goldenFolder("dinov2"));
    const at::Tensor pixels = expected["pixels"], before = expected["hidden.1"], after = expected["hidden.2"];
    const at::Tensor attention = model->forwardTo(pixels, {TapPoint::AttentionOutput, 1});
    const at::Tensor mlp = model->forwardTo(pixels, {TapPoint::PostMlp, 1});
    COMPARE_TENSORS(before + attention + mlp, after);
    const at::Tensor in = model->forwardTo(pixels, {TapPoint::InMlp, 1});
    const auto& layer = dynamic_cast<Dinov2ModelImpl&>(*model).encoder->layers[1];
    COMPARE_TENSORS(layer->mlp->second->forward(in) * layer->scale2, mlp);
  }

  void initialisesAndTrains() {
    torch::manual_seed(0);
    Dinov2Config config;
    config.hiddenSize = 32;
    config.layers = 2;
    config.heads = 4;
    config.imageSize = 42;
    Dinov2Model model(config);
    QVERIFY(std::abs(model->encoder->layers[0]->mlp->first->weight.std().item<double>() - 0.02) < 0.002);
    QCOMPARE(model->maskToken.abs().max().item<double>(), 0.0);
    QCOMPARE(model->encoder->layers[1]->scale2.min().item<double>(), 1.0);

    const at::Tensor pixels = at::randn({4, 3, 42, 42}), target = at::randn({4, 32});
    const at::Tensor mask = at::rand({4, 9}) < 0.3;
    torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(3e-3));
    double first = 0, last = 0;
    for (int step = 0; step < 50; ++step) {
      at::Tensor tokens;
      {
        const MixedPrecision mixed;
        tokens = model->forward(pixels, mask);
      }
      const at::Tensor loss = (tokens.select(1, 0) - target).square().mean();
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      (step == 0 ? first : last) = loss.item<double>();
    }
    QVERIFY2(last < 0.6 * first, qPrintable(QStringLiteral("%1 to %2").arg(first).arg(last)));
    for (const auto& item : model->named_parameters()) QVERIFY2(item.value().grad().defined(), item.key().c_str());
  }

  void badInputIsAnError() {
    const torch::NoGradGuard guard;
    const auto model = loadVisionModel(goldenFolder("dinov2"));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embed(at::zeros({1, 3, 13, 56})); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embed(at::zeros({1, 1, 56, 56})); }));
    QVERIFY(throwsError(ErrorCode::Invalid,
                        [&] { model->forwardTo(at::zeros({1, 3, 56, 56}), {TapPoint::PostMlpResidual, 3}); }));
  }
};

QTEST_GUILESS_MAIN(Dinov2Test)
#include "dinov2_test.moc"
