// Decoding against Pillow; encoding and thumbnails.
#include "image_fixture.h"

using namespace sememe;
using namespace sememe::fixture;

class ImageDecodeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsPillow_data();
  void equalsPillow();
  void everyOrientationComesOutUpright();
  void nameDoesNotMatter();
  void jpegRoundTrip();
  void pngRoundTripIsExact();
  void encodingRefusesBrokenImages();
  void thumbnails();
};

void ImageDecodeTest::equalsPillow_data() {
  QTest::addColumn<QString>("file");
  QTest::addColumn<int>("tolerance");
  std::ifstream list(golden("decode.txt"));
  std::string line;
  int rows = 0;
  while (std::getline(list, line)) {
    const size_t blank = line.rfind(' ');
    const QString file = QString::fromStdString(line.substr(0, blank));
    QTest::newRow(qPrintable(file)) << file << std::stoi(line.substr(blank + 1));
    ++rows;
  }
  QVERIFY(rows > 60);
}

void ImageDecodeTest::equalsPillow() {
  QFETCH(QString, file);
  QFETCH(int, tolerance);
  const std::string name = file.toStdString();
  const Image expected = readPpm(name + ".ppm");
  const Image image = decodeImage(golden(name));
  QCOMPARE(image.width, expected.width);
  QCOMPARE(image.height, expected.height);
  const int most = difference(image, expected);
  QVERIFY2(most <= tolerance, qPrintable(QStringLiteral("differs by %1").arg(most)));
}

void ImageDecodeTest::everyOrientationComesOutUpright() {
  // The files hold one and the same stored picture; its corners tell where they must land.
  const Image stored = decodeImage(golden("orientation_1.tif"));
  const auto corner = [](const Image& image, bool right, bool bottom) {
    const int x = right ? image.width - 1 : 0, y = bottom ? image.height - 1 : 0;
    const auto at = image.rgb.begin() + 3 * (y * image.width + x);
    return std::vector<uint8_t>(at, at + 3);
  };
  // Where the stored top left corner lies in the upright image.
  const bool right[] = {false, true, true, false, false, true, true, false};
  const bool bottom[] = {false, false, true, true, false, false, true, true};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image image = decodeImage(golden("orientation_" + std::to_string(orientation) + ".tif"));
    QCOMPARE(image.width, orientation < 5 ? stored.width : stored.height);
    QVERIFY(corner(image, right[orientation - 1], bottom[orientation - 1]) == corner(stored, false, false));
  }
}

void ImageDecodeTest::nameDoesNotMatter() {
  const std::string png = readBytes(golden("rgb.png"));
  for (const char* name : {"really a png.jpg", "größe_縦.jpg"}) QCOMPARE(difference(decodeBytes(png, name), decodeImage(golden("rgb.png"))), 0);
}

void ImageDecodeTest::jpegRoundTrip() {
  const Image image = drawn(50, 31, 0);
  QVERIFY(difference(decodeBytes(toString(encodeJpeg(image, 95))), image) < 30);
  QVERIFY(encodeJpeg(image, 20).size() < encodeJpeg(image, 95).size());
}

void ImageDecodeTest::pngRoundTripIsExact() {
  for (const int width : {1, 2, 17, 300}) {
    const Image image = drawn(width, 19);
    QCOMPARE(difference(decodeBytes(toString(encodePng(image))), image), 0);
  }
}

void ImageDecodeTest::encodingRefusesBrokenImages() {
  Image torn = drawn(8, 8);
  torn.rgb.pop_back();
  for (const Image& bad : {Image{}, torn, Image{-1, -1, {0, 0, 0}}}) {
    QVERIFY(caught([&] { encodePng(bad); }).code() == ErrorCode::Invalid);
    QVERIFY(caught([&] { encodeJpeg(bad, 90); }).code() == ErrorCode::Invalid);
    QVERIFY(caught([&] { makeThumbnail(bad, 4); }).code() == ErrorCode::Invalid);
  }
  QVERIFY(caught([] { encodeJpeg(drawn(8, 8), 0); }).code() == ErrorCode::Invalid);
  QVERIFY(caught([] { encodeJpeg(drawn(8, 8), 101); }).code() == ErrorCode::Invalid);
  QVERIFY(caught([] { makeThumbnail(drawn(8, 8), 0); }).code() == ErrorCode::Invalid);
}

void ImageDecodeTest::thumbnails() {
  const Image wide = makeThumbnail(drawn(400, 100), 64);
  QCOMPARE(wide.width, 64);
  QCOMPARE(wide.height, 16);
  const Image tall = makeThumbnail(drawn(3, 1000), 64);
  QCOMPARE(tall.width, 1);
  QCOMPARE(tall.height, 64);
  const Image small = drawn(20, 64);
  QCOMPARE(difference(makeThumbnail(small, 64), small), 0);

  // Antialiased: a fine checkerboard becomes even grey.
  Image checks{256, 256, {}};
  for (int i = 0; i < 256 * 256; ++i) checks.rgb.insert(checks.rgb.end(), 3, (i + i / 256) % 2 ? 255 : 0);
  const Image grey = makeThumbnail(checks, 32);
  const auto [low, high] = std::minmax_element(grey.rgb.begin() + 3 * 32 * 4, grey.rgb.end() - 3 * 32 * 4);
  QVERIFY(*low > 100 && *high < 156);
}

QTEST_GUILESS_MAIN(ImageDecodeTest)
#include "image_decode_test.moc"
