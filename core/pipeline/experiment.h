// A whole experiment as one JSON file: images, a model, layers, the SAEs to train and the encoders to judge by. Free of
// LibTorch.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/pipeline/train.h"

namespace sememe {

struct ExperimentImages {
  std::filesystem::path images;
  std::string split;
  std::string tokens = "cls";  // TokenSelection's name
  bool operator==(const ExperimentImages&) const = default;
};

struct ExperimentEncoder {
  std::string name;
  std::filesystem::path model;
};

// SAEs that differ in type, k and expansion alone.
struct ExperimentSaes {
  TrainJobParams settings;
  std::vector<std::string> types;
  std::vector<int64_t> ks;
  std::vector<double> expansions;
};

// How well the first neurons of each SAE steer a LLaVA: core/pipeline/steering_score.h.
struct ExperimentSteering {
  std::filesystem::path model;   // a LLaVA whose vision tower is the experiment's model
  std::string encoder;           // one of the encoders, whose text tower embeds LLaVA's words
  std::filesystem::path images;  // to ask about
  std::string split;
  int64_t neurons = 10;
  double value = 100;
  std::string precision = "f32";  // of LLaVA's weights
  int batch = 16;                 // questions in one pass
};

struct Experiment {
  std::string name;         // of the workspace: letters, digits, '-' and '_'
  std::string description;  // for people
  std::filesystem::path model;
  std::string point = "post_mlp_residual";
  std::vector<int> layers;  // 0-based; -1: the image embedding (post_projection), whatever `point` says
  ExperimentImages train, evaluate;
  std::vector<ExperimentEncoder> encoders;
  std::vector<ExperimentSaes> saes;
  bool raw = true;  // whether the neurons without an SAE are scored too
  bool uniqueness = false, hierarchy = false;
  std::optional<ExperimentSteering> steering;
  std::filesystem::path tree;  // child,parent as CSV, for `hierarchy`
  std::string precision = "f32";
  int batch = 32;  // images the model sees at once
};

// Reads
//   {"name": "demo", "description": "…", "model": "$MODELS/clip", "layers": [2, -1], "point": "post_mlp_residual",
//    "train": {"images": "$WORLD", "split": "train", "tokens": "cls"}, "evaluate": {the same; absent: as `train`},
//    "encoders": {"dinov2": "$MODELS/dinov2"}, "raw": true, "measures": ["uniqueness", "hierarchy", "steering"], "tree": "wordnet.csv",
//    "steering": {"model": "$LLAVA", "encoder": "CLIP", "images": "$ASKED", "split": "val", "neurons": 10, "value": 100, "precision": "f16", "batch": 16},
//    "precision": "f32", "batch": 32,
//    "saes": [{"preset": "paper-matryoshka", "types": […], "k": […], "expansions": […], and fields of job.json}]}
// $NAME in a path is `definitions`' value, else the environment's, both relative to the working directory; what else is
// relative is so to the file's folder. Throws Error (NotFound; Corrupt: no JSON; Invalid naming the key: missing, unknown, of another
// kind, a $NAME without a value, an unknown preset, type, point, token selection or measure).
Experiment readExperiment(const std::filesystem::path& path, const std::map<std::string, std::string>& definitions);

}  // namespace sememe
