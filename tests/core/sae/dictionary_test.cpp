// Loading, encoding, decoding and saving of dictionaries, against dictionary_learning's own and with broken files.
#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/batch_topk.h"
#include "core/weights/torch_file.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "sae";

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

// The code of the error that `work` throws, and its text for the failure message.
template <typename Work>
std::pair<int, std::string> failure(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
  return {-1, "nothing was thrown"};
}

NamedTensors goldenState() { return readStateDict(kGolden / "matryoshka_batch_topk_final" / "ae.pt"); }

}  // namespace

class DictionaryTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agreesWithTheLibrary_data();
  void agreesWithTheLibrary();
  void encodesTheLastAxis();
  void decodesPrefixes();
  void sparseEqualsDense();
  void keepsThresholdOfMinusOne();
  void savesAndLoads_data();
  void savesAndLoads();
  void decidesTopKByConfig();
  void bringsTheDecoderToUnitNorm();
  void refusesForeignKeys();
  void refusesBrokenStates_data();
  void refusesBrokenStates();
  void refusesBrokenTensors_data();
  void refusesBrokenTensors();
  void refusesBrokenFiles();
  void refusesWrongWidths();
  void knowsTypeNames();
};

void DictionaryTest::agreesWithTheLibrary_data() {
  QTest::addColumn<QString>("name");
  for (const char* name : {"standard", "gated", "topk", "batch_topk", "matryoshka_batch_topk", "matryoshka_weighted", "jumprelu"}) {
    QTest::newRow(name) << QString::fromLatin1(name);
  }
}

void DictionaryTest::agreesWithTheLibrary() {
  QFETCH(QString, name);
  const std::string text = name.toStdString();
  const fs::path golden = kGolden / (text + ".pt");
  const auto dictionary = loadDictionary(kGolden / (text + "_final"));  // the folder
  QCOMPARE(dictionary->activationDim(), 12);
  QCOMPARE(dictionary->dictSize(), 64);
  QCOMPARE(dictionary->type(), text.starts_with("matryoshka") ? SaeType::MatryoshkaBatchTopK : parseSaeType(text));
  QCOMPARE(dictionary->k(), saeTypeInfo(dictionary->type()).hasK ? 2 : 0);
  if (saeTypeInfo(dictionary->type()).hasK) QVERIFY(dictionary->threshold() > 0);
  const at::Tensor z = dictionary->encode(readTorchTensor(golden, "x"));
  const at::Tensor expected = readTorchTensor(golden, "z");
  QVERIFY(difference(z, expected) < 1e-5);
  QVERIFY(at::equal(z > 0, expected > 0));
  QVERIFY(difference(dictionary->decode(z), readTorchTensor(golden, "x_hat")) < 1e-5);
}

void DictionaryTest::encodesTheLastAxis() {
  const auto dictionary = loadDictionary(kGolden / "matryoshka_batch_topk_final");
  const at::Tensor x = readTorchTensor(kGolden / "matryoshka_batch_topk.pt", "x");
  const at::Tensor z = dictionary->encode(x);
  const at::Tensor cube = dictionary->encode(x.view({4, 12, 12}));
  QVERIFY(cube.sizes() == at::IntArrayRef({4, 12, 64}));
  QVERIFY(at::equal(cube.view({48, 64}), z));
  QVERIFY(dictionary->decode(cube).sizes() == at::IntArrayRef({4, 12, 12}));
  QVERIFY(difference(dictionary->encode(x[5]), z[5]) < 1e-6);
  QVERIFY(dictionary->encode(x.to(at::kHalf)).scalar_type() == at::kFloat);
  QVERIFY(dictionary->encode(at::zeros({0, 12})).sizes() == at::IntArrayRef({0, 64}));
}

void DictionaryTest::decodesPrefixes() {
  const auto dictionary = loadDictionary(kGolden / "matryoshka_batch_topk_final");
  QVERIFY(dictionary->groupSizes() == (std::vector<int64_t>{6, 12, 46}));
  const at::Tensor z = dictionary->encode(readTorchTensor(kGolden / "matryoshka_batch_topk.pt", "x"));
  at::Tensor prefix = z.clone();
  prefix.narrow(1, 18, 46).zero_();
  QVERIFY(difference(dictionary->decodePrefix(z, 2), dictionary->decode(prefix)) < 1e-5);
  QVERIFY(difference(dictionary->decodePrefix(z, 3), dictionary->decode(z)) < 1e-5);
  QVERIFY(difference(dictionary->decodePrefix(z, 0), dictionary->decoderBias().expand({48, 12})) == 0);
  QCOMPARE(failure([&] { dictionary->decodePrefix(z, 4); }).first, static_cast<int>(ErrorCode::Invalid));
  QCOMPARE(failure([&] { dictionary->decodePrefix(z, -1); }).first, static_cast<int>(ErrorCode::Invalid));
}

void DictionaryTest::sparseEqualsDense() {
  const auto dictionary = loadDictionary(kGolden / "batch_topk_final");
  const at::Tensor x = readTorchTensor(kGolden / "batch_topk.pt", "x");
  const at::Tensor z = dictionary->encode(x);
  for (const int64_t block : {1, 7, 48, 1000}) {
    const SparseCodes sparse = dictionary->encodeSparse(x, block);
    QCOMPARE(sparse.rows(), 48);
    QVERIFY(sparse.columns.scalar_type() == at::kInt && sparse.offsets.scalar_type() == at::kLong);
    at::Tensor dense = at::zeros({48, 64});
    for (int64_t row = 0; row < 48; ++row) {
      for (int64_t i = sparse.offsets[row].item<int64_t>(); i < sparse.offsets[row + 1].item<int64_t>(); ++i) {
        dense[row][sparse.columns[i].item<int64_t>()] = sparse.values[i];
      }
    }
    QVERIFY(difference(dense, z) < 1e-6);
    QVERIFY(difference(dictionary->decodeSparse(sparse), dictionary->decode(z)) < 1e-5);
  }
  const SparseCodes none = dictionary->encodeSparse(at::zeros({0, 12}));
  QCOMPARE(none.rows(), 0);
  QVERIFY(dictionary->decodeSparse(none).sizes() == at::IntArrayRef({0, 12}));
  SparseCodes hostile = dictionary->encodeSparse(x);
  hostile.columns = hostile.columns + 90;
  QCOMPARE(failure([&] { dictionary->decodeSparse(hostile); }).first, static_cast<int>(ErrorCode::Mismatch));
}

void DictionaryTest::keepsThresholdOfMinusOne() {
  BatchTopKWeights weights;
  weights.wEnc = at::tensor({1.0F, -1.0F}).view({1, 2});
  weights.bEnc = at::zeros({2});
  weights.wDec = at::tensor({1.0F, -1.0F}).view({2, 1});
  weights.bDec = at::tensor({0.5F});
  const BatchTopKDictionary dictionary(weights);
  // As the library: nothing is cut off while the threshold is still unset.
  QVERIFY(at::equal(dictionary.encode(at::tensor({0.75F, 0.0F}).view({2, 1})), at::tensor({0.25F, 0.0F, 0.0F, 0.5F}).view({2, 2})));
  weights.threshold = 0.25F;
  const BatchTopKDictionary cut(weights);
  QVERIFY(at::equal(cut.encode(at::tensor({0.75F, 0.0F}).view({2, 1})), at::tensor({0.0F, 0.0F, 0.0F, 0.5F}).view({2, 2})));
}

void DictionaryTest::savesAndLoads_data() { agreesWithTheLibrary_data(); }

void DictionaryTest::savesAndLoads() {
  QFETCH(QString, name);
  const fs::path original = kGolden / (name.toStdString() + "_final") / "ae.pt";
  QTemporaryDir folder;
  const fs::path path = fs::path(folder.path().toStdString()) / "ae.pt";
  const auto dictionary = loadDictionary(original);
  dictionary->save(path);
  fs::copy_file(original.parent_path() / "config.json", path.parent_path() / "config.json");
  const auto again = loadDictionary(path);
  QCOMPARE(again->fingerprint(), dictionary->fingerprint());
  // The library's own keys, order, shapes and dtypes, so that its from_pretrained loads the file.
  const NamedTensors expected = readStateDict(original), written = readStateDict(path);
  QCOMPARE(written.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    QCOMPARE(written[i].first, expected[i].first);
    QVERIFY(written[i].second.scalar_type() == expected[i].second.scalar_type());
    QVERIFY(at::equal(written[i].second, expected[i].second));
  }
  const auto other = loadDictionary(kGolden / (name.toStdString() + "_initial"));
  QVERIFY(other->fingerprint() != dictionary->fingerprint());
}

void DictionaryTest::decidesTopKByConfig() {
  QTemporaryDir temporary;
  const fs::path folder = temporary.path().toStdString();
  fs::create_directories(folder / "checkpoints");
  const fs::path file = folder / "ae.pt", checkpoint = folder / "checkpoints" / "ae_10.pt";
  fs::copy_file(kGolden / "batch_topk_final" / "ae.pt", file);
  fs::copy_file(file, checkpoint);
  QCOMPARE(loadDictionary(file)->type(), SaeType::BatchTopK);
  writeTextFile(folder / "config.json", R"({"trainer": {"dict_class": "BatchTopKSAE"}})");
  QCOMPARE(loadDictionary(checkpoint)->type(), SaeType::BatchTopK);
  writeTextFile(folder / "config.json", R"({"trainer": {"dict_class": "AutoEncoderTopK"}})");
  for (const fs::path& path : {file, checkpoint}) QCOMPARE(loadDictionary(path)->type(), SaeType::TopK);
  writeTextFile(folder / "config.json", "{\"trainer\": ");
  QCOMPARE(failure([&] { loadDictionary(file); }).first, static_cast<int>(ErrorCode::Corrupt));
  for (const char* odd : {"[]", "{}", "{\"trainer\": 3}", "{\"trainer\": {\"dict_class\": 7}}"}) {
    writeTextFile(folder / "config.json", odd);
    QCOMPARE(loadDictionary(file)->type(), SaeType::BatchTopK);
  }
  // The older spelling of the class changes nothing: the keys are the same.
  fs::remove(file);
  fs::copy_file(kGolden / "matryoshka_batch_topk_final" / "ae.pt", file);
  writeTextFile(folder / "config.json", R"({"trainer": {"dict_class": "MatroyshkaBatchTopKSAE"}})");
  QCOMPARE(loadDictionary(folder)->type(), SaeType::MatryoshkaBatchTopK);
}

// A standard dictionary of the library's April update: its rows have any norm, and from_pretrained scales them away.
void DictionaryTest::bringsTheDecoderToUnitNorm() {
  QTemporaryDir temporary;
  const fs::path path = fs::path(temporary.path().toStdString()) / "ae.pt";
  NamedTensors state = readStateDict(kGolden / "standard_final" / "ae.pt");
  const at::Tensor norms = at::linspace(0.5, 2, 64);
  for (auto& [name, tensor] : state) {
    if (name == "decoder.weight") tensor = tensor * norms;
    if (name == "encoder.weight") tensor = tensor / norms.unsqueeze(1);
    if (name == "encoder.bias") tensor = tensor / norms;
  }
  writeTorchFile(path, stateDictValue(state));
  const at::Tensor x = readTorchTensor(kGolden / "standard.pt", "x");
  const auto dictionary = loadDictionary(path);
  QVERIFY(difference(dictionary->encode(x), readTorchTensor(kGolden / "standard.pt", "z")) < 1e-5);
  QVERIFY(at::allclose(dictionary->decoderRows().norm(2, 1), at::ones({64})));
}

void DictionaryTest::refusesForeignKeys() {
  QTemporaryDir temporary;
  const fs::path path = fs::path(temporary.path().toStdString()) / "ae.pt";
  writeTorchFile(path, stateDictValue({{"visual.proj", at::ones({2, 2})}}));
  const auto [code, text] = failure([&] { loadDictionary(path); });
  QCOMPARE(code, static_cast<int>(ErrorCode::Unsupported));
  QVERIFY2(text.find("visual.proj") != std::string::npos, text.c_str());
}

void DictionaryTest::refusesBrokenStates_data() {
  QTest::addColumn<QString>("key");
  QTest::addColumn<int>("change");
  QTest::addColumn<int>("code");
  const auto row = [](const char* key, int change, ErrorCode code) {
    QTest::addRow("%s %d", key, change) << QString::fromLatin1(key) << change << static_cast<int>(code);
  };
  for (const char* key : {"W_enc", "b_enc", "W_dec", "b_dec"}) {
    row(key, 0, ErrorCode::Mismatch);  // one row fewer
    row(key, 1, ErrorCode::Corrupt);   // a NaN
    row(key, 2, ErrorCode::Mismatch);  // one axis more
    row(key, 3, ErrorCode::Mismatch);  // integers
  }
  row("threshold", 1, ErrorCode::Corrupt);
  row("threshold", 4, ErrorCode::Mismatch);  // several numbers
  row("k", 5, ErrorCode::Invalid);           // zero
  row("k", 6, ErrorCode::Invalid);           // enormous
  row("k", 4, ErrorCode::Mismatch);
  row("group_sizes", 0, ErrorCode::Invalid);
  row("group_sizes", 6, ErrorCode::Invalid);
  row("group_sizes", 7, ErrorCode::Invalid);  // negative, the sum being right
  row("group_sizes", 8, ErrorCode::Mismatch); // empty
}

void DictionaryTest::refusesBrokenStates() {
  QFETCH(QString, key);
  QFETCH(int, change);
  QFETCH(int, code);
  NamedTensors state = goldenState();
  for (auto& [name, tensor] : state) {
    if (name != key.toStdString()) continue;
    tensor = tensor.clone(at::MemoryFormat::Contiguous);
    switch (change) {
      case 0: tensor = tensor.narrow(0, 1, tensor.size(0) - 1); break;
      case 1: tensor.view(-1)[0] = std::numeric_limits<float>::quiet_NaN(); break;
      case 2: tensor = tensor.unsqueeze(0); break;
      case 3: tensor = tensor.to(at::kLong); break;
      case 4: tensor = at::ones({3}); break;
      case 5: tensor.zero_(); break;
      case 6: tensor = tensor.to(at::kLong).fill_(int64_t{1} << 62); break;
      case 7: tensor[0] = -6; tensor[1] = 6 + 12 + 6; break;
      default: tensor = at::empty({0}, at::kLong);
    }
  }
  QTemporaryDir temporary;
  const fs::path path = fs::path(temporary.path().toStdString()) / "ae.pt";
  writeTorchFile(path, stateDictValue(state));
  const auto [thrown, text] = failure([&] { loadDictionary(path); });
  QVERIFY2(thrown == code, text.c_str());
  QVERIFY2(text.find("ae.pt") != std::string::npos, text.c_str());
}

// Every tensor of every type: one too short, or with a NaN.
void DictionaryTest::refusesBrokenTensors_data() { agreesWithTheLibrary_data(); }

void DictionaryTest::refusesBrokenTensors() {
  QFETCH(QString, name);
  const fs::path original = kGolden / (name.toStdString() + "_final");
  QTemporaryDir temporary;
  const fs::path folder = temporary.path().toStdString();
  fs::copy_file(original / "config.json", folder / "config.json");
  const NamedTensors state = readStateDict(original / "ae.pt");
  for (size_t i = 0; i < state.size(); ++i) {
    if (state[i].second.dim() == 0 || state[i].second.scalar_type() != at::kFloat) continue;
    for (const bool isShort : {true, false}) {
      NamedTensors broken = state;
      at::Tensor& tensor = broken[i].second;
      tensor = tensor.clone(at::MemoryFormat::Contiguous);
      if (isShort) {
        tensor = tensor.narrow(0, 1, tensor.size(0) - 1);
      } else {
        tensor.view(-1)[3] = std::numeric_limits<float>::quiet_NaN();
      }
      writeTorchFile(folder / "ae.pt", stateDictValue(broken));
      const auto [code, text] = failure([&] { loadDictionary(folder); });
      QVERIFY2(code == static_cast<int>(isShort ? ErrorCode::Mismatch : ErrorCode::Corrupt), (state[i].first + ": " + text).c_str());
      QVERIFY2(text.find("ae.pt") != std::string::npos, text.c_str());
    }
  }
}

void DictionaryTest::refusesBrokenFiles() {
  QTemporaryDir temporary;
  const fs::path folder = temporary.path().toStdString();
  QCOMPARE(failure([&] { loadDictionary(folder); }).first, static_cast<int>(ErrorCode::NotFound));
  const std::string whole = readTextFile(kGolden / "matryoshka_batch_topk_final" / "ae.pt");
  for (size_t length = 0; length < whole.size(); length += whole.size() / 40) {
    writeTextFile(folder / "ae.pt", whole.substr(0, length));
    const auto [code, text] = failure([&] { loadDictionary(folder); });
    QVERIFY2(code >= 0, qPrintable(QString::number(length)));
  }
}

void DictionaryTest::refusesWrongWidths() {
  const auto dictionary = loadDictionary(kGolden / "batch_topk_final");
  const int mismatch = static_cast<int>(ErrorCode::Mismatch);
  QCOMPARE(failure([&] { dictionary->encode(at::zeros({3, 11})); }).first, mismatch);
  QCOMPARE(failure([&] { dictionary->encode(at::Tensor()); }).first, mismatch);
  QCOMPARE(failure([&] { dictionary->encodeSparse(at::zeros({3, 11})); }).first, mismatch);
  QCOMPARE(failure([&] { dictionary->decode(at::zeros({3, 63})); }).first, mismatch);
  QCOMPARE(failure([&] { dictionary->encodeSparse(at::zeros({3, 12}), 0); }).first, static_cast<int>(ErrorCode::Invalid));
}

void DictionaryTest::knowsTypeNames() {
  for (const SaeTypeInfo& info : saeTypes()) {
    QCOMPARE(parseSaeType(info.name), info.type);
    for (const std::string& name : info.classes) QCOMPARE(parseSaeType(name), info.type);
  }
  QCOMPARE(failure([] { parseSaeType("batchtopk"); }).first, static_cast<int>(ErrorCode::Invalid));
}

QTEST_GUILESS_MAIN(DictionaryTest)
#include "dictionary_test.moc"
