// The demo world's scenes: what is drawn where, and how it is called.
#include "core/demo/world.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <span>

#include "core/base/error.h"

namespace sememe {

namespace {

constexpr std::array<std::string_view, kWorldShapes> kShapeNames = {
    "circle", "square", "triangle", "star",  "heart",  "ring",
    "cross",  "moon",   "hexagon",  "arrow", "flower", "diamond"};
constexpr std::array<std::string_view, kWorldColours> kColourNames = {
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white"};
constexpr std::array<std::string_view, kWorldTextures> kTextureNames = {"solid", "striped", "dotted",
                                                                        "checkered"};
constexpr std::array<std::string_view, kWorldBackgrounds> kBackgroundNames = {
    "white", "black", "gray", "blue", "green", "yellow", "pink", "purple"};
constexpr int kArrow = 9;

std::string_view nameAt(std::span<const std::string_view> names, int index, const char* kind) {
  if (index < 0 || index >= static_cast<int>(names.size())) {
    throw Error(ErrorCode::Invalid, std::string("no such ") + kind + " in the demo world",
                std::to_string(index));
  }
  return names[static_cast<size_t>(index)];
}

// An object without a place, of neither the colour nor the shape of `other`.
SceneObject sampleObject(WorldRandom& random, int background, const SceneObject* other, double radius) {
  SceneObject o;
  o.radius = radius;
  do {
    o.colour = random.below(kWorldColours);
  } while (worldColour(o.colour) == worldBackground(background) || (other && other->colour == o.colour));
  do {
    o.shape = random.below(kWorldShapes);
  } while (other && other->shape == o.shape);
  const double t = random.uniform();
  o.texture = t < 0.34 ? 0 : t < 0.56 ? 1 : t < 0.78 ? 2 : 3;
  constexpr double kPi = std::numbers::pi;
  o.rotation =
      o.shape == kArrow ? random.below(4) * kPi / 2 + random.normal(0, 0.12) : random.normal(0, 0.16);
  constexpr std::array<double, 4> kAngles = {0, kPi / 4, -kPi / 4, kPi / 2};
  o.textureAngle = kAngles[static_cast<size_t>(random.below(4))] + random.normal(0, 0.1);
  o.period = random.uniform(0.36, 0.46) * std::max(radius, 20.0);
  return o;
}

void placeInside(WorldRandom& random, SceneObject& o, double margin) {
  const double half = kWorldSide / 2.0;
  o.x = margin < half ? random.uniform(margin, kWorldSide - margin) : half;
  o.y = margin < half ? random.uniform(margin, kWorldSide - margin) : half;
}

std::string phrase(const SceneObject& o) {
  std::string text = worldArticle(worldColour(o.colour));
  text.append(" ").append(worldColour(o.colour));
  if (o.texture > 0) text.append(" ").append(worldTexture(o.texture));
  return text.append(" ").append(worldShape(o.shape));
}

std::string className(int shape, int colour, int texture) {
  char number[16];
  std::snprintf(number, sizeof number, "%05d", (shape * kWorldColours + colour) * kWorldTextures + texture);
  std::string name = number;
  name.append("_").append(worldShape(shape)).append("_").append(worldColour(colour));
  return name.append("_").append(worldTexture(texture));
}

}  // namespace

std::string_view worldShape(int index) { return nameAt(kShapeNames, index, "shape"); }
std::string_view worldColour(int index) { return nameAt(kColourNames, index, "colour"); }
std::string_view worldTexture(int index) { return nameAt(kTextureNames, index, "texture"); }
std::string_view worldBackground(int index) { return nameAt(kBackgroundNames, index, "background"); }

std::string worldArticle(std::string_view word) {
  return !word.empty() && std::string_view("aeiou").find(word[0]) != std::string_view::npos ? "an" : "a";
}

Scene sampleScene(WorldRandom& random) {
  Scene scene;
  scene.background = random.below(kWorldBackgrounds);
  scene.light = -std::numbers::pi / 2 + random.normal(0, 0.7);
  scene.noise = random.next();
  const bool two = random.chance(0.25);
  const bool big = random.chance(0.6);
  const double radius = two ? random.uniform(25, 33) : big ? random.uniform(29, 38) : random.uniform(19, 26);
  SceneObject first = sampleObject(random, scene.background, nullptr, radius);
  first.big = radius > 26.5 || two;
  const double margin = radius * 1.12 + 2;
  placeInside(random, first, margin);
  scene.objects.push_back(first);
  if (!two) return scene;

  SceneObject second = sampleObject(random, scene.background, &first, random.uniform(13, 17));
  second.big = false;
  // A place where the two do not touch is nearly always found; else the scene keeps one object.
  for (int attempt = 0; attempt < 60; ++attempt) {
    placeInside(random, scene.objects[0], margin);
    placeInside(random, second, second.radius * 1.1 + 2);
    const double distance = std::hypot(scene.objects[0].x - second.x, scene.objects[0].y - second.y);
    if (distance > (radius + second.radius) * 1.08) {
      scene.objects.push_back(second);
      break;
    }
  }
  return scene;
}

Scene sceneAt(uint64_t seed, int64_t index) {
  WorldRandom random(seed, static_cast<uint64_t>(index));
  return sampleScene(random);
}

std::string caption(const Scene& scene) {
  std::string text;
  for (const SceneObject& o : scene.objects) text.append(text.empty() ? "" : " and ").append(phrase(o));
  return text.append(" on a ").append(worldBackground(scene.background)).append(" background");
}

std::string worldClass(const Scene& scene) {
  if (scene.objects.empty()) throw Error(ErrorCode::Invalid, "a scene without an object has no class");
  const SceneObject& o = scene.objects[0];
  return className(o.shape, o.colour, o.texture);
}

std::vector<std::string> worldClasses() {
  std::vector<std::string> names;
  for (int s = 0; s < kWorldShapes; ++s) {
    for (int c = 0; c < kWorldColours; ++c) {
      for (int t = 0; t < kWorldTextures; ++t) names.push_back(className(s, c, t));
    }
  }
  return names;
}

}  // namespace sememe
