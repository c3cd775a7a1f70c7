// Resizing against Pillow, bit for bit.
#include "core/image/resample.h"
#include "image_fixture.h"

using namespace sememe;
using namespace sememe::fixture;

class ImageResizeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsPillow_data();
  void equalsPillow();
  void keepsFlatColours();
  void extremes();
};

void ImageResizeTest::equalsPillow_data() {
  QTest::addColumn<int>("width");
  QTest::addColumn<int>("height");
  QTest::addColumn<int>("filter");
  QTest::addColumn<QString>("file");
  std::ifstream list(golden("resize.txt"));
  int width, height, filter, rows = 0;
  std::string file;
  while (list >> width >> height >> filter >> file) {
    QTest::newRow(file.c_str()) << width << height << filter << QString::fromStdString(file);
    ++rows;
  }
  QCOMPARE(rows, 30);
}

void ImageResizeTest::equalsPillow() {
  QFETCH(int, width);
  QFETCH(int, height);
  QFETCH(int, filter);
  QFETCH(QString, file);
  const Image resized = resizeImage(readPpm("resize.ppm"), width, height, static_cast<Resample>(filter));
  QCOMPARE(difference(resized, readPpm(file.toStdString())), 0);
}

void ImageResizeTest::keepsFlatColours() {
  for (const int value : {0, 1, 127, 254, 255}) {
    Image flat{13, 17, std::vector<uint8_t>(3 * 13 * 17, static_cast<uint8_t>(value))};
    for (int filter = 0; filter <= 5; ++filter) {
      const Image out = resizeImage(flat, 40, 5, static_cast<Resample>(filter));
      QVERIFY(std::all_of(out.rgb.begin(), out.rgb.end(), [&](uint8_t v) { return v == value; }));
    }
  }
}

void ImageResizeTest::extremes() {
  const Image image = drawn(1, 1);
  QCOMPARE(resizeImage(image, 300, 1, Resample::Bicubic).rgb.size(), size_t{900});
  QCOMPARE(resizeImage(drawn(500, 2), 1, 1, Resample::Lanczos).rgb.size(), size_t{3});
  for (const auto& [width, height] : {std::pair{0, 5}, {5, 0}, {-3, 5}, {1 << 20, 1 << 20}}) {
    QVERIFY(caught([&, w = width, h = height] { resizeImage(image, w, h, Resample::Bicubic); }).code() == ErrorCode::Invalid);
  }
  QVERIFY(caught([] { resizeImage(Image{}, 5, 5, Resample::Bicubic); }).code() == ErrorCode::Invalid);
  // A thread: going across first would need a gigabyte between the passes.
  const Image thread{1, 300000, std::vector<uint8_t>(900000)};
  QCOMPARE(resizeImage(thread, 1200, 2, Resample::Bicubic).rgb.size(), size_t{7200});
}

QTEST_GUILESS_MAIN(ImageResizeTest)
#include "image_resize_test.moc"
