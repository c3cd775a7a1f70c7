// The four attributes of the demo world's scenes, by one name each: what neurons can stand for and questions ask.
#pragma once

#include <array>
#include <string_view>

#include "core/demo/training_data.h"
#include "core/demo/world.h"

namespace sememe {

enum class WorldAttribute { Shape, Colour, Texture, Background };
inline constexpr std::array<WorldAttribute, 4> kWorldAttributes = {WorldAttribute::Shape, WorldAttribute::Colour,
                                                                   WorldAttribute::Texture, WorldAttribute::Background};

std::string_view attributeName(WorldAttribute attribute);         // "shape"
int attributeValues(WorldAttribute attribute);                    // how many there are
std::string_view attributeWord(WorldAttribute attribute, int value);  // "star"; throws Error (Invalid) outside the range

// Of object `object` of a scene (of all of it for the background); -1 without such an object.
int attributeOf(const SceneLabels& scene, WorldAttribute attribute, size_t object = 0);
// Gives all objects of a scene (or its background) this value.
void setAttribute(SceneLabels& scene, WorldAttribute attribute, int value);

}  // namespace sememe
