// Listing image folders: order, classes, splits, odd names, links, and what cannot be read.
#include <sys/stat.h>
#include <unistd.h>

#include <QTemporaryDir>

#include "core/base/log.h"
#include "core/image/image_folder.h"
#include "image_fixture.h"

using namespace sememe;
using namespace sememe::fixture;
namespace fs = std::filesystem;

class ImageFolderTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init();
  void imageNet();
  void splitIsPartOfThePath();
  void nestedClassesKeepTorchvisionsOrder();
  void emptyAndHiddenClasses();
  void flat();
  void mixedIsFlat();
  void iNaturalist();
  void endings();
  void oddNames();
  void emptyFolder();
  void missingFolderOrSplit();
  void splitsAlone();
  void symbolicLinks();
  void unreadableSubFolder();
  void fingerprint();
  void fileOutOfRange();
  void decodesWhatItLists();

 private:
  fs::path root() const { return m_root; }
  void put(const std::string& path, const std::string& content = "x") { writeBytes(m_root / path, content); }
  static std::vector<std::string> paths(const ImageFolder& folder) {
    std::vector<std::string> out;
    for (const ImageEntry& entry : folder.images) out.push_back(entry.path);
    return out;
  }

  std::unique_ptr<QTemporaryDir> m_dir;
  fs::path m_root;
};

using Names = std::vector<std::string>;

void ImageFolderTest::init() {
  m_dir = std::make_unique<QTemporaryDir>();
  QVERIFY(m_dir->isValid());
  m_root = fs::path(m_dir->path().toStdString()) / "data set";
  fs::create_directories(m_root);
}

void ImageFolderTest::imageNet() {
  put("train/n02/b.JPEG");
  put("train/n02/a.JPEG");
  put("train/n01/z.JPEG");
  put("train/n10/c.JPEG");
  put("train/readme.txt");
  put("val/n01/q.JPEG");
  const ImageFolder folder = listImageFolder(root() / "train");
  QVERIFY(folder.classes == (Names{"n01", "n02", "n10"}));
  QVERIFY(paths(folder) == (Names{"n01/z.JPEG", "n02/a.JPEG", "n02/b.JPEG", "n10/c.JPEG"}));
  QCOMPARE(folder.images[0].classIndex, 0);
  QCOMPARE(folder.images[2].classIndex, 1);
  QCOMPARE(folder.images[3].classIndex, 2);
}

void ImageFolderTest::splitIsPartOfThePath() {
  put("train/a/1.png");
  put("val/b/2.png");
  for (const char* split : {"val", "val/", "./val"}) {
    const ImageFolder folder = listImageFolder(root(), split);
    QVERIFY(paths(folder) == (Names{"val/b/2.png"}));
    QVERIFY(folder.classes == (Names{"b"}));
    QVERIFY(fs::exists(folder.file(0)));
  }
  QVERIFY(caught([&] { listImageFolder(root(), "../data set/val"); }).code() == ErrorCode::Invalid);
  QVERIFY(caught([&] { listImageFolder(root(), "/etc"); }).code() == ErrorCode::Invalid);
}

void ImageFolderTest::nestedClassesKeepTorchvisionsOrder() {
  // sorted(os.walk(class)) compares whole folder paths: '-' comes before '/'.
  for (const char* path : {"c/z.png", "c/x/b.png", "c/x/y/a.png", "c/x-1/d.png", "c/x/A.png", "b/only/deep/e.png"}) put(path);
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(folder.classes == (Names{"b", "c"}));
  QVERIFY(paths(folder) == (Names{"b/only/deep/e.png", "c/z.png", "c/x/A.png", "c/x/b.png", "c/x-1/d.png", "c/x/y/a.png"}));
}

void ImageFolderTest::emptyAndHiddenClasses() {
  put("a/1.png");
  fs::create_directories(root() / "b");
  put("c/2.png");
  put(".git/logo.png");
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(folder.classes == (Names{"a", "b", "c"}));
  QCOMPARE(folder.images.back().classIndex, 2);
  QCOMPARE(folder.images.size(), size_t{2});
}

void ImageFolderTest::flat() {
  for (const char* name : {"b.png", "B.png", "a10.png", "a2.png", "_.png"}) put(name);
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(paths(folder) == (Names{"B.png", "_.png", "a10.png", "a2.png", "b.png"}));
  QVERIFY(folder.classes.empty());
  QCOMPARE(folder.images[0].classIndex, -1);
}

void ImageFolderTest::mixedIsFlat() {
  for (const char* name : {"m.png", "a/z.png", "z/a/b.png"}) put(name);
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(paths(folder) == (Names{"a/z.png", "m.png", "z/a/b.png"}));
  QVERIFY(folder.classes.empty());
}

void ImageFolderTest::iNaturalist() {
  put("train_mini/00001_Animalia_Annelida_x/b.jpg");
  put("train_mini/00000_Animalia_Annelida_w/a.jpg");
  const ImageFolder folder = listImageFolder(root(), "train_mini");
  QVERIFY(folder.classes == (Names{"00000_Animalia_Annelida_w", "00001_Animalia_Annelida_x"}));
}

void ImageFolderTest::endings() {
  for (const char* name : {"1.jpg", "2.JPEG", "3.Png", "4.ppm", "5.bmp", "6.pgm", "7.tif", "8.TIFF", "9.webp", "a.gif", "b.jpgx",
                           "c", "d.jpg.txt", "png", "e.mp4"}) {
    put(name);
  }
  fs::create_directories(root() / "folder.jpg");
  QCOMPARE(listImageFolder(root()).images.size(), size_t{9});
}

void ImageFolderTest::oddNames() {
  put("Größe und Höhe/ein Bild (1).jpg");
  put("日本語/写真.png");
  put("with 'quotes' & \"more\"/%20.png");
  put(" leading blank/.png.png");
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(folder.classes == (Names{" leading blank", "Größe und Höhe", "with 'quotes' & \"more\"", "日本語"}));
  for (size_t i = 0; i < folder.images.size(); ++i) QVERIFY(fs::exists(folder.file(static_cast<int64_t>(i))));

  // A name that is not UTF-8 is left out, and said.
  put("日本語/\xFF\xFE.png");
  put("日本語/\xED\xA0\x80.png");
  std::string warnings;
  setLogSink([&](LogLevel, std::string_view line) { warnings += line; });
  const ImageFolder again = listImageFolder(root());
  setLogSink({});
  QCOMPARE(again.images.size(), size_t{4});
  QVERIFY(warnings.find("UTF-8") != std::string::npos);
}

void ImageFolderTest::emptyFolder() {
  put("notes.txt");
  put("class/notes.txt");
  const Error e = caught([&] { listImageFolder(root()); });
  QVERIFY(e.code() == ErrorCode::NotFound);
  QVERIFY(e.message().find("class folders") != std::string::npos);
  QVERIFY(e.where() == root().string());
}

void ImageFolderTest::missingFolderOrSplit() {
  put("train/a/1.png");
  QVERIFY(caught([&] { listImageFolder(root() / "nowhere"); }).code() == ErrorCode::NotFound);
  QVERIFY(caught([&] { listImageFolder(root() / "train/a/1.png"); }).code() == ErrorCode::NotFound);
  const Error e = caught([&] { listImageFolder(root(), "valid"); });
  QVERIFY(e.code() == ErrorCode::NotFound);
  QVERIFY(e.message().find("train") != std::string::npos);
}

void ImageFolderTest::splitsAlone() {
  put("train/a/1.png");
  put("val/a/1.png");
  const Error e = caught([&] { listImageFolder(root()); });
  QVERIFY(e.message().find("train, val") != std::string::npos);
  put("more/a/1.png");
  QCOMPARE(listImageFolder(root()).classes.size(), size_t{3});
}

void ImageFolderTest::symbolicLinks() {
  put("a/1.png");
  put("elsewhere/2.png");
  fs::create_directory_symlink(root(), root() / "a/up");
  fs::create_directory_symlink(".", root() / "a/self");
  fs::create_directory_symlink("../elsewhere", root() / "a/other");
  fs::create_symlink("../elsewhere/2.png", root() / "a/linked.png");
  fs::create_symlink("gone.png", root() / "a/dangling.png");
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(paths(folder) == (Names{"a/1.png", "a/linked.png", "a/other/2.png", "elsewhere/2.png"}));
}

void ImageFolderTest::unreadableSubFolder() {
  if (::geteuid() == 0) QSKIP("root reads everything");
  put("a/1.png");
  put("b/2.png");
  ::chmod((root() / "b").c_str(), 0);
  std::string warnings;
  setLogSink([&](LogLevel, std::string_view line) { warnings += line; });
  const ImageFolder folder = listImageFolder(root());
  setLogSink({});
  ::chmod((root() / "b").c_str(), 0755);
  QCOMPARE(folder.images.size(), size_t{1});
  QVERIFY(warnings.find("cannot read") != std::string::npos);
}

void ImageFolderTest::fingerprint() {
  put("a/1.png", "12345");
  put("a/2.png", "123");
  const std::string before = listImageFolder(root()).fingerprint;
  QCOMPARE(before.size(), size_t{32});
  const fs::path moved = root().parent_path() / "moved";
  fs::rename(root(), moved);
  QVERIFY(listImageFolder(moved).fingerprint == before);
  fs::rename(moved, root());
  put("a/2.png", "1234");
  const std::string resized = listImageFolder(root()).fingerprint;
  QVERIFY(resized != before);
  fs::rename(root() / "a/2.png", root() / "a/3.png");
  QVERIFY(listImageFolder(root()).fingerprint != resized);
}

void ImageFolderTest::fileOutOfRange() {
  put("a/1.png");
  const ImageFolder folder = listImageFolder(root());
  QVERIFY(caught([&] { folder.file(1); }).code() == ErrorCode::Invalid);
  QVERIFY(caught([&] { folder.file(-1); }).code() == ErrorCode::Invalid);
}

void ImageFolderTest::decodesWhatItLists() {
  put("ä b/1.png", toString(encodePng(drawn(5, 4))));
  QCOMPARE(decodeImage(listImageFolder(root()).file(0)).width, 5);
}

QTEST_GUILESS_MAIN(ImageFolderTest)
#include "image_folder_test.moc"
