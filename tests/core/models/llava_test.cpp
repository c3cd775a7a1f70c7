// LLaVA against transformers' own numbers, in every published spelling of its keys, and halted in its vision tower.
#include "core/models/llava.h"

#include <QTemporaryDir>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/models/model_summary.h"
#include "tests/core/models/golden.h"
#include "tests/core/models/greedy.h"

using namespace sememe;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::throwsError;

namespace {

std::vector<int64_t> idsOf(const Expected& expected) {
  const at::Tensor ids = expected["ids"];
  return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
}

// As a processor of old writes a prompt: one token for an image.
std::vector<int64_t> folded(const std::vector<int64_t>& ids, int64_t image, int64_t each) {
  std::vector<int64_t> result;
  for (size_t i = 0; i < ids.size(); ++i) {
    result.push_back(ids[i]);
    if (ids[i] == image) i += size_t(each - 1);
  }
  return result;
}

}  // namespace

class LlavaTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsTransformers_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("CLIP, first key scheme, two images") << QStringLiteral("llava");
    QTest::newRow("SigLIP, newer scheme, three layers, all tokens") << QStringLiteral("llava_siglip");
  }

  void equalsTransformers() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    LoadReport report;
    const Llava llava = loadLlava(goldenFolder(name.toStdString()), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty() && report.otherParts.empty());
    const at::Tensor pixels = expected["pixels"];
    const at::Tensor features = llava->imageFeatures(pixels);
    QCOMPARE(features.size(1), llava->tokensPerImage());
    COMPARE_TENSORS(features, expected["features"]);
    const std::vector<int64_t> ids = idsOf(expected);
    const at::Tensor embeds = llava->embedPrompt(ids, features);
    COMPARE_TENSORS(embeds, expected["hidden.0"]);
    QVERIFY(
        llava->embedPrompt(folded(ids, llava->config().imageToken, llava->tokensPerImage()), features).equal(embeds));

    TapHooks hooks;
    std::vector<at::Tensor> outputs;
    for (int layer = 0; layer < llava->config().text.layers; ++layer)
      hooks.push_back({{TapPoint::PostMlpResidual, layer},
                       [&](const at::Tensor& x) { return outputs.push_back(x), at::Tensor(); }});
    const at::Tensor states = llava->language->forward(embeds, nullptr, hooks);
    outputs.back() = states;
    for (size_t i = 0; i < outputs.size(); ++i)
      COMPARE_TENSORS(outputs[i], expected["hidden." + std::to_string(i + 1)]);
    COMPARE_TENSORS(llava->language->logits(states), expected["logits"]);
    KvCache cache = llava->language->makeCache(1, 96);
    QVERIFY(sememe::test::greedy(*llava->language, embeds, 32, cache).equal(expected["greedy"]));
    QVERIFY(sememe::test::greedyAnew(*llava->language, embeds, 32).equal(expected["greedy"]));
  }

  // The tower runs once up to a tap; each edit runs only the rest.
  void haltsInTheTower_data() { equalsTransformers_data(); }
  void haltsInTheTower() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const Expected expected(name.toStdString());
    const Llava llava = loadLlava(goldenFolder(name.toStdString()));
    const at::Tensor pixels = expected["pixels"];
    const auto& read = llava->config().featureStates;
    const int last = *std::max_element(read.begin(), read.end());
    for (int layer = 0; layer < last; ++layer) {
      for (const TapPoint point :
           {TapPoint::AttentionOutput, TapPoint::InMlp, TapPoint::PostMlp, TapPoint::PostMlpResidual}) {
        const Tap tap{point, layer};
        const LlavaImagePass halted = llava->beginImage(pixels, tap);
        for (int again = 0; again < 2; ++again) COMPARE_TENSORS(llava->resumeImage(halted), expected["features"]);
        const auto edit = [](const at::Tensor& x) { return x * 2 - 1; };
        LlavaImagePass edited = halted;
        edited.pass.activation = edit(edited.pass.activation);
        const at::Tensor found = llava->resumeImage(edited);
        COMPARE_TENSORS(found, llava->imageFeatures(pixels, {{tap, edit}}));
        QVERIFY(sememe::test::difference(found, expected["features"]) > 1e-2);
      }
    }
    const Tap behind{TapPoint::AttentionOutput, last};
    if (last < llava->config().visionLayers())
      QVERIFY(throwsError(ErrorCode::Invalid, [&] { llava->beginImage(pixels, behind); }, {"change nothing"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llava->beginImage(pixels, {TapPoint::PostProjection, -1}); }));
  }

  // One set of weights under all the spellings that were published.
  void keySchemes_data() {
    QTest::addColumn<QString>("tower");
    QTest::addColumn<QString>("projector");
    QTest::addColumn<QString>("decoder");
    QTest::addColumn<QString>("head");
    const auto row = [](const char* name, const char* tower, const char* projector, const char* decoder,
                        const char* head) {
      QTest::newRow(name) << QString::fromLatin1(tower) << QString::fromLatin1(projector)
                          << QString::fromLatin1(decoder) << QString::fromLatin1(head);
    };
    row("first", "vision_tower.vision_model.", "multi_modal_projector.", "language_model.model.",
        "language_model.lm_head.");
    row("second", "model.vision_tower.vision_model.", "model.multi_modal_projector.", "model.language_model.",
        "lm_head.");
    row("third", "model.vision_tower.", "model.multi_modal_projector.", "model.language_model.", "lm_head.");
    row("first, bare tower", "vision_tower.", "multi_modal_projector.", "language_model.model.",
        "language_model.lm_head.");
  }

  void keySchemes() {
    QFETCH(QString, tower);
    QFETCH(QString, projector);
    QFETCH(QString, decoder);
    QFETCH(QString, head);
    const torch::NoGradGuard guard;
    const QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    const auto file = SafetensorsFile::open(goldenFolder("llava") / "model.safetensors");
    const std::pair<std::string, std::string> rules[] = {{"vision_tower.vision_model.", tower.toStdString()},
                                                         {"multi_modal_projector.", projector.toStdString()},
                                                         {"language_model.model.", decoder.toStdString()},
                                                         {"language_model.lm_head.", head.toStdString()}};
    std::map<std::string, at::Tensor> weights;
    for (const std::string& key : file->keys())
      for (const auto& [before, after] : rules)
        if (key.starts_with(before)) weights.emplace(after + key.substr(before.size()), file->tensor(key));
    QCOMPARE(weights.size(), file->keys().size());
    writeSafetensors(folder / "model.safetensors", weights);
    writeTextFile(folder / "config.json", readTextFile(goldenFolder("llava") / "config.json"));
    LoadReport report;
    const Llava llava = loadLlava(folder, {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty());
    const Expected expected("llava");
    const at::Tensor embeds = llava->embedPrompt(idsOf(expected), llava->imageFeatures(expected["pixels"]));
    COMPARE_TENSORS(llava->language->logits(llava->language->forward(embeds)), expected["logits"]);
  }

  void prompts() {
    const torch::NoGradGuard guard;
    const Llava llava = loadLlava(goldenFolder("llava"));
    const int64_t image = llava->config().imageToken, each = llava->tokensPerImage();
    QCOMPARE(each, int64_t{4});
    QCOMPARE(llava->expandImageTokens({5, image, 6}, 1), (std::vector<int64_t>{5, image, image, image, image, 6}));
    QCOMPARE(llava->expandImageTokens({5, 6}, 0), (std::vector<int64_t>{5, 6}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { llava->expandImageTokens({5, image, image, 6}, 1); },
                        {"2 image tokens", "4"}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { llava->expandImageTokens({5, image}, 0); }));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { llava->embedPrompt({5, image}, at::zeros({1, 3, 48})); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llava->embedPrompt({}, {}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { llava->embedPrompt({5, 97}, {}); }));
    QCOMPARE(llava->embedPrompt({5, 6}, {}).size(1), int64_t{2});
  }

  void configs() {
    // What llava-1.5-7b-hf says, and transformers' defaults for the rest.
    const LlavaConfig c = parseLlavaConfig(
        R"({"model_type": "llava", "image_token_index": 32000, "projector_hidden_act": "gelu", "vision_feature_layer": -2,
            "vision_feature_select_strategy": "default",
            "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "vocab_size": 32064},
            "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
                              "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14}})",
        "here");
    QCOMPARE(c.featureStates, std::vector<int>{23});
    QCOMPARE(c.text.hiddenSize, int64_t{4096});
    QCOMPARE(c.text.layers, int64_t{32});
    QCOMPARE(std::get<ClipVisionConfig>(c.vision).tokens(), int64_t{577});
    QCOMPARE(parseLlavaConfig(R"({"model_type": "llava"})", "here").visionLayers(), int64_t{24});
    const auto fails = [](const char* text, ErrorCode code, const char* word) {
      return throwsError(code, [&] { parseLlavaConfig(text, "here"); }, {word});
    };
    QVERIFY(fails(R"({"model_type": "llava_next"})", ErrorCode::Unsupported, "llava"));
    QVERIFY(fails(R"({"model_type": "llava", "text_config": {"model_type": "mistral"}})", ErrorCode::Unsupported,
                  "text_config.model_type"));
    QVERIFY(fails(R"({"model_type": "llava", "vision_config": {"model_type": "pixtral"}})", ErrorCode::Unsupported,
                  "siglip_vision_model"));
    QVERIFY(
        fails(R"({"model_type": "llava", "vision_feature_layer": 25})", ErrorCode::Invalid, "vision_feature_layer"));
    QVERIFY(
        fails(R"({"model_type": "llava", "vision_feature_layer": []})", ErrorCode::Invalid, "vision_feature_layer"));
    QVERIFY(fails(R"({"model_type": "llava", "vision_feature_select_strategy": "most"})", ErrorCode::Invalid, "full"));
  }

  // Every family's summary, and what is said of one that is not supported.
  void summaries() {
    for (const char* name : {"clip", "clip_text", "clip_vision_bare", "siglip", "siglip_vision_fp16", "dinov2",
                             "dinov2_registers", "llama", "llama_linear", "llava", "llava_siglip"}) {
      const ModelSummary summary = summariseModel(goldenFolder(name));
      QVERIFY2(summary.report.missing.empty() && summary.report.unused.empty(), name);
      QCOMPARE(summary.facts.front().first, std::string("family"));
      QVERIFY(summary.report.parameters > 0 && summary.report.bytes > 0);
      QCOMPARE(summary.readsImages, !std::string(name).starts_with("llama") && std::string(name) != "clip_text");
    }
    const QTemporaryDir dir;
    const std::filesystem::path folder = dir.path().toStdString();
    writeTextFile(folder / "config.json", R"({"model_type": "qwen2_vl"})");
    QVERIFY(throwsError(ErrorCode::Unsupported, [&] { summariseModel(folder); },
                        {"qwen2_vl", "clip", "siglip", "dinov2_with_registers", "llama", "llava"}));
    for (const auto& load :
         std::vector<std::function<void()>>{[&] { loadVisionModel(folder); }, [&] { loadTextModel(folder); },
                                            [&] { loadLlama(folder); }, [&] { loadLlava(folder); }})
      QVERIFY(throwsError(ErrorCode::Unsupported, load, {"qwen2_vl", "expected"}));
  }
};

QTEST_GUILESS_MAIN(LlavaTest)
#include "llava_test.moc"
