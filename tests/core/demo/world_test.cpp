// The demo world is the same everywhere, says what it shows, and lies on disk as an ordinary image folder.
#include "core/demo/world.h"

#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <fstream>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/image/image_folder.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

SceneObject object(int shape, int colour, int texture) {
  SceneObject o;
  o.shape = shape;
  o.colour = colour;
  o.texture = texture;
  o.x = o.y = kWorldSide / 2.0;
  o.radius = 30;
  o.period = 12;
  return o;
}

template <typename F>
ErrorCode codeOf(F&& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::Busy;  // none of the tested ones
}

fs::path pathOf(const QTemporaryDir& dir) { return dir.path().toStdString(); }

}  // namespace

class WorldTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void isTheSameEverywhere();
  void isAsDescribed();
  void knowsItsMasks();
  void hasCaptions();
  void hasClassTree();
  void writesAFolder();
  void goesOnWhereItStopped();
  void refusesWhatIsNotIts();
};

void WorldTest::isTheSameEverywhere() {
  Fingerprint print;
  for (int64_t i = 0; i < 40; ++i) {
    const Image image = drawScene(sceneAt(7, i)).image;
    QCOMPARE(image.rgb.size(), size_t{kWorldSide * kWorldSide * 3});
    print.add(std::string_view(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()));
  }
  QCOMPARE(print.hex(), std::string("28910409cf53609bbcf6feccad6b37bf"));
}

void WorldTest::isAsDescribed() {
  constexpr int kScenes = 4000;
  int two = 0;
  std::set<int> shapes, colours, textures, grounds;
  for (int i = 0; i < kScenes; ++i) {
    const Scene scene = sceneAt(3, i);
    two += scene.objects.size() == 2 ? 1 : 0;
    grounds.insert(scene.background);
    for (const SceneObject& o : scene.objects) {
      shapes.insert(o.shape);
      colours.insert(o.colour);
      textures.insert(o.texture);
      QVERIFY(worldColour(o.colour) != worldBackground(scene.background));
      QVERIFY(o.x > o.radius && o.x < kWorldSide - o.radius);
      QVERIFY(o.y > o.radius && o.y < kWorldSide - o.radius);
    }
    if (scene.objects.size() == 2) {
      QVERIFY(scene.objects[0].shape != scene.objects[1].shape);
      QVERIFY(scene.objects[0].colour != scene.objects[1].colour);
    }
  }
  QCOMPARE(shapes.size(), size_t{kWorldShapes});
  QCOMPARE(colours.size(), size_t{kWorldColours});
  QCOMPARE(textures.size(), size_t{kWorldTextures});
  QCOMPARE(grounds.size(), size_t{kWorldBackgrounds});
  QVERIFY(two > kScenes / 5 && two < kScenes * 3 / 10);
}

void WorldTest::knowsItsMasks() {
  for (int i = 0; i < 50; ++i) {
    const Scene scene = sceneAt(4, i);
    const DrawnScene drawn = drawScene(scene);
    QCOMPARE(drawn.masks.size(), scene.objects.size());
    std::vector<int> patches(scene.objects.size());
    for (const int8_t owner : drawn.owner) {
      QVERIFY(owner >= -1 && owner < static_cast<int>(scene.objects.size()));
      if (owner >= 0) ++patches[static_cast<size_t>(owner)];
    }
    for (size_t o = 0; o < scene.objects.size(); ++o) {
      QCOMPARE(drawn.masks[o].size(), size_t{kWorldSide * kWorldSide});
      double area = 0, x = 0, y = 0;
      for (size_t p = 0; p < drawn.masks[o].size(); ++p) {
        area += drawn.masks[o][p];
        x += drawn.masks[o][p] * (static_cast<double>(p % kWorldSide) + .5);
        y += drawn.masks[o][p] * (static_cast<double>(p / kWorldSide) + .5);
      }
      // The centre of the painted area lies near the object's (a moon's is the furthest off).
      QVERIFY(std::abs(x / area - scene.objects[o].x) < scene.objects[o].radius * .6);
      QVERIFY(std::abs(y / area - scene.objects[o].y) < scene.objects[o].radius * .6);
      QVERIFY(patches[o] > 0);
    }
  }
}

void WorldTest::hasCaptions() {
  Scene scene;
  scene.background = 3;
  scene.objects = {object(3, 0, 1)};
  QCOMPARE(caption(scene), std::string("a red striped star on a blue background"));
  scene.objects.push_back(object(9, 1, 0));
  QCOMPARE(caption(scene), std::string("a red striped star and an orange arrow on a blue background"));
  QCOMPARE(worldClass(scene), std::string("00109_star_red_striped"));
  QCOMPARE(codeOf([] { worldShape(kWorldShapes); }), ErrorCode::Invalid);
  QCOMPARE(codeOf([] { worldColour(-1); }), ErrorCode::Invalid);
}

void WorldTest::hasClassTree() {
  const std::vector<std::string> classes = worldClasses();
  QCOMPARE(classes.size(), size_t{kWorldShapes * kWorldColours * kWorldTextures});
  QVERIFY(std::is_sorted(classes.begin(), classes.end()));
  for (const std::string& name : classes) {
    // As iNaturalist's: a number of five digits, then the path of the tree, here shape, colour, texture.
    QCOMPARE(std::count(name.begin(), name.end(), '_'), 3);
    QCOMPARE(name.find('_'), size_t{5});
  }
  for (int i = 0; i < 100; ++i)
    QVERIFY(std::binary_search(classes.begin(), classes.end(), worldClass(sceneAt(5, i))));
}

void WorldTest::writesAFolder() {
  const QTemporaryDir dir;
  const fs::path root = pathOf(dir) / "a world";
  const WriteWorldResult result = writeWorld(root, "val", 60, 11);
  QCOMPARE(result.images, 60);
  QCOMPARE(result.written, 60);
  const ImageFolder folder = listImageFolder(root, "val");
  QCOMPARE(folder.images.size(), size_t{60});
  const std::vector<WorldRow> rows = readWorld(root);
  QCOMPARE(rows.size(), size_t{60});
  std::set<std::string> listed, described;
  for (const ImageEntry& entry : folder.images) listed.insert(entry.path);
  for (const WorldRow& row : rows) {
    described.insert(row.path);
    QCOMPARE(caption(row.scene), caption(sceneAt(11, row.index)));
    QVERIFY(row.path.find(worldClass(row.scene)) != std::string::npos);
  }
  QVERIFY(listed == described);
  QCOMPARE(
      std::count_if(rows.begin(), rows.end(), [](const WorldRow& r) { return r.path.ends_with(".png"); }), 6);
  // PNG gives back exactly what was drawn, JPEG nearly.
  for (const WorldRow& row : rows) {
    const Image drawn = drawScene(row.scene).image;
    const Image read = decodeImage(root / row.path);
    QCOMPARE(read.width, kWorldSide);
    if (row.path.ends_with(".png")) QVERIFY(read.rgb == drawn.rgb);
    double difference = 0;
    for (size_t i = 0; i < drawn.rgb.size(); ++i)
      difference += std::abs(int(drawn.rgb[i]) - int(read.rgb[i]));
    QVERIFY(difference / static_cast<double>(drawn.rgb.size()) < 4);
  }
}

void WorldTest::goesOnWhereItStopped() {
  const QTemporaryDir dir;
  const fs::path root = pathOf(dir);
  std::stop_source stop;
  bool cancelled = false;
  try {
    writeWorld(root, "val", 5000, 11, stop.get_token(), [&stop](const Progress&) { stop.request_stop(); }, 2);
  } catch (const Cancelled&) {
    cancelled = true;
  }
  QVERIFY(cancelled);
  QVERIFY(!fs::exists(root / "attributes.csv"));

  const fs::path fresh = root / "whole";
  writeWorld(fresh, "val", 40, 11);
  QCOMPARE(writeWorld(fresh, "val", 40, 11).written, 0);
  const std::string table = readTextFile(fresh / "attributes.csv");
  const std::vector<WorldRow> rows = readWorld(fresh);
  // As after a kill: no table, a file missing and one that is empty.
  fs::remove(fresh / "attributes.csv");
  fs::remove(fresh / rows[3].path);
  std::ofstream(fresh / rows[5].path, std::ios::trunc).close();
  QCOMPARE(writeWorld(fresh, "val", 40, 11).written, 2);
  QCOMPARE(readTextFile(fresh / "attributes.csv"), table);
  // A larger world takes up the smaller.
  QCOMPARE(writeWorld(fresh, "val", 50, 11).written, 10);
  QCOMPARE(readWorld(fresh).size(), size_t{50});
}

void WorldTest::refusesWhatIsNotIts() {
  const QTemporaryDir dir;
  const fs::path root = pathOf(dir);
  writeWorld(root, "val", 5, 11);
  QCOMPARE(codeOf([&] { writeWorld(root, "val", 5, 12); }), ErrorCode::Mismatch);
  QCOMPARE(codeOf([&] { writeWorld(root / "x", "val", 0, 12); }), ErrorCode::Invalid);
  QCOMPARE(codeOf([&] { readWorld(root / "none"); }), ErrorCode::NotFound);
  const std::string table = readTextFile(root / "attributes.csv");
  const size_t second = table.find('\n') + 1;
  for (const std::string& broken :
       {std::string(), std::string("path,background\n"), table.substr(0, second),
        table.substr(0, second) + "a,b\n", table.substr(0, second) + table.substr(second, 60),
        table.substr(0, second) + "p,x,1,,,,,,,,,,,,,,,,,c\n",
        table.substr(0, second) + "p,11,1,,,,,,,,,,,,,,,,,a red star\n"}) {
    writeTextFile(root / "attributes.csv", broken);
    QCOMPARE(codeOf([&] { readWorld(root); }), ErrorCode::Corrupt);
  }
}

QTEST_GUILESS_MAIN(WorldTest)
#include "world_test.moc"
