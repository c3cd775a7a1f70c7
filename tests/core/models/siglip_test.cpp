// SigLIP against transformers' own numbers: both towers, the pooling head, and the ways its folders are written.
#include "core/models/siglip.h"

#include <QTemporaryDir>

#include "core/base/files.h"
#include "tests/core/models/golden.h"

using namespace sememe;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::throwsError;

class SiglipTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void visionEqualsTransformers_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("both towers, bfloat16") << QStringLiteral("siglip");
    QTest::newRow("bare tower, float16, gelu") << QStringLiteral("siglip_vision_fp16");
  }

  void visionEqualsTransformers() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    LoadReport report;
    const auto model = loadVisionModel(goldenFolder(name.toStdString()), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty());
    QCOMPARE(report.otherParts.empty(), name != QStringLiteral("siglip"));
    QCOMPARE(model->info().family, std::string("siglip"));
    QCOMPARE(model->info().tokens, int64_t(16));  // of 58 pixels, two are left over
    QCOMPARE(model->info().specialTokens, int64_t(0));
    const at::Tensor pixels = expected["pixels"];
    const auto states = model->hiddenStates(pixels);
    QCOMPARE(int64_t(states.size()), model->info().layers + 1);
    for (size_t i = 0; i < states.size(); ++i) COMPARE_TENSORS(states[i], expected["hidden." + std::to_string(i)]);
    COMPARE_TENSORS(model->embed(pixels), expected["pooled"]);
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { model->embed(at::zeros({1, 3, 56, 56})); }, {"56x56", "58x58"}));
  }

  void textEqualsTransformers() {
    const torch::NoGradGuard guard;
    const Expected expected("siglip");
    LoadReport report;
    const auto model = loadTextModel(goldenFolder("siglip"), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty() && !report.otherParts.empty());
    QCOMPARE(model->info().embeddingDim, int64_t(14));
    const at::Tensor ids = expected["ids"];
    const auto states = model->hiddenStates(ids);
    for (size_t i = 0; i < states.size(); ++i) COMPARE_TENSORS(states[i], expected["text.hidden." + std::to_string(i)]);
    COMPARE_TENSORS(model->embed(ids), expected["text.embeds"]);
    COMPARE_TENSORS(model->forwardTo(ids, {TapPoint::PostMlpResidual, 0}), expected["text.hidden.1"]);
  }

  // Written by older versions of transformers: a tower alone, but with the prefix of both; and a tower without its
  // head.
  void otherFolders() {
    const torch::NoGradGuard guard;
    const Expected expected("siglip_vision_fp16");
    const QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    std::map<std::string, at::Tensor> weights;
    const auto file = SafetensorsFile::open(goldenFolder("siglip_vision_fp16") / "model.safetensors");
    for (const std::string& key : file->keys())
      if (!key.starts_with("head.")) weights.emplace("vision_model." + key, file->tensor(key));
    writeSafetensors(folder / "model.safetensors", weights);
    const std::string config = readTextFile(goldenFolder("siglip_vision_fp16") / "config.json");
    writeTextFile(folder / "config.json", config);
    QVERIFY(throwsError(ErrorCode::NotFound, [&] { loadVisionModel(folder); }, {"vision_model.head.probe"}));

    const size_t at = config.find("\"vision_use_head\": true");
    QVERIFY(at != std::string::npos);
    writeTextFile(folder / "config.json", std::string(config).replace(at, 23, "\"vision_use_head\": false"));
    const auto model = loadVisionModel(folder);
    QCOMPARE(model->info().embeddingDim, int64_t(0));
    COMPARE_TENSORS(model->hiddenStates(expected["pixels"]).back(), expected["hidden.2"]);
    QVERIFY(throwsError(ErrorCode::Unsupported, [&] { model->embed(expected["pixels"]); }, {"head"}));
  }

  void savedFolderReadsBack() {
    const torch::NoGradGuard guard;
    const Expected expected("siglip");
    const QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    saveModel(*loadVisionModel(goldenFolder("siglip")), folder);
    LoadReport report;
    COMPARE_TENSORS(loadVisionModel(folder, {}, &report)->embed(expected["pixels"]), expected["pooled"]);
    QVERIFY(report.missing.empty() && report.unused.empty() && report.otherParts.empty());
  }

  void configs() {
    const SiglipConfig config = parseSiglipConfig(
        R"({"model_type": "siglip", "vision_config": {"hidden_size": 1152, "image_size": 384, "patch_size": 14,
            "num_attention_heads": 16}, "text_config": {"hidden_size": 1152, "num_attention_heads": 16}})",
        "here");
    QCOMPARE(config.vision.tokens(), int64_t(27 * 27));
    QCOMPARE(config.text.projectionSize, int64_t(1152));
    QCOMPARE(config.text.maxPositions, int64_t(64));
    QVERIFY(throwsError(ErrorCode::Unsupported, [] { parseSiglipConfig(R"({"model_type": "siglip2"})", "here"); },
                        {"siglip2"}));
    QVERIFY(throwsError(
        ErrorCode::Invalid,
        [] { parseSiglipConfig(R"({"model_type": "siglip_vision_model", "num_attention_heads": 7})", "here"); },
        {"num_attention_heads"}));
  }
};

QTEST_GUILESS_MAIN(SiglipTest)
#include "siglip_test.moc"
