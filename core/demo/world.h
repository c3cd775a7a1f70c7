// The demo world: drawn scenes whose every attribute is known, as scenes, words and ordinary image files.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/demo/random.h"
#include "core/image/image.h"

namespace sememe {

inline constexpr int kWorldSide = 112;   // pixels of an image's side
inline constexpr int kWorldPatches = 8;  // patches of 14 pixels along a side, as the demo models cut them
inline constexpr int kWorldShapes = 12;
inline constexpr int kWorldColours = 9;
inline constexpr int kWorldTextures = 4;  // 0 is "solid"
inline constexpr int kWorldBackgrounds = 8;

// Names by index; throw Error (Invalid) outside the range.
std::string_view worldShape(int index);
std::string_view worldColour(int index);
std::string_view worldTexture(int index);
std::string_view worldBackground(int index);

// "a" or "an", as the word asks.
std::string worldArticle(std::string_view word);

struct SceneObject {
  int shape = 0, colour = 0, texture = 0;  // indices of the names above
  bool big = true;
  double x = 0, y = 0;      // centre, pixels
  double radius = 0;        // pixels
  double rotation = 0;      // radians
  double period = 0;        // of the texture, pixels
  double textureAngle = 0;  // radians, relative to the object
};

struct Scene {
  int background = 0;
  std::vector<SceneObject> objects;  // one or two; the first names the class
  double light = 0;                  // direction that the light comes from, radians
  uint64_t noise = 0;                // seed of the paint's small variations and the grain
};

// Draws the attributes of one scene. No object has its background's colour; of two objects, neither colour
// nor shape is shared.
Scene sampleScene(WorldRandom& random);

// Scene `index` of the world `seed`, independent of every other index.
Scene sceneAt(uint64_t seed, int64_t index);

struct DrawnScene {
  Image image;                              // kWorldSide x kWorldSide
  std::vector<std::vector<uint8_t>> masks;  // per object: coverage 0 … 255 of each pixel, row-major
  std::array<int8_t, kWorldPatches * kWorldPatches>
      owner{};  // per patch: the object that covers over a quarter, or -1
};

// Paints a scene, anti-aliased, with light, soft shadow and outline; about two milliseconds. Any thread.
DrawnScene drawScene(const Scene& scene);

// "a red striped star and a blue moon on a green background"; "solid" goes without saying.
std::string caption(const Scene& scene);

// The class of a scene, its first object's, as iNaturalist names folders: "00123_star_red_striped".
std::string worldClass(const Scene& scene);
// All kWorldShapes * kWorldColours * kWorldTextures classes, sorted by name.
std::vector<std::string> worldClasses();

// One line of attributes.csv.
struct WorldRow {
  std::string path;  // relative to the root, '/' between folders
  uint64_t seed = 0;
  int64_t index = 0;  // sceneAt(seed, index) is the image's scene
  Scene scene;
};

struct WriteWorldResult {
  int64_t images = 0;   // in the folder now
  int64_t written = 0;  // by this call; 0 when everything was there
};

// Writes images 0 … n-1 of the world `seed` to root/split/CLASS/INDEX.jpg (quality 95; every tenth is a
// .png), then root/attributes.csv. Each file is there completely or not at all; a call that was stopped or
// killed is taken up by the next, and a finished one does nothing. `threads` 0 = as many as the machine has,
// at most 8. Throws Error (Io, DiskFull; Mismatch when the root holds another world), Cancelled.
WriteWorldResult writeWorld(const std::filesystem::path& root, const std::string& split, int64_t n,
                            uint64_t seed, const std::stop_token& stop = {}, const ProgressFn& progress = {},
                            int threads = 0);

// The rows of root/attributes.csv, in index order. Throws Error (NotFound, Corrupt).
std::vector<WorldRow> readWorld(const std::filesystem::path& root);

}  // namespace sememe
