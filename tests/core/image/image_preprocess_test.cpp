// Preprocessing against Hugging Face's image processors, and the reading of their settings.
#include <ATen/ATen.h>

#include <QTemporaryDir>
#include <cmath>

#include "core/image/preprocess.h"
#include "image_fixture.h"

using namespace sememe;
using namespace sememe::fixture;
namespace fs = std::filesystem;

class ImagePreprocessTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void equalsHuggingFace_data();
  void equalsHuggingFace();
  void publishedClip();
  void publishedSiglip();
  void publishedDinov2();
  void kindFromConfig();
  void numbersListsAndNulls();
  void nestedComesFirst();
  void missing();
  void broken_data();
  void broken();
  void unsupported_data();
  void unsupported();
  void fingerprints();
  void thinImages();
  void whatTheModelSees();
  void intoMemory();

 private:
  PreprocessConfig read(const std::string& json) {
    writeBytes(m_folder / "preprocessor_config.json", json);
    return readPreprocessConfig(m_folder);
  }
  std::unique_ptr<QTemporaryDir> m_dir;
  fs::path m_folder;
};

void ImagePreprocessTest::init() {
  m_dir = std::make_unique<QTemporaryDir>();
  m_folder = m_dir->path().toStdString();
}

void ImagePreprocessTest::equalsHuggingFace_data() {
  QTest::addColumn<QString>("folder");
  QTest::addColumn<QString>("image");
  QTest::addColumn<int>("height");
  QTest::addColumn<int>("width");
  QTest::addColumn<QString>("file");
  std::ifstream list(golden("preprocess.txt"));
  std::string folder, image, file;
  int height, width, rows = 0;
  while (list >> folder >> image >> height >> width >> file) {
    QTest::newRow(file.c_str()) << QString::fromStdString(folder) << QString::fromStdString(image) << height << width
                                << QString::fromStdString(file);
    ++rows;
  }
  QCOMPARE(rows, 32);
}

void ImagePreprocessTest::equalsHuggingFace() {
  QFETCH(QString, folder);
  QFETCH(QString, image);
  QFETCH(int, height);
  QFETCH(int, width);
  QFETCH(QString, file);
  const PreprocessConfig config = readPreprocessConfig(golden(folder.toStdString()));
  const at::Tensor pixels = preprocess(decodeImage(golden(image.toStdString())), config);
  QCOMPARE(pixels.scalar_type(), at::kFloat);
  QVERIFY(pixels.sizes() == (std::vector<int64_t>{3, height, width}));
  const std::string bytes = readBytes(golden(file.toStdString()));
  QCOMPARE(bytes.size(), static_cast<size_t>(pixels.numel()) * sizeof(float));
  std::vector<float> expected(bytes.size() / sizeof(float));
  std::memcpy(expected.data(), bytes.data(), bytes.size());
  const float* const got = pixels.data_ptr<float>();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (got[i] != expected[i]) QFAIL(qPrintable(QStringLiteral("value %1: %2, expected %3").arg(i).arg(got[i]).arg(expected[i])));
  }
}

void ImagePreprocessTest::publishedClip() {
  // As in openai/clip-vit-large-patch14-336.
  const PreprocessConfig c = read(R"({"crop_size": 336, "do_center_crop": true, "do_normalize": true, "do_resize": true,
    "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 336})");
  QCOMPARE(c.shortestEdge, 336);
  QVERIFY(c.fixedSize());
  QCOMPARE(c.outputHeight(), 336);
  QCOMPARE(c.outputWidth(), 336);
  QVERIFY(c.resample == Resample::Bicubic && c.rescale && c.normalize);
  QCOMPARE(c.rescaleFactor, 1.0 / 255.0);
}

void ImagePreprocessTest::publishedSiglip() {
  const PreprocessConfig c = read(R"({"do_normalize": true, "do_rescale": true, "do_resize": true,
    "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "SiglipImageProcessor", "image_std": [0.5, 0.5, 0.5],
    "processor_class": "SiglipProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
    "size": {"height": 384, "width": 384}})");
  QVERIFY(!c.centerCrop && c.resize && c.fixedSize());
  QCOMPARE(c.shortestEdge, 0);
  QCOMPARE(c.outputWidth(), 384);
}

void ImagePreprocessTest::publishedDinov2() {
  const PreprocessConfig c = read(R"({"crop_size": {"height": 224, "width": 224}, "do_center_crop": true,
    "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
    "image_mean": [0.485, 0.456, 0.406], "image_processor_type": "BitImageProcessor",
    "image_std": [0.229, 0.224, 0.225], "resample": 3, "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 256}})");
  QCOMPARE(c.shortestEdge, 256);
  QCOMPARE(c.outputHeight(), 224);
  QCOMPARE(c.mean[1], 0.456);
}

void ImagePreprocessTest::kindFromConfig() {
  writeBytes(m_folder / "config.json", R"({"model_type": "siglip_vision_model"})");
  QVERIFY(!read(R"({"size": {"height": 64, "width": 48}})").centerCrop);
  writeBytes(m_folder / "config.json", R"({"model_type": "clip"})");
  QVERIFY(read(R"({"size": 64})").centerCrop);
  writeBytes(m_folder / "config.json", R"({"model_type": "something"})");
  QVERIFY(caught([&] { read("{}"); }).code() == ErrorCode::Unsupported);
}

void ImagePreprocessTest::numbersListsAndNulls() {
  const PreprocessConfig c = read(R"({"image_processor_type": "CLIPImageProcessorFast", "size": [40, 50],
    "crop_size": [30, 20], "image_mean": 0.5, "image_std": [1, 2, 3], "resample": null, "do_rescale": null, "rescale_factor": null})");
  QCOMPARE(c.resizeHeight, 40);
  QCOMPARE(c.resizeWidth, 50);
  QCOMPARE(c.cropHeight, 30);
  QCOMPARE(c.cropWidth, 20);
  QCOMPARE(c.mean[2], 0.5);
  QCOMPARE(c.std[2], 3.0);
  QVERIFY(!c.rescale && c.resample == Resample::Bilinear);
  QCOMPARE(read(R"({"image_processor_type": "CLIPImageProcessor", "size": 60, "default_to_square": true})").resizeWidth, 60);
  const PreprocessConfig vit = read(R"({"image_processor_type": "ViTImageProcessor", "size": 60})");
  QCOMPARE(vit.resizeHeight, 60);
  QVERIFY(vit.resample == Resample::Bilinear);
}

void ImagePreprocessTest::nestedComesFirst() {
  read(R"({"image_processor_type": "CLIPImageProcessor", "crop_size": 10})");
  writeBytes(m_folder / "processor_config.json", R"({"processor_class": "CLIPProcessor"})");
  QCOMPARE(readPreprocessConfig(m_folder).cropHeight, 10);
  writeBytes(m_folder / "processor_config.json",
             R"({"image_processor": {"image_processor_type": "CLIPImageProcessor", "crop_size": 12}})");
  QCOMPARE(readPreprocessConfig(m_folder).cropHeight, 12);
}

void ImagePreprocessTest::missing() {
  const Error e = caught([&] { readPreprocessConfig(m_folder); });
  QVERIFY(e.code() == ErrorCode::NotFound);
  QVERIFY(e.message().find("preprocessor_config.json") != std::string::npos);
  QVERIFY(caught([&] { readPreprocessConfig(m_folder / "nowhere"); }).code() == ErrorCode::NotFound);
}

void ImagePreprocessTest::broken_data() {
  QTest::addColumn<QString>("json");
  int row = 0;
  for (const char* json : {"", "{", "[]", "3", "{\"image_processor_type\": 4}", "\xFF\xFE",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": -4})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": 1e9})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": 224.5})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": "224"})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": {}})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": {"height": 3}})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": [1, 2, 3]})",
                           R"({"image_processor_type": "CLIPImageProcessor", "crop_size": {"height": 0, "width": 4}})",
                           R"({"image_processor_type": "CLIPImageProcessor", "crop_size": {"shortest_edge": 4}})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": null})",
                           R"({"image_processor_type": "CLIPImageProcessor", "image_mean": null})",
                           R"({"image_processor_type": "CLIPImageProcessor", "do_resize": 1})",
                           R"({"image_processor_type": "CLIPImageProcessor", "resample": 6})",
                           R"({"image_processor_type": "CLIPImageProcessor", "resample": "bicubic"})",
                           R"({"image_processor_type": "CLIPImageProcessor", "rescale_factor": "x"})",
                           R"({"image_processor_type": "CLIPImageProcessor", "image_mean": [1, 2]})",
                           R"({"image_processor_type": "CLIPImageProcessor", "image_mean": ["a", 2, 3]})",
                           R"({"image_processor_type": "CLIPImageProcessor", "image_std": [1, 0, 1]})"}) {
    QTest::addRow("%d", row++) << QString::fromLatin1(json);
  }
}

void ImagePreprocessTest::broken() {
  QFETCH(QString, json);
  const Error e = caught([&] { read(json.toStdString()); });
  QVERIFY2(e.code() == ErrorCode::Corrupt, e.what());
  QVERIFY(e.where().find("preprocessor_config.json") != std::string::npos);
}

void ImagePreprocessTest::unsupported_data() {
  QTest::addColumn<QString>("json");
  int row = 0;
  for (const char* json : {"{}", R"({"image_processor_type": "Siglip2ImageProcessor"})",
                           R"({"image_processor_type": "CLIPImageProcessor", "do_pad": true})",
                           R"({"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 3, "longest_edge": 9}})"}) {
    QTest::addRow("%d", row++) << QString::fromLatin1(json);
  }
}

void ImagePreprocessTest::unsupported() {
  QFETCH(QString, json);
  QVERIFY(caught([&] { read(json.toStdString()); }).code() == ErrorCode::Unsupported);
}

void ImagePreprocessTest::fingerprints() {
  const PreprocessConfig plain;
  QVERIFY(plain.fingerprint() == PreprocessConfig{}.fingerprint());
  std::vector<PreprocessConfig> others(7);
  others[0].shortestEdge = 225;
  others[1].resample = Resample::Bilinear;
  others[2].centerCrop = false;
  others[3].rescaleFactor = 1.0 / 256;
  others[4].mean[1] += 1e-9;
  others[5].normalize = false;
  others[6].cropWidth = 223;
  for (const PreprocessConfig& other : others) QVERIFY(other.fingerprint() != plain.fingerprint());
}

void ImagePreprocessTest::thinImages() {
  PreprocessConfig config;
  const at::Tensor pixels = preprocess(drawn(1, 500), config);
  QVERIFY(pixels.sizes() == (std::vector<int64_t>{3, 224, 224}));
  QVERIFY(pixels.isfinite().all().item<bool>());
  const Image line{1, 6000000, std::vector<uint8_t>(18000000)};
  QVERIFY(caught([&] { preprocess(line, config); }).code() == ErrorCode::Invalid);
  QVERIFY(caught([&] { preprocess(Image{}, config); }).code() == ErrorCode::Invalid);
  config.resize = false;
  QVERIFY(caught([&] { preprocess(Image{4, 4, {1, 2}}, config); }).code() == ErrorCode::Invalid);
}

// The picture before the arithmetic: arithmetic alone makes preprocess()'s tensor of it, and none at all its bytes.
void ImagePreprocessTest::whatTheModelSees() {
  PreprocessConfig config;
  config.shortestEdge = 20;
  config.cropHeight = 16;
  config.cropWidth = 24;  // wider than the resized image: black at both sides
  const Image image = drawn(31, 40);
  const Image view = resizeAndCrop(image, config);
  QCOMPARE(view.width, 24);
  QCOMPARE(view.height, 16);
  QCOMPARE(view.rgb.size(), size_t(3 * 24 * 16));
  QVERIFY(view.rgb[0] == 0 && view.rgb[3 * 23] == 0);
  PreprocessConfig arithmetic = config;
  arithmetic.resize = arithmetic.centerCrop = false;
  QVERIFY(preprocess(view, arithmetic).equal(preprocess(image, config)));
  config.rescale = config.normalize = false;
  const at::Tensor bytes = preprocess(image, config).permute({1, 2, 0}).contiguous();
  QVERIFY(std::equal(view.rgb.begin(), view.rgb.end(), bytes.const_data_ptr<float>()));
  config.resize = config.centerCrop = false;
  QVERIFY(resizeAndCrop(image, config).rgb == image.rgb);
  QVERIFY(caught([&] { resizeAndCrop(Image{}, config); }).code() == ErrorCode::Invalid);
}

void ImagePreprocessTest::intoMemory() {
  PreprocessConfig config;
  config.shortestEdge = config.cropHeight = config.cropWidth = 16;
  const Image image = drawn(31, 22);
  std::vector<float> out(3 * 16 * 16);
  preprocessInto(image, config, out);
  const at::Tensor expected = preprocess(image, config);
  QVERIFY(std::memcmp(out.data(), expected.data_ptr<float>(), out.size() * sizeof(float)) == 0);
  out.pop_back();
  QVERIFY(caught([&] { preprocessInto(image, config, out); }).code() == ErrorCode::Mismatch);
}

QTEST_GUILESS_MAIN(ImagePreprocessTest)
#include "image_preprocess_test.moc"
