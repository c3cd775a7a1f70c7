// saev's files: its own latents at several points of its history, and broken files.
#include "core/sae/saev.h"

#include <QTemporaryDir>
#include <QTest>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/safetensors.h"
#include "core/weights/torch_file.h"

using namespace sememe;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(GOLDEN_DIR) / "saev";

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

class SaevTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void agreesWithTheLibrary_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("k");
    const auto row = [](const char* name, SaeType type, int k) { QTest::newRow(name) << QString::fromLatin1(name) << int(type) << k; };
    row("noschema_relu", SaeType::Standard, 0);
    row("schema1_relu", SaeType::Standard, 0);
    row("schema1_topk", SaeType::TopK, 4);
    row("schema2_relu", SaeType::Standard, 0);
    row("schema2_topk", SaeType::TopK, 4);
    row("schema2_batchtopk", SaeType::TopK, 4);  // row by row in that version
    row("schema3_topk", SaeType::TopK, 4);
    row("schema4_relu", SaeType::Standard, 0);
    row("schema4_batchtopk", SaeType::BatchTopK, 4);
    row("schema5_relu", SaeType::Standard, 0);
    row("schema5_topk", SaeType::TopK, 4);
    row("schema5_batchtopk", SaeType::BatchTopK, 4);
  }
  void agreesWithTheLibrary() {
    QFETCH(QString, name);
    QFETCH(int, type);
    QFETCH(int, k);
    const fs::path folder = kGolden / name.toStdString();
    const auto expected = SafetensorsFile::open(folder / "expected.safetensors");
    QVERIFY(isSaevFile(folder / "sae.pt"));
    for (const fs::path& path : {folder, folder / "sae.pt"}) {
      const auto dictionary = loadDictionary(path);
      QCOMPARE(int(dictionary->type()), type);
      QCOMPARE(dictionary->k(), k);
      const at::Tensor z = dictionary->encode(expected->tensor("x"));
      QVERIFY(at::equal(z > 0, expected->tensor("z") > 0));
      QVERIFY2(difference(z, expected->tensor("z")) < 1e-5, qPrintable(QString::number(difference(z, expected->tensor("z")))));
      QVERIFY(difference(dictionary->decode(expected->tensor("z")), expected->tensor("x_hat")) < 1e-5);
    }
  }

  // What we write of it, and what is no file, are not taken for saev's.
  void knowsItsFiles() {
    const fs::path folder = fs::path(m_folder.path().toStdString());
    loadDictionary(kGolden / "schema5_topk")->save(folder / "ae.pt");
    QVERIFY(!isSaevFile(folder / "ae.pt"));
    QVERIFY(!isSaevFile(folder));
    QVERIFY(!isSaevFile(folder / "absent"));
    check("", ErrorCode::Corrupt, "empty", "an empty file");
  }

  void findsTheFileOfARun() {
    QTemporaryDir temporary;
    const fs::path run = fs::path(temporary.path().toStdString());
    fs::create_directories(run / "checkpoint");
    fs::copy_file(kGolden / "schema5_topk/sae.pt", run / "checkpoint/sae.pt");
    QCOMPARE(loadDictionary(run)->type(), SaeType::TopK);
  }

  // Schema 1 with the activation inside, as its later files are.
  void readsBothSpellingsOfSchema1() {
    const at::Tensor x = at::randn({6, 16});
    const auto original = loadDictionary(kGolden / "schema1_topk");
    json header = headerOf("schema1_topk");
    header.erase("cls");
    header["cfg"].erase("top_k");
    header["cfg"]["activation"] = {{"cls", "TopK"}, {"params", {{"top_k", 4}}}};
    const auto other = loadDictionary(write(header.dump() + "\n" + stateOf("schema1_topk")));
    QVERIFY(at::equal(other->encode(x), original->encode(x)));
  }

  void refusesHeaders() {
    const auto refuses = [&](const std::string& header, ErrorCode code, const char* words) {
      check(header + "\n" + stateOf("schema5_topk"), code, words, header.substr(0, 60).c_str());
    };
    const json good = headerOf("schema5_topk");
    const auto changed = [&](const std::function<void(json&)>& change) {
      json header = good;
      change(header);
      return header.dump();
    };
    refuses("{", ErrorCode::Corrupt, "JSON");
    refuses("{\"schema\": 5", ErrorCode::Corrupt, "JSON");
    refuses("{}", ErrorCode::Unsupported, "neither schema nor d_vit");
    refuses(json{{"schema", 5}}.dump(), ErrorCode::Corrupt, "cfg");
    refuses(changed([](json& h) { h["schema"] = 6; }), ErrorCode::Unsupported, "there are 1 to 5");
    refuses(changed([](json& h) { h["schema"] = "5"; }), ErrorCode::Unsupported, "there are 1 to 5");
    refuses(changed([](json& h) { h["schema"] = 1e99; }), ErrorCode::Unsupported, "there are 1 to 5");
    refuses(changed([](json& h) { h["cfg"] = 7; }), ErrorCode::Corrupt, "cfg");
    refuses(changed([](json& h) { h["cfg"].erase("activation"); }), ErrorCode::Corrupt, "activation");
    refuses(changed([](json& h) { h["cfg"]["activation"]["cls"] = 5; }), ErrorCode::Corrupt, "cls");
    refuses(changed([](json& h) { h["cfg"]["activation"]["cls"] = "AbsBatchTopK"; }), ErrorCode::Unsupported, "Relu, TopK and BatchTopK");
    refuses(changed([](json& h) { h["cfg"]["activation"]["cls"] = "BatchTopK"; }), ErrorCode::NotFound, "activation.threshold");
    refuses(changed([](json& h) { h["cfg"]["activation"]["params"]["top_k"] = 0; }), ErrorCode::Corrupt, "top_k");
    refuses(changed([](json& h) { h["cfg"]["d_sae"] = "many"; }), ErrorCode::Corrupt, "d_sae");
    refuses(changed([](json& h) { h["cfg"]["d_model"] = 17; }), ErrorCode::Mismatch, "W_enc");
    refuses("{" + std::string(2 << 20, ' ') + "}", ErrorCode::Corrupt, "1 MiB");
  }

  void refusesTruncatedFiles() {
    const std::string whole = readTextFile(kGolden / "schema5_batchtopk/sae.pt");
    for (size_t size = 1; size + 1 < whole.size(); size += 41) {
      check(whole.substr(0, size), ErrorCode::Corrupt, "sae.pt", QByteArray::number(qulonglong(size)).constData());
    }
  }

  void refusesBrokenWeights() {
    const std::string header = headerOf("schema5_batchtopk").dump() + "\n";
    NamedTensors good;
    for (const auto& [key, tensor] : readStateDict(kGolden / "schema5_batchtopk/sae.pt")) good.emplace_back(key, tensor.clone());
    QCOMPARE(good.size(), size_t(5));
    for (size_t i = 0; i < good.size(); ++i) {
      const std::string key = good[i].first;
      NamedTensors changed = good;
      changed.erase(changed.begin() + std::ptrdiff_t(i));
      check(header + saved(changed), ErrorCode::NotFound, key.c_str(), "missing");
      changed = good;
      changed[i].second = at::full_like(good[i].second, std::numeric_limits<float>::quiet_NaN());
      check(header + saved(changed), ErrorCode::Corrupt, "", key.c_str());
      changed[i].second = at::zeros({3, 2, 2});
      check(header + saved(changed), ErrorCode::Mismatch, key.c_str(), "another shape");
      if (good[i].second.dim() == 0) continue;
      changed[i].second = good[i].second.narrow(0, 1, good[i].second.size(0) - 1).contiguous();
      check(header + saved(changed), ErrorCode::Mismatch, key.c_str(), "a row less");
    }
  }

 private:
  static json headerOf(const std::string& name) {
    const std::string text = readTextFile(kGolden / name / "sae.pt");
    return json::parse(text.substr(0, text.find('\n')));
  }
  static std::string stateOf(const std::string& name) {
    const std::string text = readTextFile(kGolden / name / "sae.pt");
    return text.substr(text.find('\n') + 1);
  }
  fs::path write(const std::string& content) const {
    const fs::path path = fs::path(m_folder.path().toStdString()) / "sae.pt";
    writeTextFile(path, content);
    return path;
  }
  std::string saved(const NamedTensors& tensors) const {
    const fs::path path = fs::path(m_folder.path().toStdString()) / "state.pt";
    writeTorchFile(path, stateDictValue(tensors));
    return readTextFile(path);
  }
  // That loading fails with this code and these words in its message.
  void check(const std::string& content, ErrorCode code, const char* words, const char* what) const {
    try {
      loadDictionary(write(content));
    } catch (const Error& error) {
      const std::string said = error.what();
      QVERIFY2(error.code() == code && said.find(words) != std::string::npos && said.find("sae.pt") != std::string::npos,
               (std::string(what) + ": " + said).c_str());
      return;
    }
    QFAIL((std::string(what) + " was read").c_str());
  }

  QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(SaevTest)
#include "saev_test.moc"
