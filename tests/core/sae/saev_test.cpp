// saev's files against saev's own latents, and broken ones.
#include "core/sae/saev.h"

#include <QTemporaryDir>
#include <QTest>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/torch_file.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "saev";

template <typename Work>
int failure(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return static_cast<int>(error.code());
  }
  return -1;
}

}  // namespace

class SaevTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agreesWithTheLibrary_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("type");
    const auto row = [](const char* name, SaeType type) { QTest::newRow(name) << QString::fromLatin1(name) << int(type); };
    row("legacy_relu", SaeType::Standard);
    row("schema1_relu", SaeType::Standard);
    row("schema2_relu", SaeType::Standard);
    row("schema2_topk", SaeType::TopK);
    row("schema5_relu", SaeType::Standard);
    row("schema5_topk", SaeType::TopK);
    row("schema5_batchtopk", SaeType::BatchTopK);
  }
  void agreesWithTheLibrary() {
    QFETCH(QString, name);
    QFETCH(int, type);
    const fs::path path = kGolden / (name.toStdString() + ".pt"), io = kGolden / (name.toStdString() + "_io.pt");
    QVERIFY(isSaevFile(path));
    const auto dictionary = loadDictionary(path);
    QCOMPARE(int(dictionary->type()), type);
    QCOMPARE(dictionary->k(), type == int(SaeType::Standard) ? 0 : 4);
    const at::Tensor z = readTorchTensor(io, "z"), xHat = readTorchTensor(io, "x_hat");
    const at::Tensor ours = dictionary->encode(readTorchTensor(io, "x"));
    QVERIFY((ours - z).abs().max().item<double>() < 1e-5);
    QVERIFY(at::equal(ours > 0, z > 0));
    QVERIFY((dictionary->decode(z) - xHat).abs().max().item<double>() < 1e-5);
    // What we write of it is loaded again as it is.
    const QTemporaryDir dir;
    const fs::path out = dir.path().toStdString() + "/ae.pt";
    dictionary->save(out);
    QVERIFY(!isSaevFile(out));
  }

  void opensAFolder() {
    const QTemporaryDir dir;
    fs::copy_file(kGolden / "schema5_relu.pt", dir.path().toStdString() + "/sae.pt");
    QCOMPARE(loadDictionary(dir.path().toStdString())->dictSize(), 48);
  }

  void refusesWhatIsNotOne() {
    const QTemporaryDir dir;
    const fs::path path = dir.path().toStdString() + "/sae.pt";
    const std::string good = readTextFile(kGolden / "schema5_batchtopk.pt");
    const size_t end = good.find('\n');
    const std::string header = good.substr(0, end), rest = good.substr(end);
    const auto fails = [&](const std::string& content, ErrorCode code) {
      writeTextFile(path, content);
      return failure([&] { loadSaev(path); }) == int(code);
    };
    const auto with = [&](const std::string& from, const std::string& to) {
      std::string changed = header;
      changed.replace(changed.find(from), from.size(), to);
      return changed + rest;
    };
    QVERIFY(fails(with("\"schema\":5", "\"schema\":6"), ErrorCode::Unsupported));
    QVERIFY(fails(with("\"schema\":5", "\"schema\":\"5\""), ErrorCode::Corrupt));
    QVERIFY(fails(with("\"BatchTopK\"", "\"Softmax\""), ErrorCode::Unsupported));
    QVERIFY(fails(with("\"activation\"", "\"function\""), ErrorCode::Corrupt));
    QVERIFY(fails(with("\"top_k\":4", "\"top_k\":-4"), ErrorCode::Invalid));
    QVERIFY(fails(with("\"top_k\":4", "\"top_k\":\"x\""), ErrorCode::Corrupt));
    QVERIFY(fails(header.substr(0, 30) + rest, ErrorCode::Corrupt));
    QVERIFY(fails(std::string(2 << 20, ' ') + good, ErrorCode::Corrupt));
    QVERIFY(fails("{" + std::string(2 << 20, ' ') + "}\n", ErrorCode::Corrupt));
    QVERIFY(fails("", ErrorCode::Corrupt));
    QVERIFY(fails(header, ErrorCode::Corrupt));
    QVERIFY(fails(good.substr(0, good.size() - 100), ErrorCode::Corrupt));
    QVERIFY(!isSaevFile(path.parent_path()));
    QVERIFY(!isSaevFile(path.parent_path() / "absent"));
  }

  // Without the threshold that later versions keep, the k largest of each row count.
  void readsABatchTopKOfOld() {
    const QTemporaryDir dir;
    const fs::path path = dir.path().toStdString() + "/sae.pt", weights = dir.path().toStdString() + "/weights.pt";
    NamedTensors tensors;
    for (const auto& [name, tensor] : readStateDict(kGolden / "schema5_batchtopk.pt"))
      if (name != "activation.threshold") tensors.emplace_back(name, tensor);
    writeTorchFile(weights, stateDictValue(tensors));
    const std::string good = readTextFile(kGolden / "schema5_batchtopk.pt");
    writeTextFile(path, good.substr(0, good.find('\n') + 1) + readTextFile(weights));
    const auto dictionary = loadDictionary(path);
    QCOMPARE(dictionary->type(), SaeType::TopK);
    const at::Tensor x = readTorchTensor(kGolden / "schema5_batchtopk_io.pt", "x");
    QVERIFY(((dictionary->encode(x) > 0).sum(1) == 4).all().item<bool>());
  }
};

QTEST_GUILESS_MAIN(SaevTest)
#include "saev_test.moc"
