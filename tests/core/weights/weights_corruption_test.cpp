// Tests of every reader against damage: files cut at every byte, and files with flipped bytes, never crash.
#include <random>

#include "core/weights/npy.h"
#include "core/weights/torch_file.h"
#include "core/weights/zip_archive.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;

namespace {

// Touches every value and every byte of every tensor.
int64_t touch(const PickleValue& value) {
  switch (value.kind()) {
    case PickleValue::Kind::Tensor:
      return value.asTensor().numel() == 0 ? 0 : value.asTensor().reshape(-1).clone().view(at::kByte).sum().item<int64_t>();
    case PickleValue::Kind::List:
    case PickleValue::Kind::Tuple: {
      int64_t sum = 0;
      for (const PickleValue& item : value.asItems()) sum += touch(item);
      return sum;
    }
    case PickleValue::Kind::Dict: {
      int64_t sum = 0;
      for (const auto& [key, item] : value.asPairs()) sum += touch(key) + touch(item);
      return sum;
    }
    default:
      return 1;
  }
}

}  // namespace

class WeightsCorruptionTest : public QObject {
  Q_OBJECT

  Folder m_folder;

  // Reads damaged bytes; only an Error may come out of it. Gives whether it was read after all.
  bool survives(const std::string& bytes, bool npy) {
    const fs::path path = m_folder / "damaged";
    writeBytes(path, bytes);
    try {
      if (npy)
        readNpy(path).clone();
      else
        touch(readTorchFile(path));
      return true;
    } catch (const Error& error) {
      const bool known = error.code() == ErrorCode::Corrupt || error.code() == ErrorCode::Unsupported;
      if (!known) QTest::qFail(error.what(), __FILE__, __LINE__);
      return false;
    }
  }

  static void files() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"state_dict.pt", "state_dict.legacy.pt", "shared.pt", "shared.legacy.pt", "plain.pt",
                             "numpy.pt", "opaque.pt", "young_dtypes.legacy.pt", "protocol4.pt", "c_f4.npy", "c16.npy"})
      QTest::newRow(name) << QString::fromLatin1(name);
  }

 private Q_SLOTS:
  void cutAtEveryByte_data() { files(); }
  void cutAtEveryByte() {
    QFETCH(QString, name);
    const std::string whole = readBytes(golden(name.toStdString()));
    for (size_t size = 0; size < whole.size(); ++size)
      QVERIFY2(!survives(whole.substr(0, size), name.endsWith(QStringLiteral(".npy"))),
               qPrintable(QStringLiteral("cut at %1").arg(size)));
  }

  void flippedBytes_data() { files(); }
  void flippedBytes() {
    QFETCH(QString, name);
    const std::string whole = readBytes(golden(name.toStdString()));
    std::mt19937 random(11);
    for (int i = 0; i < 600; ++i) {
      std::string bytes = whole;
      for (int k = 0; k < 1 + i % 4; ++k) {
        const size_t at = random() % bytes.size();
        bytes[at] = i % 2 == 0 ? char(bytes[at] ^ (1 << random() % 8)) : char(random());
      }
      survives(bytes, name.endsWith(QStringLiteral(".npy")));
    }
  }

  void flippedPickles() {
    // A zip file is mostly padding: here every flip lands in the pickle.
    for (const char* name : {"state_dict.pt", "shared.pt", "numpy.pt", "opaque.pt", "protocol4.pt"}) {
      const std::string whole = readBytes(golden(name));
      ZipReader::Entry pickle;
      {
        const ZipReader zip(MappedFile::open(golden(name)));
        for (const auto& [entry, place] : zip.entries())
          if (entry.ends_with("/data.pkl")) pickle = place;
      }
      QVERIFY(pickle.size > 0);
      std::mt19937 random(13);
      for (int i = 0; i < 600; ++i) {
        std::string bytes = whole;
        for (int k = 0; k < 1 + i % 3; ++k)
          bytes[size_t(pickle.offset) + random() % size_t(pickle.size)] = char(random());
        survives(bytes, false);
      }
    }
  }

  void flippedZipRecords() {
    const std::string whole = readBytes(golden("tensor.pt"));
    const size_t directory = whole.find("PK\x01\x02");
    std::mt19937 random(17);
    for (int i = 0; i < 1500; ++i) {
      std::string bytes = whole;
      for (int k = 0; k < 1 + i % 3; ++k) {
        const size_t at = directory + random() % (bytes.size() - directory);
        bytes[at] = i % 2 == 0 ? char(random()) : '\xff';
      }
      survives(bytes, false);
    }
  }

  void randomBytes() {
    std::mt19937 random(19);
    for (int i = 0; i < 500; ++i) {
      std::string bytes(random() % 300, '\0');
      for (char& c : bytes) c = char(random());
      if (i % 3 == 0) bytes = "PK\x03\x04" + bytes;
      if (i % 3 == 1) bytes = "\x80\x02" + bytes;
      survives(bytes, false);
      survives(std::string("\x93NUMPY\x01\0", 8) + bytes, true);
    }
  }

  void storagesOfTheWrongSize() {
    // The pickle asks for 12 floats; the entry holds fewer.
    AtomicFile file(m_folder / "short.pt");
    ZipWriter writer(file);
    const fs::path source = golden("tensor.pt");
    const ZipReader zip(MappedFile::open(source));
    for (const auto& [name, entry] : zip.entries()) {
      auto bytes = zip.bytes(entry);
      if (name.ends_with("data/0")) bytes = bytes.first(bytes.size() - 1);
      writer.add(name, bytes);
    }
    writer.finish();
    file.commit();
    QCOMPARE(codeOf([&] { readTorchFile(m_folder / "short.pt"); }), int(ErrorCode::Corrupt));
  }

  void entriesThatAreMissing() {
    const ZipReader zip(MappedFile::open(golden("tensor.pt")));
    for (const char* missing : {"data/0", "data.pkl"}) {
      AtomicFile file(m_folder / "missing.pt");
      ZipWriter writer(file);
      for (const auto& [name, entry] : zip.entries())
        if (!name.ends_with(missing)) writer.add(name, zip.bytes(entry));
      writer.finish();
      file.commit();
      QVERIFY(codeOf([&] { readTorchFile(m_folder / "missing.pt"); }) != -1);
    }
  }

  void entriesThatAreThereTwice() {
    AtomicFile file(m_folder / "twice.zip");
    ZipWriter writer(file);
    writer.add("a/data.pkl", std::string_view("N."));
    writer.add("a/data.pkl", std::string_view("N."));
    writer.finish();
    file.commit();
    QCOMPARE(codeOf([&] { readTorchFile(m_folder / "twice.zip"); }), int(ErrorCode::Corrupt));
  }
};

QTEST_GUILESS_MAIN(WeightsCorruptionTest)
#include "weights_corruption_test.moc"
