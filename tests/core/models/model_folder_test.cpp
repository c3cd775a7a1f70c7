// Model folders: what is read, reported and refused, and that a written folder reads back the same.
#include <QTemporaryDir>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/files.h"
#include "core/models/clip.h"
#include "core/models/dinov2.h"
#include "tests/core/models/golden.h"

using namespace sememe;
using sememe::test::Expected;
using sememe::test::goldenFolder;
using sememe::test::throwsError;
namespace fs = std::filesystem;

namespace {

std::map<std::string, at::Tensor> weightsOf(const std::string& golden) {
  const auto file = SafetensorsFile::open(goldenFolder(golden) / "model.safetensors");
  std::map<std::string, at::Tensor> weights;
  for (const std::string& key : file->keys()) weights.emplace(key, file->tensor(key));
  return weights;
}

// A folder with these weights and the golden folder's config.json, in which `changes` (a JSON merge patch) was made.
void writeFolder(const fs::path& folder, const std::string& golden, const std::map<std::string, at::Tensor>& weights,
                 const std::string& changes = "{}") {
  nlohmann::json config = nlohmann::json::parse(readTextFile(goldenFolder(golden) / "config.json"));
  config.merge_patch(nlohmann::json::parse(changes));
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << config.dump();
  writeSafetensors(folder / "model.safetensors", weights);
}

}  // namespace

class ModelFolderTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_temporary;
  int m_folders = 0;
  fs::path newFolder() {
    return fs::path(m_temporary.path().toStdString()) / std::to_string(m_folders++);
  }

 private Q_SLOTS:
  void otherTowerIsNotUnused() {
    LoadReport report;
    const auto model = loadVisionModel(goldenFolder("clip"), {}, &report);
    QVERIFY(report.unused.empty());
    QVERIFY(!report.otherParts.empty());
    for (const std::string& key : report.otherParts)
      QVERIFY(key.starts_with("text_") || key == "logit_scale");
    QCOMPARE(report.dtype, std::string("float32"));
    QCOMPARE(model->info().family, std::string("clip"));
    QCOMPARE(model->info().tokens, int64_t(17));

    loadVisionModel(goldenFolder("clip_vision_fp16"), {}, &report);
    QCOMPARE(report.dtype, std::string("float16"));
  }

  // pytorch_model.bin with position_ids and an old, sparse config.json holds the same model as "clip".
  void oldFolder() {
    const torch::NoGradGuard guard;
    LoadReport report;
    const ClipModel model = loadClipModel(goldenFolder("clip_bin"), {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty());
    const Expected expected("clip");
    COMPARE_TENSORS(model->embed(expected["pixels"]), expected["embeds"]);
    COMPARE_TENSORS(model->embedText(expected["ids"]), expected["text.embeds"]);
  }

  void missingAndUnusedKeys() {
    auto weights = weightsOf("clip");
    weights.erase("vision_model.encoder.layers.1.mlp.fc1.bias");
    weights.emplace("vision_model.extra.weight", at::zeros({2}));
    weights.emplace("surprise", at::zeros({3}));
    weights.emplace("vision_model.embeddings.position_ids", at::arange(17).unsqueeze(0));
    const fs::path folder = newFolder();
    writeFolder(folder, "clip", weights);
    QVERIFY(throwsError(ErrorCode::NotFound, [&] { loadVisionModel(folder); },
                        {"vision_model.encoder.layers.1.mlp.fc1.bias", folder.string()}));
    VisionInfo info;
    const LoadReport report = checkVisionModel(folder, &info);
    QCOMPARE(report.missing, std::vector<std::string>{"vision_model.encoder.layers.1.mlp.fc1.bias"});
    QCOMPARE(report.unused, (std::vector<std::string>{"surprise", "vision_model.extra.weight"}));
    QCOMPARE(info.hiddenSize, int64_t(36));
  }

  void optionalMaskToken() {
    auto weights = weightsOf("dinov2");
    weights.erase("embeddings.mask_token");
    const fs::path folder = newFolder();
    writeFolder(folder, "dinov2", weights);
    LoadReport report;
    const torch::NoGradGuard guard;
    const auto model = loadVisionModel(folder, {}, &report);
    QCOMPARE(report.missing, std::vector<std::string>{"embeddings.mask_token"});
    const Expected expected("dinov2");
    COMPARE_TENSORS(model->embed(expected["pixels"]), expected["pooled"]);
  }

  // As inside a classifier: every key behind a prefix, and a head that nobody needs.
  void prefixedDinov2() {
    std::map<std::string, at::Tensor> weights;
    for (const auto& [key, value] : weightsOf("dinov2")) weights.emplace("dinov2." + key, value);
    weights.emplace("classifier.weight", at::zeros({2, 60}));
    const fs::path folder = newFolder();
    writeFolder(folder, "dinov2", weights);
    LoadReport report;
    const torch::NoGradGuard guard;
    const auto model = loadVisionModel(folder, {}, &report);
    QCOMPARE(report.unused, std::vector<std::string>{"classifier.weight"});
    const Expected expected("dinov2");
    COMPARE_TENSORS(model->embed(expected["pixels"]), expected["pooled"]);
  }

  void wrongShapesAndTypes() {
    auto weights = weightsOf("clip");
    const std::string key = "vision_model.encoder.layers.0.self_attn.q_proj.weight";
    const fs::path folder = newFolder();
    weights[key] = at::zeros({36, 35});
    writeFolder(folder, "clip", weights);
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { loadVisionModel(folder); },
                        {key, "[36, 35]", "[36, 36]", folder.string()}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { checkVisionModel(folder); }));
    weights[key] = at::zeros({36, 36}, at::kInt);
    writeFolder(folder, "clip", weights);
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { loadVisionModel(folder); }, {key, "int32"}));
  }

  void brokenConfigs_data() {
    QTest::addColumn<QString>("changes");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("word");
    const auto row = [](const char* name, const char* changes, ErrorCode code, const char* word) {
      QTest::newRow(name) << QString::fromLatin1(changes) << int(code) << QString::fromLatin1(word);
    };
    row("another family", R"({"model_type": "vit"})", ErrorCode::Unsupported, "dinov2_with_registers");
    row("no family", R"({"model_type": null})", ErrorCode::Unsupported, "model_type");
    row("family of another type", R"({"model_type": 3})", ErrorCode::Invalid, "model_type");
    row("text tower only", R"({"model_type": "clip_text_model"})", ErrorCode::Unsupported, "clip_vision_model");
    row("width 0", R"({"vision_config": {"hidden_size": 0}})", ErrorCode::Invalid, "vision_config.hidden_size");
    row("negative layers", R"({"vision_config": {"num_hidden_layers": -1}})", ErrorCode::Invalid, "num_hidden_layers");
    row("huge width", R"({"vision_config": {"hidden_size": 99999999999}})", ErrorCode::Invalid, "hidden_size");
    row("beyond 63 bits", R"({"vision_config": {"hidden_size": 18446744073709551615}})", ErrorCode::Invalid, "hidden_size");
    row("a fraction", R"({"vision_config": {"patch_size": 14.5}})", ErrorCode::Invalid, "patch_size");
    row("a text for a number", R"({"vision_config": {"image_size": "56"}})", ErrorCode::Invalid, "image_size");
    row("not square", R"({"vision_config": {"image_size": [56, 42]}})", ErrorCode::Unsupported, "image_size");
    row("patch larger than image", R"({"vision_config": {"patch_size": 57}})", ErrorCode::Invalid, "patch_size");
    row("heads do not divide", R"({"vision_config": {"num_attention_heads": 5}})", ErrorCode::Invalid, "num_attention_heads");
    row("unknown activation", R"({"vision_config": {"hidden_act": "mish"}})", ErrorCode::Unsupported, "quick_gelu");
    row("list for an object", R"({"vision_config": [1]})", ErrorCode::Invalid, "vision_config");
    row("other width than the weights", R"({"vision_config": {"hidden_size": 40}})", ErrorCode::Mismatch, "expected");
    row("more layers than the weights", R"({"vision_config": {"num_hidden_layers": 5}})", ErrorCode::NotFound, "layers.3");
  }

  void brokenConfigs() {
    QFETCH(QString, changes);
    QFETCH(int, code);
    QFETCH(QString, word);
    const fs::path folder = newFolder();
    writeFolder(folder, "clip", weightsOf("clip"), changes.toStdString());
    QVERIFY(throwsError(static_cast<ErrorCode>(code), [&] { loadVisionModel(folder); }, {word.toStdString()}));
  }

  void brokenFiles() {
    const fs::path folder = newFolder();
    QVERIFY(throwsError(ErrorCode::NotFound, [&] { loadVisionModel(folder); }, {"config.json"}));
    writeFolder(folder, "clip", weightsOf("clip"));
    for (const char* text : {"", "{", "[]", "\"clip\"", "\xff\xfe", "{\"model_type\": \"cl"}) {
      std::ofstream(folder / "config.json", std::ios::trunc) << text;
      QVERIFY(throwsError(ErrorCode::Corrupt, [&] { loadVisionModel(folder); }, {"config.json"}));
    }
    writeFolder(folder, "clip", weightsOf("clip"));
    fs::resize_file(folder / "model.safetensors", fs::file_size(folder / "model.safetensors") / 2);
    QVERIFY(throwsError(ErrorCode::Corrupt, [&] { loadVisionModel(folder); }));
    fs::remove(folder / "model.safetensors");
    QVERIFY(throwsError(ErrorCode::NotFound, [&] { loadVisionModel(folder); }));
  }

  // transformers' defaults fill what config.json does not say.
  void defaults() {
    const ClipConfig clip = parseClipConfig(R"({"model_type": "clip", "text_config": null})", "here");
    QCOMPARE(clip.vision.hiddenSize, int64_t(768));
    QCOMPARE(clip.vision.patchSize, int64_t(32));
    QCOMPARE(clip.text.eosTokenId, int64_t(49407));
    QCOMPARE(clip.text.maxPositions, int64_t(77));
    QCOMPARE(clip.projectionDim, int64_t(512));
    const Dinov2Config plain = parseDinov2Config(R"({"model_type": "dinov2"})", "here");
    QCOMPARE(plain.patchSize, int64_t(14));
    QCOMPARE(plain.registerTokens, int64_t(0));
    const Dinov2Config registers = parseDinov2Config(R"({"model_type": "dinov2_with_registers"})", "here");
    QCOMPARE(registers.patchSize, int64_t(16));
    QCOMPARE(registers.registerTokens, int64_t(4));
    Dinov2Config giant;
    giant.hiddenSize = 1536;
    giant.swiGlu = true;
    QCOMPARE(giant.intermediateSize(), int64_t(4096));
  }

  void savedFoldersReadBack_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"clip", "clip_vision_fp16", "clip_vision_bare", "dinov2", "dinov2_swiglu", "dinov2_registers"})
      QTest::newRow(name) << QString::fromLatin1(name);
  }

  void savedFoldersReadBack() {
    QFETCH(QString, name);
    const torch::NoGradGuard guard;
    const std::string golden = name.toStdString();
    const Expected expected(golden);
    const std::shared_ptr<VisionModel> model =
        golden == "clip" ? loadClipModel(goldenFolder("clip")).ptr() : loadVisionModel(goldenFolder(golden));
    const fs::path folder = newFolder();
    saveModel(*model, folder);
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path().filename().string());
    std::sort(files.begin(), files.end());
    QCOMPARE(files, (std::vector<std::string>{"config.json", "model.safetensors"}));
    QCOMPARE(SafetensorsFile::open(folder / "model.safetensors")->metadata().at("format"), std::string("pt"));

    LoadReport report;
    const auto again = loadVisionModel(folder, {}, &report);
    QVERIFY(report.missing.empty() && report.unused.empty());
    const Tap last{TapPoint::PostMlpResidual, static_cast<int>(model->info().layers) - 1};
    QVERIFY(again->forwardTo(expected["pixels"], last).equal(model->forwardTo(expected["pixels"], last)));
    QCOMPARE(again->info().embeddingDim, model->info().embeddingDim);
    if (golden == "clip") {
      const ClipModel both = loadClipModel(folder);
      COMPARE_TENSORS(both->embedText(expected["ids"]), expected["text.embeds"]);
    }

    saveModel(*model, folder, at::kHalf);
    QCOMPARE(checkVisionModel(folder).dtype, std::string("float16"));
  }

  // A loaded model owns its weights: it trains, and the file may go.
  void loadedWeightsAreOurs() {
    const fs::path folder = newFolder();
    writeFolder(folder, "dinov2", weightsOf("dinov2"));
    const auto model = loadVisionModel(folder);
    fs::remove_all(folder);
    const Expected expected("dinov2");
    torch::optim::SGD optimizer(model->parameters(), 1e-3);
    model->embed(expected["pixels"]).sum().backward();
    optimizer.step();
    QVERIFY(model->embed(expected["pixels"]).isfinite().all().item<bool>());
  }

  void tapNames() {
    for (const TapPoint point : {TapPoint::PostMlpResidual, TapPoint::PostMlp, TapPoint::InMlp,
                                 TapPoint::AttentionOutput, TapPoint::PostProjection})
      QCOMPARE(parseTapPoint(tapPointName(point)), point);
    QCOMPARE(tapName({TapPoint::PostMlpResidual, 22}), std::string("22_post_mlp_residual"));
    QCOMPARE(tapName({TapPoint::PostProjection, -1}), std::string("-1_post_projection"));
    QVERIFY(throwsError(ErrorCode::Invalid, [] { parseTapPoint("resid"); }, {"post_mlp_residual", "attention_output"}));
  }
};

QTEST_GUILESS_MAIN(ModelFolderTest)
#include "model_folder_test.moc"
