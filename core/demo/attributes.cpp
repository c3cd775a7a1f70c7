// The demo world's attributes by name, number and word.
#include "core/demo/attributes.h"

#include "core/base/error.h"

namespace sememe {

std::string_view attributeName(WorldAttribute attribute) {
  constexpr std::array<std::string_view, 4> kNames = {"shape", "colour", "texture", "background"};
  return kNames[static_cast<size_t>(attribute)];
}

int attributeValues(WorldAttribute attribute) {
  constexpr std::array<int, 4> kValues = {kWorldShapes, kWorldColours, kWorldTextures, kWorldBackgrounds};
  return kValues[static_cast<size_t>(attribute)];
}

std::string_view attributeWord(WorldAttribute attribute, int value) {
  switch (attribute) {
    case WorldAttribute::Shape: return worldShape(value);
    case WorldAttribute::Colour: return worldColour(value);
    case WorldAttribute::Texture: return worldTexture(value);
    case WorldAttribute::Background: return worldBackground(value);
  }
  throw Error(ErrorCode::Invalid, "not an attribute of the demo world");
}

int attributeOf(const SceneLabels& scene, WorldAttribute attribute, size_t object) {
  if (attribute == WorldAttribute::Background) return scene.background;
  return scene.objects[object][static_cast<size_t>(attribute)];
}

void setAttribute(SceneLabels& scene, WorldAttribute attribute, int value) {
  if (attribute == WorldAttribute::Background) {
    scene.background = value;
    return;
  }
  const auto count = static_cast<size_t>(scene.count());
  for (size_t object = 0; object < count; ++object) scene.objects[object][static_cast<size_t>(attribute)] = value;
}

}  // namespace sememe
