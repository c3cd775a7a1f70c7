// SAELens' folders: its own latents, both ways, and broken files.
#include "core/sae/saelens.h"

#include <QTemporaryDir>
#include <QTest>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/safetensors.h"
#include "tests/support/failure.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "saelens";
const fs::path kLibrary = fs::path(GOLDEN_DIR) / "sae";

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

void copyFolder(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) fs::copy_file(entry.path(), to / entry.path().filename());
}

}  // namespace

class SaeLensTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agreesWithTheLibrary_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("type");
    const auto row = [](const char* name, SaeType type) { QTest::newRow(name) << QString::fromLatin1(name) << int(type); };
    row("standard", SaeType::Standard);
    row("standard_plain", SaeType::Standard);
    row("gated", SaeType::Gated);
    row("gated_plain", SaeType::Gated);
    row("jumprelu", SaeType::JumpRelu);
    row("jumprelu_centred", SaeType::JumpRelu);
    row("topk", SaeType::TopK);
    row("topk_rescaled", SaeType::TopK);
  }
  void agreesWithTheLibrary() {
    QFETCH(QString, name);
    QFETCH(int, type);
    const fs::path folder = kGolden / name.toStdString();
    const auto expected = SafetensorsFile::open(folder / "expected.safetensors");
    for (const fs::path& path : {folder, folder / "sae_weights.safetensors"}) {
      const auto dictionary = loadDictionary(path);
      QCOMPARE(int(dictionary->type()), type);
      const at::Tensor z = dictionary->encode(expected->tensor("x"));
      QVERIFY(at::equal(z > 0, expected->tensor("z") > 0));
      QVERIFY2(difference(z, expected->tensor("z")) < 1e-5, qPrintable(QString::number(difference(z, expected->tensor("z")))));
      QVERIFY(difference(dictionary->decode(z), expected->tensor("x_hat")) < 1e-4);
    }
  }

  // What we write gives the same latents when it is read again: as SAELens reads it, by the test above.
  void writesWhatItReads_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"standard", "gated", "topk", "batch_topk", "matryoshka_batch_topk", "jumprelu"})
      QTest::newRow(name) << QString::fromLatin1(name);
  }
  void writesWhatItReads() {
    QFETCH(QString, name);
    QTemporaryDir temporary;
    const fs::path folder = fs::path(temporary.path().toStdString()) / "out";
    const auto dictionary = loadDictionary(kLibrary / (name.toStdString() + "_final"));
    saveSaeLens(*dictionary, folder, {"a model", "blocks.1.hook_resid_post"});
    QVERIFY(isSaeLensFolder(folder));
    const auto again = loadDictionary(folder);
    const at::Tensor x = at::randn({50, 12}) * 3;
    const at::Tensor z = dictionary->encode(x);
    QVERIFY2(difference(again->encode(x), z) < 1e-4, qPrintable(QString::number(difference(again->encode(x), z))));
    QVERIFY(difference(again->decode(z), dictionary->decode(z)) < 1e-5);
    const auto config = nlohmann::json::parse(readTextFile(folder / "cfg.json"));
    QCOMPARE(config["d_sae"].get<int>(), 64);
    QCOMPARE(config["metadata"]["hook_name"].get<std::string>(), std::string("blocks.1.hook_resid_post"));
  }

  void readsOlderConfigs() {
    QTemporaryDir temporary;
    const fs::path folder = fs::path(temporary.path().toStdString()) / "old";
    copyFolder(kGolden / "topk", folder);
    writeTextFile(folder / "cfg.json", R"({"d_in": 10, "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3},
      "normalize_activations": null, "hook_point": "blocks.1.hook_resid_post"})");
    QCOMPARE(loadDictionary(folder)->type(), SaeType::TopK);
    QCOMPARE(loadDictionary(folder)->k(), 3);
  }

  void refusesWhatItCannotRead() {
    QTemporaryDir temporary;
    const fs::path folder = fs::path(temporary.path().toStdString()) / "broken";
    copyFolder(kGolden / "jumprelu", folder);
    const auto with = [&](const std::string& config) {
      writeTextFile(folder / "cfg.json", config);
      return failure([&] { loadDictionary(folder); });
    };
    QCOMPARE(with("{"), int(ErrorCode::Corrupt));
    QCOMPARE(with("[]"), int(ErrorCode::Corrupt));
    QCOMPARE(with(R"({"architecture": 7})"), int(ErrorCode::Corrupt));
    QCOMPARE(with(R"({"architecture": "temporal"})"), int(ErrorCode::Unsupported));
    QCOMPARE(with(R"({"architecture": "jumprelu", "normalize_activations": "layer_norm"})"), int(ErrorCode::Unsupported));
    QCOMPARE(with(R"({"architecture": "jumprelu", "finetuning_scaling_factor": true})"), int(ErrorCode::Unsupported));
    QCOMPARE(with(R"({"architecture": "gated"})"), int(ErrorCode::NotFound));  // weights of another architecture
    QCOMPARE(with(R"({"architecture": "topk", "k": 0})"), int(ErrorCode::Invalid));
    QCOMPARE(with(R"({"architecture": "topk", "k": 25})"), int(ErrorCode::Invalid));

    const std::string good = readTextFile(kGolden / "jumprelu/cfg.json");
    QCOMPARE(with(good), -1);
    const auto file = SafetensorsFile::open(kGolden / "jumprelu/sae_weights.safetensors");
    for (const std::string& key : file->keys()) {
      std::map<std::string, at::Tensor> tensors;
      for (const std::string& name : file->keys()) tensors.emplace(name, file->tensor(name).clone());
      tensors[key] = tensors[key].narrow(0, 1, tensors[key].size(0) - 1).contiguous();
      writeSafetensors(folder / "sae_weights.safetensors", tensors);
      QVERIFY2(with(good) == int(ErrorCode::Mismatch), key.c_str());
      tensors.erase(key);
      writeSafetensors(folder / "sae_weights.safetensors", tensors);
      QVERIFY2(with(good) == int(ErrorCode::NotFound), key.c_str());
    }
  }
};

QTEST_GUILESS_MAIN(SaeLensTest)
#include "saelens_test.moc"
