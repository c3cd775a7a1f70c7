// The paper's similarity baseline: how alike a CLIP finds images and the names of their classes, and shuffled names. Free of
// LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "core/base/progress.h"

namespace sememe {

struct BaselineParams {
  std::filesystem::path model;   // a folder with an image and a text tower: CLIP, SigLIP
  std::filesystem::path images;  // with class folders, or files named "{class}_…" as the paper's imagenet_subset.py leaves them
  std::string split;
  std::filesystem::path names;   // lines "folder,name"; empty: what core/pipeline/class_names.h finds
  uint64_t seed = 0;             // of the shuffling
  int batch = 32;
  std::string device = "auto";
};

struct BaselineResult {
  int64_t images = 0, failed = 0, classes = 0;  // images that counted; unreadable ones; names that were used
  double mean = 0, deviation = 0;               // of the cosines of image and right name; the deviation is the sample's
  double shuffledMean = 0, shuffledDeviation = 0;  // the same with the names shuffled over the images
};

// Throws Error as embed() does, and NotFound (a class without a name, an image without a class, no tokenizer), Cancelled.
BaselineResult similarityBaseline(const BaselineParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
