// The parts of the demo's training, one function each. Internal to core/demo.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "core/demo/train_models.h"
#include "core/demo/training_data.h"

namespace sememe {

// All train on `train`, judge on `held`, and go on from what a stopped call left (the models in `scratch`).

// Writes out/clip: both towers, the tokenizer, the configurations.
ModelScores trainClip(const TrainModelsParams& params, const TrainingScenes& train,
                      const TrainingScenes& held, const std::filesystem::path& scratch,
                      const std::stop_token& stop, const ProgressFn& progress);

// Writes out/dinov2.
ModelScores trainDinov2(const TrainModelsParams& params, const TrainingScenes& train,
                        const TrainingScenes& held, const std::filesystem::path& scratch,
                        const std::stop_token& stop, const ProgressFn& progress);

// Writes out/llava from out/clip and out/sae-patch.
LlavaScores trainLlava(const TrainModelsParams& params, const TrainingScenes& train, const TrainingScenes& held,
                       const std::filesystem::path& scratch, const std::stop_token& stop, const ProgressFn& progress);

// Write out/sae-patch and out/sae-image from the activations of out/clip. Return the explained variance on
// `held`.
double trainPatchSae(const TrainModelsParams& params, const TrainingScenes& train, const TrainingScenes& held,
                     const std::stop_token& stop, const ProgressFn& progress);
double trainImageSae(const TrainModelsParams& params, const TrainingScenes& train, const TrainingScenes& held,
                     const std::stop_token& stop, const ProgressFn& progress);

// "shape 0.912, colour 1.000, …" for the log.
std::string describe(const ModelScores& scores);

// preprocessor_config.json of the two models: images of the world's size, scaled and normalised.
std::string clipPreprocessor();
std::string dinov2Preprocessor();

}  // namespace sememe
