// Trains everything that resources/demo ships: the CLIP model, the DINOv2 encoder, the two SAEs and the LLaVA.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct TrainModelsParams {
  std::filesystem::path out;      // the folder to fill: clip/, dinov2/, sae-patch/, sae-image/, llava/
  std::filesystem::path scratch;  // checkpoints of the running work; empty: out/training
  uint64_t seed = 1;
  int64_t images = 24000;        // training scenes (about 38 KB of memory each); 1,000 more are held out
  int64_t clipSteps = 7000;      // of 64 images
  int64_t dinoSteps = 3000;      // of 64 images
  int64_t patchSaeSteps = 6000;  // of 1,024 patch tokens
  int64_t imageSaeSteps = 4000;  // of 1,024 image embeddings
  int64_t llavaSteps = 900;      // of 64 images with five questions each
};

// What the models do on held-out scenes (seed + 1), 0 … 1.
struct ModelScores {
  double shape = 0, colour = 0, texture = 0, background = 0;
  double retrieval = 0;  // CLIP: the right caption first among 1,000; DINOv2: 0
};

// LLaVA on held-out scenes, 0 … 1: how often its answer of one word, and its whole caption, is the true one.
struct AnswerScores {
  double shape = 0, colour = 0, texture = 0, background = 0;
  double caption = 0;
};
struct LlavaScores {
  AnswerScores seen, reconstructed;  // the tower as it is; with the patch SAE's reconstruction in the place of its tokens
};

struct TrainModelsResult {
  ModelScores clip;    // zero-shot, by captions
  ModelScores dinov2;  // nearest neighbour in embedding space among the training scenes
  double patchSaeVariance = 0, imageSaeVariance = 0;  // explained variance on held-out scenes
  LlavaScores llava;
  std::vector<std::string> files;                     // written, relative to `out`
};

// Runs the whole training, hours shorter when parts are done: a part whose folder is complete in `out` is
// kept, and one that was stopped goes on from its last checkpoint. One thread's worth of LibTorch work on the
// CPU. Throws Error (Io, DiskFull, Diverged), Cancelled.
TrainModelsResult trainDemoModels(const TrainModelsParams& params, const std::stop_token& stop,
                                  const ProgressFn& progress);

}  // namespace sememe
