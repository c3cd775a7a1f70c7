// The scenes that the demo's models are trained on, as tensors, and the captions that teach CLIP.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/demo/random.h"
#include "core/demo/world.h"

namespace sememe {

// Shape, colour, texture of one object; -1 where nothing is said (or there is no object).
using ObjectLabels = std::array<int, 3>;

struct SceneLabels {
  int background = 0;
  std::array<ObjectLabels, 2> objects = {{{-1, -1, -1}, {-1, -1, -1}}};
  bool easy = false;  // one big object
  int count() const { return objects[1][0] < 0 ? 1 : 2; }
};

// Drawn scenes in memory: 38 KB each.
struct TrainingScenes {
  at::Tensor pixels;  // uint8 [N, 3, 112, 112], as a JPEG of quality 95 gives them back
  at::Tensor owner;   // int64 [N, 64]: per patch the object, or -1
  std::vector<SceneLabels> labels;
  int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

// Draws scenes 0 … n-1 of the world `seed`. Throws Cancelled.
TrainingScenes drawTrainingScenes(int64_t n, uint64_t seed, const std::stop_token& stop,
                                  const ProgressFn& progress);

// uint8 [B, 3, H, W] to float32, scaled and normalised with the mean and deviation of CLIP (or ImageNet) that
// the model's preprocessor_config.json names.
at::Tensor normalisePixels(const at::Tensor& pixels, const std::array<double, 3>& mean,
                           const std::array<double, 3>& deviation);
inline constexpr std::array<double, 3> kClipMean = {0.48145466, 0.4578275, 0.40821073};
inline constexpr std::array<double, 3> kClipDeviation = {0.26862954, 0.26130258, 0.27577711};
inline constexpr std::array<double, 3> kImageNetMean = {0.485, 0.456, 0.406};
inline constexpr std::array<double, 3> kImageNetDeviation = {0.229, 0.224, 0.225};

// A sentence about a scene, which may leave things out.
struct SceneCaption {
  int background = -1;
  std::vector<ObjectLabels> objects;
  std::string text;
};

// All that is to say about a scene.
SceneCaption fullCaption(const SceneLabels& scene);
// Half the time everything, else a part of it about one object; never nothing.
SceneCaption sampleCaption(const SceneLabels& scene, WorldRandom& random);
// Whether a caption is true of a scene.
bool isTrueOf(const SceneCaption& caption, const SceneLabels& scene);

// The indices of a batch: easy scenes (one big object) until `curriculum` steps have passed; later every
// second batch is a hard one, of two colours and two backgrounds only, whose captions differ in little.
class BatchSampler {
 public:
  BatchSampler(const TrainingScenes& scenes, int64_t batch, int64_t curriculum);
  std::vector<int64_t> next(int64_t step, WorldRandom& random) const;

 private:
  const TrainingScenes& m_scenes;
  int64_t m_batch, m_curriculum;
  std::vector<int64_t> m_easy;
};

// Training-only teachers of the patch tokens. Targets for a batch of scenes:
struct PatchTargets {
  at::Tensor shape, colour, texture;  // int64 [B, 64] of the patch's object; -100 where there is none
  at::Tensor background;              // int64 [B, 64]; -100 under an object
  at::Tensor place;    // float32 [B, 64, 3]: where in its object the patch lies, and the object's size
  at::Tensor covered;  // float32 [B, 64]: 1 under an object
};
PatchTargets patchTargets(const std::vector<SceneLabels>& labels, const at::Tensor& owner);

}  // namespace sememe
