// Tests of core/weights/safetensors.h: what Python wrote, round trips, and hostile headers.
#include "core/weights/safetensors.h"

#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;

namespace {

// A file of the given header and so many bytes of data.
std::string fileOf(const std::string& header, size_t dataBytes) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += char(uint8_t(uint64_t(header.size()) >> (8 * i)));
  return bytes + header + std::string(dataBytes, '\x01');
}

}  // namespace

class SafetensorsTest : public QObject {
  Q_OBJECT

  Folder m_folder;

 private Q_SLOTS:
  void readsWhatPythonWrote() {
    const auto file = SafetensorsFile::open(golden("dtypes.safetensors"));
    QCOMPARE(file->keys().size(), size_t(12));
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort,
                                      at::kChar, at::kByte, at::kBool}) {
      const std::string name = dtypeName(type);
      QVERIFY2(same(file->tensor(name), expected({2, 3}, type)), name.c_str());
      QCOMPARE(file->info(name).dtype, name);
      QVERIFY((file->info(name).shape == std::vector<int64_t>{2, 3}));
      QCOMPARE(file->info(name).bytes, int64_t(6 * c10::elementSize(type)));
    }
    QCOMPARE(file->tensor("scalar").dim(), int64_t(0));
    QCOMPARE(file->tensor("scalar").item<float>(), 2.5f);
    QVERIFY((file->tensor("empty").sizes() == at::IntArrayRef{0, 5}));
    QCOMPARE(file->metadata().at("format"), std::string("pt"));
    QCOMPARE(file->metadata().at("größe"), std::string("★"));
  }

  void tensorsOutliveTheFile() {
    at::Tensor tensor;
    {
      const auto file = SafetensorsFile::open(golden("dtypes.safetensors"));
      tensor = file->tensor("float32");
    }
    QVERIFY(same(tensor, expected({2, 3}, at::kFloat)));
  }

  void viewsCostNothing() {
    writeSafetensors(m_folder / "views.safetensors", {{"w", at::ones({64, 64})}});
    const auto file = SafetensorsFile::open(m_folder / "views.safetensors");
    QCOMPARE(file->tensor("w").data_ptr(), file->tensor("w").data_ptr());
  }

  void namesAMissingKey() {
    const auto file = SafetensorsFile::open(golden("dtypes.safetensors"));
    QVERIFY(!file->contains("nothing"));
    QCOMPARE(codeOf([&] { file->tensor("nothing"); }), int(ErrorCode::NotFound));
    const std::string message = messageOf([&] { file->info("nothing"); });
    QVERIFY2(message.find("'nothing'") != message.npos && message.find("dtypes.safetensors") != message.npos,
             message.c_str());
  }

  void writesWhatItReads() {
    std::map<std::string, at::Tensor> tensors;
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort,
                                      at::kChar, at::kByte, at::kBool, at::kUInt16, at::kUInt32, at::kUInt64,
                                      at::kFloat8_e4m3fn, at::kFloat8_e5m2, at::kComplexFloat})
      tensors[dtypeName(type)] = expected({3, 5}, type);
    tensors["strided"] = expected({4, 6}, at::kFloat).t();
    tensors["scalar"] = at::scalar_tensor(1.5);
    tensors["empty"] = at::empty({0, 3});
    tensors["grad"] = at::ones({2}).requires_grad_();
    tensors["quote\"and ★"] = at::ones({1});
    writeSafetensors(m_folder / "all.safetensors", tensors, {{"made", "by \"us\""}});
    const auto file = SafetensorsFile::open(m_folder / "all.safetensors");
    QCOMPARE(file->keys().size(), tensors.size());
    for (const auto& [name, tensor] : tensors) QVERIFY2(same(file->tensor(name), tensor), name.c_str());
    QCOMPARE(file->metadata().at("made"), std::string("by \"us\""));
    // Aligned, as other readers expect.
    QCOMPARE(uint8_t(readBytes(m_folder / "all.safetensors")[0]) % 8, 0);
  }

  void refusesWhatItCannotWrite() {
    const auto code = [&](const std::string& name, const at::Tensor& tensor) {
      return codeOf([&] { writeSafetensors(m_folder / "bad.safetensors", {{name, tensor}}); });
    };
    QCOMPARE(code("c16", at::ones({1}, at::kComplexDouble)), int(ErrorCode::Invalid));
    QCOMPARE(code("undefined", {}), int(ErrorCode::Invalid));
    QCOMPARE(code("\xff", at::ones({1})), int(ErrorCode::Invalid));
    QCOMPARE(code("__metadata__", at::ones({1})), int(ErrorCode::Invalid));
    QVERIFY(!fs::exists(m_folder / "bad.safetensors"));
    QVERIFY(!fs::exists(m_folder / "bad.safetensors.part"));
  }

  void refusesBrokenHeaders_data() {
    QTest::addColumn<QByteArray>("bytes");
    const auto add = [](const char* name, const std::string& bytes) {
      QTest::newRow(name) << QByteArray(bytes.data(), qsizetype(bytes.size()));
    };
    add("empty", "");
    add("seven bytes", "1234567");
    add("huge header", std::string(8, '\xff') + "{}");
    add("header beyond the end", std::string("\x09\0\0\0\0\0\0\0{}", 10));
    add("no JSON", fileOf("nonsense", 0));
    add("a list", fileOf("[]", 0));
    add("deep nesting", fileOf(std::string(100'000, '['), 0));
    add("deep nesting in a tensor", fileOf("{\"a\":{\"shape\":" + std::string(100'000, '['), 0));
    add("not UTF-8", fileOf("{\"\xff\":1}", 0));
    add("tensor is a number", fileOf("{\"a\":1}", 0));
    add("metadata is a number", fileOf("{\"__metadata__\":{\"a\":1}}", 0));
    add("no dtype", fileOf(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4));
    add("no shape", fileOf(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4));
    add("no offsets", fileOf(R"({"a":{"dtype":"F32","shape":[1]}})", 4));
    add("one offset", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4));
    add("offset is text", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,"4"]}})", 4));
    add("negative offset", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4));
    add("offsets swapped", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4));
    add("beyond the end", fileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4));
    add("offset beyond 64 bits",
        fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}})", 4));
    add("offset beyond 63 bits",
        fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", 4));
    add("shape too small", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 8));
    add("shape too large", fileOf(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8));
    add("negative size", fileOf(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4));
    add("fractional size", fileOf(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4));
    add("overflowing shape",
        fileOf(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0));
    add("overflowing empty shape",
        fileOf(R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", 0));
    std::string many = "1";
    for (int i = 0; i < 100; ++i) many += ",1";
    add("too many dimensions", fileOf("{\"a\":{\"dtype\":\"F32\",\"shape\":[" + many + "],\"data_offsets\":[0,4]}}", 4));
    add("overlap", fileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                          R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                          12));
    add("same bytes twice", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                   4));
    add("hole", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8));
    add("data left over", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8));
    add("key twice", fileOf(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                            R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            4));
  }

  void refusesBrokenHeaders() {
    QFETCH(QByteArray, bytes);
    writeBytes(m_folder / "broken.safetensors", bytes.toStdString());
    QCOMPARE(codeOf([&] { SafetensorsFile::open(m_folder / "broken.safetensors"); }), int(ErrorCode::Corrupt));
  }

  void listsUnknownDtypes() {
    writeBytes(m_folder / "odd.safetensors",
               fileOf(R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1));
    const auto file = SafetensorsFile::open(m_folder / "odd.safetensors");
    QCOMPARE(file->info("a").dtype, std::string("F4"));
    QCOMPARE(codeOf([&] { file->tensor("a"); }), int(ErrorCode::Unsupported));
  }

  void copiesWhatIsNotAligned() {
    // Seven bytes of header make every address odd.
    const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} )";
    std::string bytes = fileOf(header + std::string((header.size() % 2 == 0 ? 1 : 0), ' '), 0);
    const float values[] = {1.5f, -2.f};
    bytes.append(reinterpret_cast<const char*>(values), sizeof values);
    writeBytes(m_folder / "odd_header.safetensors", bytes);
    const at::Tensor tensor = SafetensorsFile::open(m_folder / "odd_header.safetensors")->tensor("a");
    QCOMPARE(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % 4, uintptr_t(0));
    QVERIFY(same(tensor, at::tensor({1.5f, -2.f})));
  }

  void truncationsAndFlipsNeverCrash() {
    const std::string whole = readBytes(golden("dtypes.safetensors"));
    for (size_t size = 0; size < whole.size(); ++size) {
      writeBytes(m_folder / "cut.safetensors", whole.substr(0, size));
      QCOMPARE(codeOf([&] { SafetensorsFile::open(m_folder / "cut.safetensors"); }), int(ErrorCode::Corrupt));
    }
    std::mt19937 random(7);
    for (int i = 0; i < 500; ++i) {
      std::string bytes = whole;
      for (int k = 0; k < 1 + i % 3; ++k) bytes[random() % bytes.size()] ^= char(1 << random() % 8);
      writeBytes(m_folder / "flipped.safetensors", bytes);
      codeOf([&] {
        const auto file = SafetensorsFile::open(m_folder / "flipped.safetensors");
        for (const std::string& key : file->keys()) file->tensor(key).clone();
      });
    }
  }
};

QTEST_GUILESS_MAIN(SafetensorsTest)
#include "safetensors_test.moc"
