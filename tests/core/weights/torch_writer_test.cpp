// Tests of writing core/weights/torch_file.h: round trips, shared storages, and the zip records.
#include <limits>

#include "core/weights/dtypes.h"
#include "core/weights/torch_file.h"
#include "core/weights/zip_archive.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;
using Kind = PickleValue::Kind;

class TorchWriterTest : public QObject {
  Q_OBJECT

  Folder m_folder;

  PickleValue roundTrip(const PickleValue& value) {
    writeTorchFile(m_folder / "x.pt", value);
    return readTorchFile(m_folder / "x.pt");
  }

 private Q_SLOTS:
  void tensorsOfEveryDtype() {
    for (const at::ScalarType type :
         {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort, at::kChar, at::kByte,
          at::kBool, at::kUInt16, at::kUInt32, at::kUInt64, at::kFloat8_e4m3fn, at::kFloat8_e5m2, at::kComplexFloat,
          at::kComplexDouble})
      for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {7}, {3, 4}, {0, 4}}) {
        writeTorchTensor(m_folder / "x.pt", expected(shape, type));
        QVERIFY2(same(readTorchTensor(m_folder / "x.pt"), expected(shape, type)), dtypeName(type).c_str());
      }
  }

  void plainValues() {
    const PickleValue value = roundTrip(PickleValue::dict({
        {"none", PickleValue()},
        {"bool", true},
        {"int", -5},
        {"wide", std::numeric_limits<int64_t>::min()},
        {"double", 0.1},
        {"nan", std::nan("")},
        {"text", "Größe ★"},
        {"bytes", PickleValue::bytes(std::string("\0\xff\x80z", 4))},
        {"list", PickleValue::list({1, "two", PickleValue::list({})})},
        {"tuple", PickleValue::tuple({1, 2.5})},
        {"dtype", PickleValue::opaque({"torch.float16", false, {}, {}, nullptr})},
        {PickleValue(3), "three"},
    }));
    QVERIFY(value.find("none")->isNone());
    QCOMPARE(value.find("bool")->asBool(), true);
    QCOMPARE(value.find("int")->asInt(), int64_t(-5));
    QCOMPARE(value.find("wide")->asInt(), std::numeric_limits<int64_t>::min());
    QCOMPARE(value.find("double")->asDouble(), 0.1);
    QVERIFY(std::isnan(value.find("nan")->asDouble()));
    QCOMPARE(value.find("text")->asString(), std::string("Größe ★"));
    QCOMPARE(value.find("bytes")->asBytes(), std::string("\0\xff\x80z", 4));
    QCOMPARE(value.find("list")->asItems().size(), size_t(3));
    QVERIFY(value.find("tuple")->kind() == Kind::Tuple);
    QCOMPARE(value.find("tuple")->asItems()[1].asDouble(), 2.5);
    QCOMPARE(value.find("dtype")->asOpaque().name, std::string("torch.float16"));
    QCOMPARE(value.asPairs().back().first.asInt(), int64_t(3));
  }

  void stateDictsKeepTheirOrder() {
    const NamedTensors tensors = {{"z.weight", at::ones({2, 3})}, {"a.bias", at::zeros({3})}};
    writeTorchFile(m_folder / "state.pt", stateDictValue(tensors));
    QVERIFY(readTorchFile(m_folder / "state.pt").isOrderedDict());
    const NamedTensors back = readStateDict(m_folder / "state.pt");
    QCOMPARE(back.size(), size_t(2));
    QCOMPARE(back[0].first, std::string("z.weight"));
    QVERIFY(same(back[0].second, tensors[0].second) && same(back[1].second, tensors[1].second));
  }

  void sharedStoragesAreWrittenOnce() {
    const at::Tensor base = expected({1000}, at::kFloat);
    const PickleValue value = roundTrip(PickleValue::list(
        {base, base.narrow(0, 10, 5), base.view({10, 100}).t(), base, base.slice(0, 0, 1000, 3)}));
    QVERIFY(fs::file_size(m_folder / "x.pt") < 2 * 4000);
    const at::Tensor first = value.asItems()[0].asTensor();
    QVERIFY(same(first, base));
    QVERIFY(same(value.asItems()[1].asTensor(), base.narrow(0, 10, 5)));
    QVERIFY(same(value.asItems()[2].asTensor(), base.view({10, 100}).t()));
    QVERIFY(same(value.asItems()[4].asTensor(), base.slice(0, 0, 1000, 3)));
    for (const PickleValue& item : value.asItems())
      QVERIFY(item.asTensor().storage().is_alias_of(first.storage()));
  }

  void aLoneViewIsSavedCompact() {
    const at::Tensor base = expected({1000, 10}, at::kFloat);
    QVERIFY(same(roundTrip(base.narrow(0, 5, 2).t()).asTensor(), base.narrow(0, 5, 2).t()));
    QVERIFY(fs::file_size(m_folder / "x.pt") < 2000);
  }

  void gradientsAndLazyBitsAreResolved() {
    QVERIFY(same(roundTrip(at::ones({3}).requires_grad_()).asTensor(), at::ones({3})));
    const at::Tensor c = at::complex(at::ones({2}), at::arange(2, at::kFloat));
    QVERIFY(same(roundTrip(at::conj(c)).asTensor(), at::conj(c).resolve_conj()));
  }

  void rewritesWhatItRead() {
    // Views of a mapping, written while the mapping is read.
    for (const char* name : {"shared.pt", "state_dict.legacy.pt", "young_dtypes.pt"}) {
      const PickleValue before = readTorchFile(golden(name)), after = roundTrip(before);
      QCOMPARE(after.asPairs().size(), before.asPairs().size());
      for (size_t i = 0; i < before.asPairs().size(); ++i)
        QVERIFY(same(before.asPairs()[i].second.asTensor(), after.asPairs()[i].second.asTensor()));
    }
  }

  void theSameValueGivesTheSameFile() {
    const PickleValue value = PickleValue::dict({{"x", at::ones({3})}, {"y", at::zeros({2})}});
    writeTorchFile(m_folder / "one.pt", value);
    writeTorchFile(m_folder / "two.pt", value);
    QVERIFY(readBytes(m_folder / "one.pt") == readBytes(m_folder / "two.pt"));
  }

  void dataIsAligned() {
    writeTorchFile(m_folder / "x.pt", PickleValue::list({at::ones({3}), at::ones({5})}));
    const ZipReader zip(MappedFile::open(m_folder / "x.pt"));
    for (const char* name : {"archive/data/0", "archive/data/1"}) QCOMPARE(zip.find(name)->offset % 64, int64_t(0));
  }

  void refusesWhatItCannotWrite() {
    const auto code = [&](const PickleValue& value) {
      return codeOf([&] { writeTorchFile(m_folder / "bad.pt", value); });
    };
    QCOMPARE(code(at::Tensor()), int(ErrorCode::Invalid));
    QCOMPARE(code(std::string("\xff")), int(ErrorCode::Invalid));
    QCOMPARE(code(PickleValue::opaque({"posix.system", false, {}, {}, nullptr})), int(ErrorCode::Unsupported));
    QCOMPARE(code(PickleValue::opaque({"torch.float32\nevil", false, {}, {}, nullptr})), int(ErrorCode::Unsupported));
    QCOMPARE(code(PickleValue::opaque({"torch.device", true, {}, {}, nullptr})), int(ErrorCode::Unsupported));
    PickleValue deep = 1;
    for (int i = 0; i < 300; ++i) deep = PickleValue::list({deep});
    QCOMPARE(code(deep), int(ErrorCode::Invalid));
    QVERIFY(!fs::exists(m_folder / "bad.pt"));
    QVERIFY(!fs::exists(m_folder / "bad.pt.part"));
  }

  void zip64Records() {
    // The records of files beyond 4 GiB, forced on a small one.
    AtomicFile file(m_folder / "wide.zip");
    ZipWriter writer(file, 10);
    writer.add("small", std::string_view("abc"));
    writer.add("large", std::string_view("0123456789abcdef"), 64);
    writer.add("last", std::string_view(""));
    writer.finish();
    file.commit();
    const ZipReader zip(MappedFile::open(m_folder / "wide.zip"));
    QCOMPARE(zip.entries().size(), size_t(3));
    const auto text = [&](const char* name) {
      const auto bytes = zip.bytes(*zip.find(name));
      return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    QCOMPARE(text("small"), std::string("abc"));
    QCOMPARE(text("large"), std::string("0123456789abcdef"));
    QCOMPARE(text("last"), std::string());
    QCOMPARE(zip.find("large")->offset % 64, int64_t(0));
    QVERIFY(zip.find("absent") == nullptr);
  }

  void checksums() {
    const std::string digits = "123456789";
    QCOMPARE(crc32(std::as_bytes(std::span(digits.data(), digits.size()))), 0xcbf43926u);
    QCOMPARE(crc32({}), 0u);
  }
};

QTEST_GUILESS_MAIN(TorchWriterTest)
#include "torch_writer_test.moc"
