// The scenes that the demo's models are trained on, and the captions that teach CLIP.
#include "core/demo/training_data.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/base/error.h"

namespace sememe {

namespace {

SceneLabels labelsOf(const Scene& scene) {
  SceneLabels labels;
  labels.background = scene.background;
  for (size_t i = 0; i < scene.objects.size() && i < 2; ++i) {
    labels.objects[i] = {scene.objects[i].shape, scene.objects[i].colour, scene.objects[i].texture};
  }
  labels.easy = scene.objects.size() == 1 && scene.objects[0].big;
  return labels;
}

std::string phrase(const ObjectLabels& o, bool saySolid, const char* unnamed) {
  std::string words;
  const auto add = [&words](std::string_view word) { words.append(words.empty() ? "" : " ").append(word); };
  if (o[1] >= 0) add(worldColour(o[1]));
  if (o[2] > 0 || (o[2] == 0 && saySolid)) add(worldTexture(o[2]));
  add(o[0] >= 0 ? worldShape(o[0]) : std::string_view(unnamed));
  return worldArticle(words) + " " + words;
}

std::string sentence(const SceneCaption& caption, bool saySolid, const char* unnamed) {
  std::string text;
  for (const ObjectLabels& o : caption.objects) {
    text.append(text.empty() ? "" : " and ").append(phrase(o, saySolid, unnamed));
  }
  if (caption.background >= 0)
    text.append(" on a ").append(worldBackground(caption.background)).append(" background");
  return text;
}

bool matches(const ObjectLabels& said, const ObjectLabels& object) {
  if (object[0] < 0) return false;
  for (size_t i = 0; i < 3; ++i) {
    if (said[i] >= 0 && said[i] != object[i]) return false;
  }
  return true;
}

}  // namespace

TrainingScenes drawTrainingScenes(int64_t n, uint64_t seed, const std::stop_token& stop,
                                  const ProgressFn& progress) {
  ProgressMeter meter(progress, "Drawing scenes for training", n);
  TrainingScenes scenes;
  scenes.pixels = at::empty({n, 3, kWorldSide, kWorldSide}, at::kByte);
  scenes.owner = at::empty({n, kWorldPatches * kWorldPatches}, at::kLong);
  scenes.labels.reserve(static_cast<size_t>(n));
  constexpr int64_t kArea = int64_t{kWorldSide} * kWorldSide;
  for (int64_t i = 0; i < n; ++i) {
    throwIfStopped(stop);
    const Scene scene = sceneAt(seed, i);
    const DrawnScene drawn = drawScene(scene);
    const std::vector<uint8_t> jpeg = encodeJpeg(drawn.image, 95);
    const Image image = decodeImage(std::as_bytes(std::span(jpeg)), "a drawn scene");
    uint8_t* to = scenes.pixels.data_ptr<uint8_t>() + i * 3 * kArea;
    for (int64_t p = 0; p < kArea; ++p) {
      for (int64_t c = 0; c < 3; ++c) to[c * kArea + p] = image.rgb[static_cast<size_t>(p * 3 + c)];
    }
    int64_t* owner = scenes.owner.data_ptr<int64_t>() + i * kWorldPatches * kWorldPatches;
    std::copy(drawn.owner.begin(), drawn.owner.end(), owner);
    scenes.labels.push_back(labelsOf(scene));
    meter.advance();
  }
  meter.finish();
  return scenes;
}

at::Tensor normalisePixels(const at::Tensor& pixels, const std::array<double, 3>& mean,
                           const std::array<double, 3>& deviation) {
  at::Tensor scale = at::empty({1, 3, 1, 1}), shift = at::empty({1, 3, 1, 1});
  for (int64_t c = 0; c < 3; ++c) {
    const size_t i = static_cast<size_t>(c);
    scale.data_ptr<float>()[c] = static_cast<float>(1.0 / (255.0 * deviation[i]));
    shift.data_ptr<float>()[c] = static_cast<float>(-mean[i] / deviation[i]);
  }
  return pixels.to(at::kFloat).mul_(scale).add_(shift);
}

SceneCaption fullCaption(const SceneLabels& scene) {
  SceneCaption caption{scene.background, {}, {}};
  for (int i = 0; i < scene.count(); ++i) caption.objects.push_back(scene.objects[static_cast<size_t>(i)]);
  caption.text = sentence(caption, false, "thing");
  // What goes without saying is not claimed: "a red star" is true of a striped one.
  for (ObjectLabels& o : caption.objects) o[2] = o[2] == 0 ? -1 : o[2];
  return caption;
}

SceneCaption sampleCaption(const SceneLabels& scene, WorldRandom& random) {
  if (random.chance(.5)) return fullCaption(scene);
  const ObjectLabels& object = scene.objects[scene.count() == 1 || random.chance(.75) ? 0 : 1];
  SceneCaption caption;
  do {
    ObjectLabels said = {-1, -1, -1};
    for (size_t i = 0; i < 3; ++i) said[i] = random.chance(.5) ? object[i] : -1;
    if (said[2] == 0 && random.chance(.5)) said[2] = -1;
    caption.background = random.chance(.5) ? scene.background : -1;
    caption.objects = {said};
  } while (caption.background < 0 && caption.objects[0] == ObjectLabels{-1, -1, -1});
  caption.text = sentence(caption, true, random.chance(.25) ? "object" : "thing");
  if (random.chance(.12)) {
    constexpr std::array<const char*, 4> kLead = {"a photo of ", "a picture of ", "a drawing of ",
                                                  "an image of "};
    caption.text.insert(0, kLead[static_cast<size_t>(random.below(4))]);
  }
  return caption;
}

bool isTrueOf(const SceneCaption& caption, const SceneLabels& scene) {
  if (caption.background >= 0 && caption.background != scene.background) return false;
  return std::all_of(caption.objects.begin(), caption.objects.end(), [&scene](const ObjectLabels& said) {
    return matches(said, scene.objects[0]) || matches(said, scene.objects[1]);
  });
}

BatchSampler::BatchSampler(const TrainingScenes& scenes, int64_t batch, int64_t curriculum)
    : m_scenes(scenes), m_batch(batch), m_curriculum(curriculum) {
  for (int64_t i = 0; i < scenes.size(); ++i) {
    if (scenes.labels[static_cast<size_t>(i)].easy) m_easy.push_back(i);
  }
  if (m_easy.empty())
    throw Error(ErrorCode::Invalid, "too few scenes to train on", std::to_string(scenes.size()));
}

std::vector<int64_t> BatchSampler::next(int64_t step, WorldRandom& random) const {
  std::vector<int64_t> batch;
  const int n = static_cast<int>(m_scenes.size());
  const bool hard = step >= m_curriculum && step % 2 == 0;
  const int colour = random.below(kWorldColours), otherColour = random.below(kWorldColours);
  const int ground = random.below(kWorldBackgrounds), otherGround = random.below(kWorldBackgrounds);
  // A hard scene is one in twenty or more; the bound keeps a tiny training set from looping for ever.
  for (int64_t tries = 0; static_cast<int64_t>(batch.size()) < m_batch; ++tries) {
    if (step < m_curriculum) {
      batch.push_back(m_easy[static_cast<size_t>(random.below(static_cast<int>(m_easy.size())))]);
      continue;
    }
    const int64_t i = random.below(n);
    const SceneLabels& scene = m_scenes.labels[static_cast<size_t>(i)];
    const bool fits = (scene.objects[0][1] == colour || scene.objects[0][1] == otherColour) &&
                      (scene.background == ground || scene.background == otherGround);
    if (!hard || fits || tries > 1000 * m_batch) batch.push_back(i);
  }
  return batch;
}

PatchTargets patchTargets(const std::vector<SceneLabels>& labels, const at::Tensor& owner) {
  const int64_t b = static_cast<int64_t>(labels.size());
  constexpr int64_t kPatches = kWorldPatches * kWorldPatches;
  PatchTargets targets;
  std::array<at::Tensor, 3> object;
  for (at::Tensor& t : object) t = at::full({b, kPatches}, -100, at::kLong);
  targets.background = at::full({b, kPatches}, -100, at::kLong);
  targets.place = at::zeros({b, kPatches, 3});
  targets.covered = at::zeros({b, kPatches});
  const at::Tensor owners = owner.contiguous();
  for (int64_t i = 0; i < b; ++i) {
    const int64_t* own = owners.data_ptr<int64_t>() + i * kPatches;
    const SceneLabels& scene = labels[static_cast<size_t>(i)];
    std::array<double, 2> count{}, x{}, y{};
    for (int64_t p = 0; p < kPatches; ++p) {
      if (own[p] < 0) continue;
      const size_t o = static_cast<size_t>(own[p]);
      count[o] += 1;
      x[o] += static_cast<double>(p % kWorldPatches);
      y[o] += static_cast<double>(p / kWorldPatches);
    }
    for (int64_t p = 0; p < kPatches; ++p) {
      const int64_t cell = i * kPatches + p;
      if (own[p] < 0) {
        targets.background.data_ptr<int64_t>()[cell] = scene.background;
        continue;
      }
      const size_t o = static_cast<size_t>(own[p]);
      for (size_t k = 0; k < 3; ++k) object[k].data_ptr<int64_t>()[cell] = scene.objects[o][k];
      targets.covered.data_ptr<float>()[cell] = 1;
      float* place = targets.place.data_ptr<float>() + cell * 3;
      place[0] = static_cast<float>((static_cast<double>(p % kWorldPatches) - x[o] / count[o]) / 2);
      place[1] = static_cast<float>((static_cast<double>(p / kWorldPatches) - y[o] / count[o]) / 2);
      place[2] = static_cast<float>(std::sqrt(count[o]) / 2 - 2);
    }
  }
  targets.shape = object[0];
  targets.colour = object[1];
  targets.texture = object[2];
  return targets;
}

}  // namespace sememe
