// Runs the demo's trainings one after the other and says what came out.
#include "core/demo/train_models.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/demo/train_parts.h"

namespace sememe {

namespace fs = std::filesystem;

namespace {

std::string preprocessor(const char* type, const std::array<double, 3>& mean,
                         const std::array<double, 3>& deviation) {
  nlohmann::ordered_json config = {{"crop_size", {{"height", kWorldSide}, {"width", kWorldSide}}},
                                   {"do_center_crop", true},
                                   {"do_convert_rgb", true},
                                   {"do_normalize", true},
                                   {"do_rescale", true},
                                   {"do_resize", true},
                                   {"image_mean", mean},
                                   {"image_processor_type", type},
                                   {"image_std", deviation},
                                   {"resample", 3},
                                   {"rescale_factor", 1.0 / 255.0},
                                   {"size", {{"shortest_edge", kWorldSide}}}};
  return config.dump(2) + "\n";
}

}  // namespace

std::string clipPreprocessor() { return preprocessor("CLIPImageProcessor", kClipMean, kClipDeviation); }
std::string dinov2Preprocessor() {
  return preprocessor("BitImageProcessor", kImageNetMean, kImageNetDeviation);
}

std::string describe(const ModelScores& scores) {
  char text[128];
  std::snprintf(text, sizeof text, "shape %.3f, colour %.3f, texture %.3f, background %.3f, retrieval %.3f",
                scores.shape, scores.colour, scores.texture, scores.background, scores.retrieval);
  return text;
}

TrainModelsResult trainDemoModels(const TrainModelsParams& params, const std::stop_token& stop,
                                  const ProgressFn& progress) {
  if (params.out.empty()) throw Error(ErrorCode::Invalid, "no folder to write the models to");
  if (params.images < 1000)
    throw Error(ErrorCode::Invalid, "expected at least 1000 images", std::to_string(params.images));
  const fs::path scratch = params.scratch.empty() ? params.out / "training" : params.scratch;
  const TrainingScenes train = drawTrainingScenes(params.images, params.seed, stop, progress);
  const TrainingScenes held = drawTrainingScenes(1000, params.seed + 1, stop, progress);
  TrainModelsResult result;
  result.clip = trainClip(params, train, held, scratch, stop, progress);
  result.dinov2 = trainDinov2(params, train, held, scratch, stop, progress);
  result.patchSaeVariance = trainPatchSae(params, train, held, stop, progress);
  result.imageSaeVariance = trainImageSae(params, train, held, stop, progress);
  result.llava = trainLlava(params, train, held, scratch, stop, progress);
  for (const char* part : {"clip", "dinov2", "sae-patch", "sae-image", "llava"}) {
    for (const auto& entry : fs::recursive_directory_iterator(params.out / part)) {
      if (entry.is_regular_file())
        result.files.push_back(fs::relative(entry.path(), params.out).generic_string());
    }
  }
  std::sort(result.files.begin(), result.files.end());
  return result;
}

}  // namespace sememe
