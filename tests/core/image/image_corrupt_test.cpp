// Broken, cut, oversized and hostile image files: an Error each time, never a crash.
#include "image_fixture.h"

using namespace sememe;
using namespace sememe::fixture;

namespace {

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> names{
      "rgb_420.jpg", "progressive.jpg", "cmyk.jpg",   "exif_6.jpg",  "palette.png", "rgba.png", "interlaced.png",
      "rgb_16.png",  "lossy.webp",      "lossless.webp", "animated.webp", "rgb.bmp", "rle8.bmp", "rle4.bmp",
      "565.bmp",     "rgb.tif",         "lzw.tif",    "deflate.tiff", "rgba.tif",   "fax.tif",  "rgb_16.tif",
      "plain.ppm",   "rgb.ppm",         "grey.pgm",   "bits.ppm"};
  return names;
}

void addKinds() {
  QTest::addColumn<QString>("file");
  for (const std::string& name : kinds()) QTest::newRow(name.c_str()) << QString::fromStdString(name);
}

// Decodes; true when it gave an image. An Error is fine, anything else leaves the test.
bool survives(const std::string& bytes) {
  try {
    const Image image = decodeBytes(bytes);
    if (image.rgb.size() != 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height)) qFatal("size");
    return true;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::Corrupt && e.code() != ErrorCode::Unsupported) qFatal("%s", e.what());
    return false;
  }
}

std::string png(uint32_t width, uint32_t height) {
  std::string bytes = readBytes(golden("rgb.png"));
  for (int i = 0; i < 4; ++i) {
    bytes[static_cast<size_t>(16 + i)] = static_cast<char>(width >> (24 - 8 * i));
    bytes[static_cast<size_t>(20 + i)] = static_cast<char>(height >> (24 - 8 * i));
  }
  // The header's checksum, bit by bit.
  uint32_t crc = 0xFFFFFFFFU;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<uint8_t>(bytes[i]);
    for (int k = 0; k < 8; ++k) crc = crc & 1 ? 0xEDB88320U ^ (crc >> 1) : crc >> 1;
  }
  crc ^= 0xFFFFFFFFU;
  for (int i = 0; i < 4; ++i) bytes[static_cast<size_t>(29 + i)] = static_cast<char>(crc >> (24 - 8 * i));
  return bytes;
}

}  // namespace

class ImageCorruptTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void truncatedFiles_data() { addKinds(); }
  void truncatedFiles();
  void flippedBytes_data() { addKinds(); }
  void flippedBytes();
  void overwrittenStretches_data() { addKinds(); }
  void overwrittenStretches();
  void jpegWithoutItsEnd();
  void pngChecksums();
  void decompressionBombs();
  void notImages();
  void missingAndUnreadable();
  void errorsNameTheFile();
};

void ImageCorruptTest::truncatedFiles() {
  QFETCH(QString, file);
  const std::string bytes = readBytes(golden(file.toStdString()));
  QVERIFY(survives(bytes));
  // Every length in the first 150 bytes, then in steps; the last 16 bytes may be padding or an end mark that no pixel needs.
  for (size_t length = 0; length + 16 < bytes.size(); length += length < 150 ? 1 : 29) {
    QVERIFY2(!survives(bytes.substr(0, length)), qPrintable(QStringLiteral("%1 bytes of %2").arg(length).arg(bytes.size())));
  }
}

void ImageCorruptTest::flippedBytes() {
  QFETCH(QString, file);
  const std::string bytes = readBytes(golden(file.toStdString()));
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::string broken = bytes;
    // Half of the flips hit the headers, where they do most.
    const size_t reach = seed % 2 ? broken.size() : std::min<size_t>(broken.size(), 120);
    for (unsigned n = 0; n <= seed % 4; ++n) broken[random() % reach] = static_cast<char>(random());
    survives(broken);
  }
}

void ImageCorruptTest::overwrittenStretches() {
  QFETCH(QString, file);
  const std::string bytes = readBytes(golden(file.toStdString()));
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(1000 + seed);
    std::string broken = bytes;
    const size_t start = random() % broken.size();
    const size_t length = std::min<size_t>(broken.size() - start, 1 + random() % 64);
    const char fill = seed % 3 == 0 ? '\0' : seed % 3 == 1 ? '\xFF' : static_cast<char>(random());
    std::fill_n(broken.begin() + static_cast<std::ptrdiff_t>(start), length, fill);
    survives(broken);
    broken = bytes;
    broken.erase(start, length);
    survives(broken);
  }
}

void ImageCorruptTest::jpegWithoutItsEnd() {
  // OpenCV alone fills the lost rows with grey and calls it an image.
  const std::string bytes = toString(encodeJpeg(drawn(300, 200), 90));
  for (const double part : {0.3, 0.6, 0.9, 0.99}) {
    const Error e = caught([&] { decodeBytes(bytes.substr(0, static_cast<size_t>(part * static_cast<double>(bytes.size())))); });
    QVERIFY(e.code() == ErrorCode::Corrupt);
    QVERIFY(e.message().find("truncated") != std::string::npos);
  }
  QVERIFY(survives(bytes + std::string(100, 'x')));  // what follows the end is no harm
}

void ImageCorruptTest::pngChecksums() {
  const std::string bytes = readBytes(golden("rgb.png"));
  for (const size_t at : {size_t{17}, size_t{30}, bytes.size() / 2}) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 1);
    QVERIFY(caught([&] { decodeBytes(broken); }).code() == ErrorCode::Corrupt);
  }
  QVERIFY(survives(bytes.substr(0, bytes.size() - 12)));  // without IEND, as Pillow
}

void ImageCorruptTest::decompressionBombs() {
  const auto tooLarge = [](const std::string& bytes) {
    const Error e = caught([&] { decodeBytes(bytes); });
    return e.code() == ErrorCode::Corrupt && e.message().find("too large") != std::string::npos;
  };
  QVERIFY(tooLarge(png(100000, 100000)));
  QVERIFY(tooLarge(png(0x7FFFFFFF, 0x7FFFFFFF)));
  QVERIFY(!survives(png(0, 5)));
  QVERIFY(!survives(png(60000, 1000)));  // allowed, but the data are not there

  std::string jpeg = readBytes(golden("rgb_420.jpg"));
  const size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
  QVERIFY(tooLarge(jpeg));

  std::string bmp = readBytes(golden("rle8.bmp"));
  bmp.replace(18, 8, std::string("\xFF\xFF\x00\x00\xFF\xFF\x00\x00", 8));
  QVERIFY(tooLarge(bmp));
  QVERIFY(tooLarge("P6 99999999 99999999 255\n"));
  QVERIFY(!survives("P6 10000 10000 255\nabc"));

  std::string tiff = readBytes(golden("rgb_16.tif"));
  const size_t width = tiff.find(std::string("\x00\x01\x04\x00\x01\x00\x00\x00", 8));
  tiff.replace(width + 8, 4, std::string("\x00\x00\x00\x40", 4));
  QVERIFY(tooLarge(tiff));
}

void ImageCorruptTest::notImages() {
  const Error empty = caught([] { decodeBytes(""); });
  QVERIFY(empty.code() == ErrorCode::Corrupt);
  QVERIFY(empty.message().find("empty") != std::string::npos);
  QVERIFY(caught([] { decodeBytes("a text, not an image"); }).code() == ErrorCode::Corrupt);
  QVERIFY(caught([] { decodeBytes(std::string(5000, '\0')); }).code() == ErrorCode::Corrupt);
  QVERIFY(caught([] { decodeBytes("GIF89a and so on"); }).code() == ErrorCode::Unsupported);
  QVERIFY(caught([] { decodeBytes(std::string("\0\0\0\x1c" "ftypheic", 12)); }).code() == ErrorCode::Unsupported);
  for (const std::string& name : kinds()) {
    for (size_t length = 1; length < 30; ++length) QVERIFY(!survives(readBytes(golden(name)).substr(0, length)));
  }
}

void ImageCorruptTest::missingAndUnreadable() {
  QVERIFY(caught([] { decodeImage(golden("no such.png")); }).code() == ErrorCode::NotFound);
  QVERIFY(caught([] { decodeImage(std::filesystem::path(GOLDEN_DIR)); }).code() == ErrorCode::Invalid);
}

void ImageCorruptTest::errorsNameTheFile() {
  const std::string bytes = readBytes(golden("rgb.png"));
  for (const std::string& broken : {bytes.substr(0, 60), bytes.substr(0, bytes.size() - 30), std::string("P6 x")}) {
    QVERIFY(caught([&] { decodeBytes(broken, "my folder/ein Bild.png"); }).where() == "my folder/ein Bild.png");
  }
}

QTEST_GUILESS_MAIN(ImageCorruptTest)
#include "image_corrupt_test.moc"
