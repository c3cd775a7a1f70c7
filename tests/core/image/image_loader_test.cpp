// The loader: order, batches, failures, thumbnails, bounded read-ahead, and a prompt end.
#include <ATen/ATen.h>

#include <QTemporaryDir>
#include <thread>

#include "core/base/progress.h"
#include "core/image/image_loader.h"
#include "image_fixture.h"

using namespace sememe;
using namespace sememe::fixture;
namespace fs = std::filesystem;

namespace {
constexpr int kImages = 41;
}

class ImageLoaderTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void everyImageInOrder_data();
  void everyImageInOrder();
  void aRange();
  void failuresAreListed();
  void onlyFailures();
  void thumbnailsAndSizes();
  void stops();
  void stopsWhileWaiting();
  void destroyedEarly();
  void optionsAreChecked();
  void emptyRange();

 private:
  PreprocessConfig config() const {
    PreprocessConfig c;
    c.shortestEdge = c.cropHeight = c.cropWidth = 16;
    return c;
  }
  QTemporaryDir m_dir;
  ImageFolder m_folder;
};

void ImageLoaderTest::initTestCase() {
  const fs::path root = m_dir.path().toStdString();
  for (int i = 0; i < kImages; ++i) {
    const std::string name = std::to_string(100 + i);
    const Image image = drawn(20 + i, 30, static_cast<unsigned>(i));
    writeBytes(root / (name + ".png"), toString(encodePng(image)));
  }
  m_folder = listImageFolder(root);
  QCOMPARE(m_folder.images.size(), size_t{kImages});
}

void ImageLoaderTest::everyImageInOrder_data() {
  QTest::addColumn<int>("batch");
  QTest::addColumn<int>("workers");
  for (const int batch : {1, 7, 41, 100}) {
    for (const int workers : {0, 1, 3, 9}) QTest::addRow("%d by %d", batch, workers) << batch << workers;
  }
}

void ImageLoaderTest::everyImageInOrder() {
  QFETCH(int, batch);
  QFETCH(int, workers);
  ImageLoader loader(m_folder, config(), {.batch = batch, .workers = workers});
  int64_t seen = 0;
  while (const auto got = loader.next()) {
    QCOMPARE(got->first, seen);
    QVERIFY(got->failures.empty());
    QCOMPARE(static_cast<int64_t>(got->indices.size()), std::min<int64_t>(batch, kImages - seen));
    QVERIFY(got->pixels.sizes() == (std::vector<int64_t>{static_cast<int64_t>(got->indices.size()), 3, 16, 16}));
    for (size_t i = 0; i < got->indices.size(); ++i, ++seen) {
      QCOMPARE(got->indices[i], seen);
      QCOMPARE(got->infos[i].width, 20 + static_cast<int>(seen));
      QVERIFY(got->infos[i].thumbnail.empty());
      const at::Tensor expected = preprocess(decodeImage(m_folder.file(seen)), config());
      QVERIFY(at::equal(got->pixels[static_cast<int64_t>(i)], expected));
    }
  }
  QCOMPARE(seen, int64_t{kImages});
  QVERIFY(!loader.next());
}

void ImageLoaderTest::aRange() {
  ImageLoader loader(m_folder, config(), {.batch = 4, .workers = 2, .first = 10, .last = 19});
  std::vector<int64_t> seen;
  while (const auto batch = loader.next()) seen.insert(seen.end(), batch->indices.begin(), batch->indices.end());
  QVERIFY(seen == (std::vector<int64_t>{10, 11, 12, 13, 14, 15, 16, 17, 18}));
}

void ImageLoaderTest::failuresAreListed() {
  QTemporaryDir dir;
  const fs::path root = dir.path().toStdString();
  const std::string good = toString(encodePng(drawn(20, 20)));
  for (int i = 0; i < 12; ++i) {
    const std::string bytes = i % 4 == 1 ? good.substr(0, 50) : i % 4 == 2 ? std::string() : good;
    writeBytes(root / (std::to_string(10 + i) + ".png"), bytes);
  }
  const ImageFolder folder = listImageFolder(root);
  fs::remove(root / "21.png");  // gone since the listing
  ImageLoader loader(folder, config(), {.batch = 5, .workers = 3});
  const at::Tensor expected = preprocess(drawn(20, 20), config());
  std::vector<int64_t> indices, failed;
  int64_t next = 0;
  while (const auto batch = loader.next()) {
    QCOMPARE(batch->first, next);
    next += static_cast<int64_t>(batch->indices.size() + batch->failures.size());
    QCOMPARE(batch->pixels.size(0), static_cast<int64_t>(batch->indices.size()));
    QCOMPARE(batch->infos.size(), batch->indices.size());
    for (int64_t i = 0; i < batch->pixels.size(0); ++i) QVERIFY(at::equal(batch->pixels[i], expected));
    for (const ImageFailure& failure : batch->failures) {
      failed.push_back(failure.index);
      QVERIFY(failure.reason.find(std::to_string(10 + failure.index) + ".png") != std::string::npos);
    }
    indices.insert(indices.end(), batch->indices.begin(), batch->indices.end());
  }
  QVERIFY(indices == (std::vector<int64_t>{0, 3, 4, 7, 8}));
  QVERIFY(failed == (std::vector<int64_t>{1, 2, 5, 6, 9, 10, 11}));
}

void ImageLoaderTest::onlyFailures() {
  QTemporaryDir dir;
  writeBytes(fs::path(dir.path().toStdString()) / "a.jpg", "no image");
  ImageLoader loader(listImageFolder(dir.path().toStdString()), config());
  const auto batch = loader.next();
  QVERIFY(batch && batch->indices.empty());
  QCOMPARE(batch->failures.size(), size_t{1});
  QVERIFY(batch->pixels.sizes() == (std::vector<int64_t>{0, 3, 16, 16}));
  QVERIFY(!loader.next());
}

void ImageLoaderTest::thumbnailsAndSizes() {
  QTemporaryDir dir;
  const fs::path root = dir.path().toStdString();
  fs::copy(golden("exif_6.jpg"), root / "turned.jpg");
  ImageLoader loader(listImageFolder(root), config(), {.thumbnailSide = 12});
  const auto batch = loader.next();
  QVERIFY(batch);
  const Image upright = decodeImage(golden("exif_6.jpg"));
  QCOMPARE(batch->infos[0].width, upright.width);
  QCOMPARE(batch->infos[0].height, upright.height);
  const Image thumbnail = decodeBytes(toString(batch->infos[0].thumbnail));
  QVERIFY(thumbnail.height == 12 && thumbnail.width < 12);
}

void ImageLoaderTest::stops() {
  std::stop_source source;
  ImageLoader loader(m_folder, config(), {.batch = 2, .workers = 2, .stop = source.get_token()});
  QVERIFY(loader.next());
  source.request_stop();
  QVERIFY_EXCEPTION_THROWN(loader.next(), Cancelled);
  QVERIFY_EXCEPTION_THROWN(loader.next(), Cancelled);
}

void ImageLoaderTest::stopsWhileWaiting() {
  std::stop_source source;
  ImageLoader loader(m_folder, config(), {.batch = 1, .workers = 1, .stop = source.get_token()});
  std::jthread other([&] { source.request_stop(); });
  bool cancelled = false;
  try {
    while (loader.next()) {
    }
  } catch (const Cancelled&) {
    cancelled = true;
  }
  other.join();
  if (!cancelled) QVERIFY_EXCEPTION_THROWN(loader.next(), Cancelled);
}

void ImageLoaderTest::destroyedEarly() {
  for (int given = 0; given < 4; ++given) {
    ImageLoader loader(m_folder, config(), {.batch = 3, .workers = 4, .thumbnailSide = 8});
    for (int i = 0; i < given; ++i) QVERIFY(loader.next());
  }
}

void ImageLoaderTest::optionsAreChecked() {
  using Options = ImageLoader::Options;
  for (const Options& bad : {Options{.batch = 0}, Options{.workers = -1}, Options{.first = -1}, Options{.first = 3, .last = 2},
                             Options{.last = kImages + 1}, Options{.thumbnailSide = -1},
                             Options{.thumbnailSide = 8, .thumbnailQuality = 0}}) {
    QVERIFY(caught([&] { ImageLoader(m_folder, config(), bad); }).code() == ErrorCode::Invalid);
  }
  PreprocessConfig free = config();
  free.centerCrop = false;
  QVERIFY(caught([&] { ImageLoader(m_folder, free); }).code() == ErrorCode::Invalid);
}

void ImageLoaderTest::emptyRange() {
  ImageLoader loader(m_folder, config(), {.first = 5, .last = 5});
  QVERIFY(!loader.next());
}

QTEST_GUILESS_MAIN(ImageLoaderTest)
#include "image_loader_test.moc"
