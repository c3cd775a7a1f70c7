// Tests of core/weights/npy.h: what NumPy wrote, round trips, and broken headers.
#include "core/weights/npy.h"

#include "core/weights/dtypes.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;

class NpyTest : public QObject {
  Q_OBJECT

  Folder m_folder;

  static std::string fileOf(const std::string& header, size_t dataBytes) {
    return std::string("\x93NUMPY\x01\0", 8) + char(uint8_t(header.size())) + char(uint8_t(header.size() >> 8)) + header +
           std::string(dataBytes, '\0');
  }

 private Q_SLOTS:
  void readsWhatNumpyWrote() {
    const std::pair<const char*, at::ScalarType> files[] = {
        {"c_f4", at::kFloat}, {"fortran_f8", at::kDouble}, {"big_endian", at::kFloat}, {"f2", at::kHalf},
        {"i8", at::kLong},    {"u2", at::kUInt16},         {"bool", at::kBool},        {"version2", at::kFloat},
        {"version3", at::kFloat}};
    for (const auto& [name, type] : files)
      QVERIFY2(same(readNpy(golden(std::string(name) + ".npy")), expected({3, 4}, type)), name);
    QCOMPARE(readNpy(golden("scalar.npy")).item<double>(), 2.5);
    QVERIFY(same(readNpy(golden("one.npy")), at::arange(5, at::kInt)));
    QVERIFY((readNpy(golden("empty.npy")).sizes() == at::IntArrayRef{0, 4}));
    QVERIFY(at::equal(at::real(readNpy(golden("c16.npy"))), at::arange(3, at::kDouble)));
  }

  void mapsInsteadOfCopying() {
    QVERIFY(!readNpy(golden("fortran_f8.npy")).is_contiguous());
    QVERIFY(readNpy(golden("c_f4.npy")).is_contiguous());
  }

  void refusesWhatIsNoNumbers() {
    for (const char* name : {"text", "records", "objects"})
      QCOMPARE(codeOf([&] { readNpy(golden(std::string(name) + ".npy")); }), int(ErrorCode::Unsupported));
  }

  void writesWhatItReads() {
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kLong, at::kInt, at::kShort, at::kChar,
                                      at::kByte, at::kBool, at::kUInt16, at::kComplexFloat}) {
      for (const std::vector<int64_t>& shape :
           {std::vector<int64_t>{}, {5}, {3, 4}, {2, 3, 4}, {0, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}) {
        writeNpy(m_folder / "x.npy", expected(shape, type));
        QVERIFY2(same(readNpy(m_folder / "x.npy"), expected(shape, type)), dtypeName(type).c_str());
      }
    }
    const at::Tensor strided = expected({4, 6}, at::kFloat).t();
    writeNpy(m_folder / "x.npy", strided);
    QVERIFY(same(readNpy(m_folder / "x.npy"), strided));
  }

  void writesTheBytesOfNumpy() {
    for (const char* name : {"c_f4", "i8", "u2", "bool", "scalar", "one", "empty", "f2", "c16"}) {
      const fs::path source = golden(std::string(name) + ".npy");
      writeNpy(m_folder / "x.npy", readNpy(source));
      QVERIFY2(readBytes(m_folder / "x.npy") == readBytes(source), name);
    }
  }

  void refusesWhatNumpyLacks() {
    QCOMPARE(codeOf([&] { writeNpy(m_folder / "bad.npy", at::ones({2}, at::kBFloat16)); }), int(ErrorCode::Invalid));
    QCOMPARE(codeOf([&] { writeNpy(m_folder / "bad.npy", {}); }), int(ErrorCode::Invalid));
    QVERIFY(!fs::exists(m_folder / "bad.npy"));
  }

  void refusesBrokenHeaders_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<int>("code");
    const auto add = [](const char* name, const std::string& bytes, ErrorCode code = ErrorCode::Corrupt) {
      QTest::newRow(name) << QByteArray(bytes.data(), qsizetype(bytes.size())) << int(code);
    };
    add("empty", "");
    add("another file", "not an array at all");
    add("version 4", std::string("\x93NUMPY\x04\0\0\0\0\0", 12), ErrorCode::Unsupported);
    add("header beyond the end", std::string("\x93NUMPY\x01\0\xff\xff{}", 12));
    add("empty header", fileOf("", 4) + "....");
    add("no shape", fileOf("{'descr': '<f4', 'fortran_order': False, }", 4));
    add("no descr", fileOf("{'fortran_order': False, 'shape': (1,), }", 4));
    add("shape is no tuple", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': 1, }", 4));
    add("negative size", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4));
    add("overflow", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 4));
    add("beyond 64 bits", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 4));
    add("too few bytes", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7));
    add("order is a number", fileOf("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", 4));
    add("key twice", fileOf("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4));
    add("unknown key", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4));
    add("unclosed", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,", 4));
    add("something after it", fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", 4));
    add("unknown type", fileOf("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }", 4), ErrorCode::Unsupported);
    add("date", fileOf("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,), }", 8), ErrorCode::Unsupported);
  }

  void refusesBrokenHeaders() {
    QFETCH(QByteArray, bytes);
    QFETCH(int, code);
    writeBytes(m_folder / "broken.npy", bytes.toStdString());
    QCOMPARE(codeOf([&] { readNpy(m_folder / "broken.npy"); }), code);
  }
};

QTEST_GUILESS_MAIN(NpyTest)
#include "npy_test.moc"
