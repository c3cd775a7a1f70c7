// Trains the demo's two sparse autoencoders on what its CLIP computes: one on patch tokens, one on image
// embeddings.
#include <algorithm>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/demo/train_parts.h"
#include "core/models/vision_model.h"
#include "core/sae/train.h"
#include "core/weights/tensor_source.h"

namespace sememe {

namespace {

constexpr int64_t kPatchImages = 8000;  // scenes whose patch tokens are rows: 64 each

// Rows of the first `images` scenes at a tap, [images * rows an image, d]; of a layer the patch tokens alone.
at::Tensor activations(const VisionModel& model, const TrainingScenes& scenes, int64_t images, const Tap& tap,
                       const std::stop_token& stop, const ProgressFn& progress) {
  const torch::NoGradGuard guard;
  images = std::min(images, scenes.size());
  ProgressMeter meter(progress, "Computing activations", images);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& pixels : scenes.pixels.narrow(0, 0, images).split(100)) {
    throwIfStopped(stop);
    at::Tensor x = model.forwardTo(normalisePixels(pixels, kClipMean, kClipDeviation), tap);
    if (x.dim() == 3) x = x.narrow(1, 1, x.size(1) - 1).reshape({-1, x.size(2)});
    parts.push_back(x.to(at::kFloat));
    meter.advance(pixels.size(0));
  }
  meter.finish();
  return at::cat(parts);
}

double trainOne(const TrainModelsParams& params, const char* name, const Tap& tap, int64_t images,
                TrainParams trainer, const TrainingScenes& train, const TrainingScenes& held,
                const std::stop_token& stop, const ProgressFn& progress) {
  const std::shared_ptr<VisionModel> model = loadVisionModel(params.out / "clip");
  const std::unique_ptr<TensorSource> validation =
      TensorSource::of(activations(*model, held, held.size(), tap, stop, progress), "held-out activations");
  const std::filesystem::path out = params.out / name;
  if (std::filesystem::exists(out / "trainer_0" / "ae.pt")) {
    return validateDictionary(*loadDictionary(out / "trainer_0"), *validation, {}, stop, progress).inference.fve;
  }
  const std::unique_ptr<TensorSource> rows =
      TensorSource::of(activations(*model, train, images, tap, stop, progress), "training activations");
  const std::unique_ptr<RowSource> shuffled = shuffledRows(*rows, trainer.seed);
  trainer.activationDim = rows->dim();
  TrainSaeParams p;
  p.trainer = trainer;
  p.out = out;
  p.resume = true;
  p.validation = validation.get();
  p.logEvery = 500;
  p.onPoint = [name](const TrainingPoint& point) {
    const StepStats& s = point.step;
    char line[120];
    std::snprintf(line, sizeof line, "%s step %lld: explained variance %.4f, l0 %.2f, dead %lld", name,
                  static_cast<long long>(s.step + 1), s.fve, s.l0, static_cast<long long>(s.dead));
    log(LogLevel::Info, line);
  };
  const TrainSaeResult result = trainSae(p, *shuffled, stop, progress);
  const CodeStats& heldOut = result.last.validation->inference;
  char line[120];
  std::snprintf(line, sizeof line, "%s: held-out explained variance %.4f, l0 %.2f, dead %lld", name, heldOut.fve, heldOut.l0,
                static_cast<long long>(heldOut.dead));
  log(LogLevel::Info, line);
  return heldOut.fve;
}

TrainParams dictionaryParams(int64_t size, int64_t k, int64_t steps, uint64_t seed) {
  TrainParams p;
  p.type = SaeType::MatryoshkaBatchTopK;
  p.dictSize = size;
  p.k = k;
  p.batch = 1024;
  p.steps = steps;
  p.warmup = std::min<int64_t>(200, steps / 4);
  p.decayStart = steps * 4 / 5;
  p.thresholdBeta = .995;
  p.thresholdStart = p.warmup;
  p.deadAfterRows = 200 * p.batch;
  p.seed = seed;
  return p;
}

}  // namespace

double trainPatchSae(const TrainModelsParams& params, const TrainingScenes& train, const TrainingScenes& held,
                     const std::stop_token& stop, const ProgressFn& progress) {
  const Tap tap{TapPoint::PostMlpResidual, 2};
  return trainOne(params, "sae-patch", tap, kPatchImages,
                  dictionaryParams(1024, 5, params.patchSaeSteps, params.seed), train, held, stop, progress);
}

double trainImageSae(const TrainModelsParams& params, const TrainingScenes& train, const TrainingScenes& held,
                     const std::stop_token& stop, const ProgressFn& progress) {
  const Tap tap{TapPoint::PostProjection, -1};
  TrainParams p = dictionaryParams(512, 4, params.imageSaeSteps, params.seed);
  p.auxkAlpha = .2;  // one row an image: more latents die than of patches, and fewer come back by the usual 1/32
  return trainOne(params, "sae-image", tap, train.size(), p, train, held, stop, progress);
}

}  // namespace sememe
