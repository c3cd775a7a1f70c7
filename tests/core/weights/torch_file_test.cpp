// Tests of reading core/weights/torch_file.h: everything that Python's torch.save wrote into tests/golden/weights.
#include "core/weights/torch_file.h"

#include "core/weights/dtypes.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;
using Kind = PickleValue::Kind;

class TorchFileTest : public QObject {
  Q_OBJECT

  static PickleValue read(const std::string& name, const QString& format) {
    return readTorchFile(golden(name + format.toStdString()));
  }

  static void bothFormats() {
    QTest::addColumn<QString>("format");
    QTest::newRow("zip") << QStringLiteral(".pt");
    QTest::newRow("legacy") << QStringLiteral(".legacy.pt");
  }

  static void checkStateDict(const NamedTensors& tensors, const std::string& prefix = {}) {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors) names.push_back(name);
    std::vector<std::string> wanted;
    for (const char* name : {"a.weight", "a.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
                             "norm.num_batches_tracked"})
      wanted.push_back(prefix + name);
    QCOMPARE(names, wanted);
    QVERIFY(same(tensors[0].second, expected({2, 3}, at::kFloat)));
    QVERIFY(same(tensors[1].second, expected({2}, at::kFloat)));
    QVERIFY(same(tensors[6].second, at::zeros({}, at::kLong)));
  }

 private Q_SLOTS:
  void tensors_data() { bothFormats(); }
  void tensors() {
    QFETCH(QString, format);
    QVERIFY(same(read("tensor", format).asTensor(), expected({3, 4}, at::kFloat)));
    const at::Tensor parameter = read("parameter", format).asTensor();
    QVERIFY(same(parameter, expected({3, 4}, at::kFloat)));
    QVERIFY(!parameter.requires_grad());
    QCOMPARE(read("scalar", format).asTensor().item<float>(), 2.5f);
    QCOMPARE(read("scalar", format).asTensor().dim(), int64_t(0));
    QVERIFY((read("empty", format).asTensor().sizes() == at::IntArrayRef{0, 5}));
  }

  void everyDtype_data() { bothFormats(); }
  void everyDtype() {
    QFETCH(QString, format);
    for (const char* file : {"dtypes", "young_dtypes"}) {
      const PickleValue value = read(file, format);
      QVERIFY(value.asPairs().size() >= 4);
      for (const auto& [name, tensor] : value.asPairs()) {
        const at::ScalarType type = dtypeOfName(name.asString());
        QVERIFY2(same(tensor.asTensor(), expected({2, 3}, type)), name.asString().c_str());
      }
    }
  }

  void stateDicts_data() { bothFormats(); }
  void stateDicts() {
    QFETCH(QString, format);
    const fs::path plain = golden("state_dict" + format.toStdString());
    checkStateDict(readStateDict(plain));
    QVERIFY(readTorchFile(plain).isOrderedDict());
    const fs::path nested = golden("nested" + format.toStdString());
    checkStateDict(readStateDict(nested));
    const PickleValue value = readTorchFile(nested);
    QCOMPARE(value.find("cfg")->find("lr")->asDouble(), 1e-4);
    QCOMPARE(value.find("cfg")->find("layers")->asItems().size(), size_t(2));
    QCOMPARE(value.find("step")->asInt(), int64_t(10));
    QVERIFY(same(readTorchTensor(nested, "a.weight"), expected({2, 3}, at::kFloat)));
    QVERIFY(same(readTorchTensor(plain, "a.weight"), expected({2, 3}, at::kFloat)));
  }

  void sharedAndStridedStorages_data() { bothFormats(); }
  void sharedAndStridedStorages() {
    QFETCH(QString, format);
    const PickleValue value = read("shared", format);
    const at::Tensor t = expected({4, 6}, at::kFloat), whole = value.find("whole")->asTensor();
    QVERIFY(same(whole, t));
    QVERIFY(same(value.find("rows")->asTensor(), t.narrow(0, 1, 2)));
    QVERIFY(same(value.find("turned")->asTensor(), t.t()));
    QVERIFY(same(value.find("every_second")->asTensor(), t.slice(1, 0, 6, 2)));
    QVERIFY(same(value.find("wide")->asTensor(), t[0][0].expand({3, 2})));
    for (const auto& [name, view] : value.asPairs())
      QVERIFY2(view.asTensor().storage().is_alias_of(whole.storage()), name.asString().c_str());
  }

  void plainValues_data() { bothFormats(); }
  void plainValues() {
    QFETCH(QString, format);
    checkPlain(read("plain", format));
  }

  static void checkPlain(const PickleValue& value) {
    QVERIFY(value.find("none")->isNone());
    QCOMPARE(value.find("yes")->asBool(), true);
    QCOMPARE(value.find("no")->asBool(), false);
    QCOMPARE(value.find("int")->asInt(), int64_t(7));
    QCOMPARE(value.find("negative")->asInt(), int64_t(-70000));
    QCOMPARE(value.find("wide")->asInt(), int64_t(1) << 40);
    QCOMPARE(value.find("wider")->asOpaque().name, std::string("builtins.int"));
    QCOMPARE(value.find("float")->asDouble(), 0.1);
    QCOMPARE(value.find("text")->asString(), std::string("Größe ★"));
    const std::string& bytes = value.find("bytes")->asBytes();
    QCOMPARE(bytes.size(), size_t(256));
    for (size_t i = 0; i < 256; ++i) QCOMPARE(uint8_t(bytes[i]), uint8_t(i));
    const auto& list = value.find("list")->asItems();
    QCOMPARE(list.size(), size_t(3));
    QCOMPARE(list[1].asItems()[1].asString(), std::string("x"));
    QVERIFY(list[2].kind() == Kind::Tuple && list[2].asItems().empty());
    QVERIFY(value.find("tuple")->kind() == Kind::Tuple);
    QVERIFY(value.find("ordered")->isOrderedDict() && !value.isOrderedDict());
    QCOMPARE(value.find("ordered")->asPairs()[0].first.asString(), std::string("b"));
    QVERIFY(value.find("default")->find("x")->kind() == Kind::List);
    QVERIFY(value.find("nothing") == nullptr);
    bool five = false;
    for (const auto& [key, item] : value.asPairs()) five = five || (key.kind() == Kind::Int && key.asInt() == 5);
    QVERIFY(five);
  }

  void numpyValues_data() { bothFormats(); }
  void numpyValues() {
    QFETCH(QString, format);
    checkNumpy(read("numpy", format));
  }

  static void checkNumpy(const PickleValue& value) {
    QVERIFY(same(value.find("f4")->asTensor(), expected({2, 3}, at::kFloat)));
    QVERIFY(same(value.find("fortran")->asTensor(), expected({2, 3}, at::kDouble)));
    QVERIFY(same(value.find("i8")->asTensor(), at::arange(6)));
    QVERIFY(same(value.find("bool")->asTensor(), expected({6}, at::kBool)));
    QCOMPARE(value.find("scalar")->asDouble(), 0.5);
    QCOMPARE(value.find("count")->asInt(), int64_t(3));
    QCOMPARE(value.find("flag")->asBool(), true);
    QVERIFY(value.find("text")->kind() == Kind::Opaque);
  }

  void everyProtocol() {
    for (const char* protocol : {"1", "3", "4", "5"}) {
      const fs::path path = golden(std::string("protocol") + protocol + ".pt");
      checkStateDict(readStateDict(path));
      const PickleValue value = readTorchFile(path);
      checkPlain(*value.find("plain"));
      checkNumpy(*value.find("numpy"));
    }
  }

  void otherClassesStayNames_data() { bothFormats(); }
  void otherClassesStayNames() {
    QFETCH(QString, format);
    const PickleValue value = read("opaque", format);
    const auto& config = value.find("config")->asOpaque();
    QCOMPARE(config.name, std::string("foreign.Config"));
    QVERIFY(config.instance);
    QCOMPARE(config.state->find("width")->asInt(), int64_t(3));
    const auto& dtype = value.find("dtype")->asOpaque();
    QCOMPARE(dtype.name, std::string("torch.bfloat16"));
    QVERIFY(!dtype.instance);
    QCOMPARE(value.find("device")->asOpaque().name, std::string("torch.device"));
    QCOMPARE(value.find("size")->asItems()[1].asInt(), int64_t(3));
    QCOMPARE(value.find("set")->asOpaque().arguments[0].asInt(), int64_t(1));
    QCOMPARE(value.find("namespace")->asOpaque().state->find("lr")->asDouble(), 0.5);
    const auto& bag = value.find("bag")->asOpaque();
    QCOMPARE(bag.name, std::string("foreign.Bag"));
    QCOMPARE(bag.items[0].first.asString(), std::string("x"));
    const auto& evil = value.find("evil")->asOpaque();
    QCOMPARE(evil.name, std::string("posix.system"));
    QVERIFY(evil.arguments[0].asString().starts_with("touch "));
    QVERIFY(!fs::exists("/tmp/sememe-was-here"));
    QVERIFY(same(value.find("tensor")->asTensor(), expected({2, 2}, at::kFloat)));
  }

  void tensorsWithAttributesAreTensors_data() { bothFormats(); }
  void tensorsWithAttributesAreTensors() {
    QFETCH(QString, format);
    const PickleValue value = read("subclass", format);
    for (const char* name : {"attributed", "marked"})
      QVERIFY2(same(value.find(name)->asTensor(), expected({2, 2}, at::kFloat)), name);
  }

  void viewsOfStorages() {
    const at::Tensor tensor = readTorchFile(golden("storage_view.legacy.pt")).asTensor();
    QVERIFY(same(tensor, expected({6}, at::kFloat).narrow(0, 3, 3)));
  }

  void bytesBeforeTheArchive() { checkStateDict(readStateDict(golden("after_a_line.pt"))); }

  void tensorsOutliveTheFile() {
    at::Tensor tensor = readTorchTensor(golden("tensor.pt"));
    QVERIFY(same(tensor, expected({3, 4}, at::kFloat)));
  }

  void saysWhatItDoesNotRead() {
    for (const char* name : {"compressed", "big_endian", "torchscript"})
      QCOMPARE(codeOf([&] { readTorchFile(golden(std::string(name) + ".pt")); }), int(ErrorCode::Unsupported));
    Folder folder;
    std::string tar(512, '\0');
    tar.replace(257, 5, "ustar");
    writeBytes(folder / "old.pt", tar);
    QCOMPARE(codeOf([&] { readTorchFile(folder / "old.pt"); }), int(ErrorCode::Unsupported));
    writeBytes(folder / "plain.pt", "\x80\x02K\x05.");
    QCOMPARE(codeOf([&] { readTorchFile(folder / "plain.pt"); }), int(ErrorCode::Unsupported));
    writeBytes(folder / "text.pt", "hello");
    QCOMPARE(codeOf([&] { readTorchFile(folder / "text.pt"); }), int(ErrorCode::Corrupt));
    writeBytes(folder / "empty.pt", "");
    QCOMPARE(codeOf([&] { readTorchFile(folder / "empty.pt"); }), int(ErrorCode::Corrupt));
    QCOMPARE(codeOf([&] { readTorchFile(folder / "absent.pt"); }), int(ErrorCode::NotFound));
  }

  void namesWhatIsThere() {
    QCOMPARE(codeOf([] { readTorchTensor(golden("tensor.pt"), "a"); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([] { readTorchTensor(golden("dtypes.pt")); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([] { readTorchTensor(golden("plain.pt"), "text"); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([] { readStateDict(golden("tensor.pt")); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([] { readStateDict(golden("plain.pt")); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([] { readTorchTensor(golden("nested.pt"), "b"); }), int(ErrorCode::NotFound));
    const std::string message = messageOf([] { readTorchTensor(golden("nested.pt"), "b"); });
    for (const char* part : {"nested.pt", "'b'", "cfg", "state_dict"})
      QVERIFY2(message.find(part) != message.npos, message.c_str());
  }
};

QTEST_GUILESS_MAIN(TorchFileTest)
#include "torch_file_test.moc"
