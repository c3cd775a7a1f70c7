// Counts the attributes that scenes share.
#include "core/demo/agreement.h"

#include <algorithm>
#include <functional>

namespace sememe {

std::vector<SharedAttribute> sharedAttributes(const std::vector<const Scene*>& scenes) {
  const auto most = [&scenes](int values, const std::function<bool(const Scene&, int)>& has,
                              const std::function<std::string(int)>& word) {
    SharedAttribute best;
    for (int v = 0; v < values; ++v) {
      const auto count = static_cast<int>(
          std::count_if(scenes.begin(), scenes.end(), [&](const Scene* s) { return has(*s, v); }));
      if (count > best.images) best = {word(v), count};
    }
    return best;
  };
  const auto onObject = [](int SceneObject::* attribute) {
    return [attribute](const Scene& scene, int value) {
      return std::any_of(scene.objects.begin(), scene.objects.end(),
                         [&](const SceneObject& o) { return o.*attribute == value; });
    };
  };
  return {
      most(kWorldColours, onObject(&SceneObject::colour), [](int v) { return std::string(worldColour(v)); }),
      most(kWorldTextures, onObject(&SceneObject::texture),
           [](int v) { return std::string(worldTexture(v)); }),
      most(kWorldShapes, onObject(&SceneObject::shape), [](int v) { return std::string(worldShape(v)); }),
      most(
          kWorldBackgrounds, [](const Scene& scene, int v) { return scene.background == v; },
          [](int v) { return std::string(worldBackground(v)) + " background"; })};
}

std::string sharedLabel(const std::vector<const Scene*>& scenes, int least) {
  std::string label;
  for (const SharedAttribute& shared : sharedAttributes(scenes)) {
    if (shared.images >= least) label.append(label.empty() ? "" : " ").append(shared.word);
  }
  return label;
}

}  // namespace sememe
