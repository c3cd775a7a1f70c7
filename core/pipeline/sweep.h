// A whole experiment: extraction, training, encoding, indexing and scoring of all that an experiment file names.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/pipeline/experiment.h"
#include "core/pipeline/neuron_sets.h"
#include "core/pipeline/score_table.h"
#include "core/pipeline/steering_score.h"

namespace sememe {

struct SweepParams {
  Experiment experiment;
  std::filesystem::path out;  // a folder: NAME.sememe, activations/, saes/, steering/, table.csv, table.md, curves.csv, …
  std::string device = "auto";
};

struct SweepSae {
  int layer = -1;
  std::string type;
  int64_t k = 0;
  double expansion = 0;
  int64_t dictSize = 0, dead = 0;
  double l0 = 0, fve = 0;        // of the last step, or of validation where it was validated
  bool validated = false;
  std::filesystem::path dictionary;  // ae.pt
  int64_t run = 0;                   // its latents in the workspace
};

struct SweepResult {
  std::filesystem::path workspace;
  std::vector<ScoreRow> scores;  // by layer: raw neurons, then the SAEs as the file names them; by encoder in each
  std::vector<SweepSae> saes;
  struct Measured {
    int64_t run = 0;
    UniquenessResult uniqueness;  // with Experiment::uniqueness
    HierarchyResult hierarchy;    // with Experiment::hierarchy; Matryoshka SAEs alone, empty for the others
    SteeringScoreResult steering; // with Experiment::steering
  };
  std::vector<Measured> measured;  // by run, SAEs alone
  std::string table;  // the paper's, as Markdown
  std::vector<std::string> files;
  int64_t failedImages = 0;  // of the evaluated ones
};

// Every step is resumable and knows when it is done: a call that was stopped, killed or finished is taken up by the same
// call. Training rows lie in the paper's part files, unless SAEs are trained on the very rows that are evaluated. SAEs of
// one layer and batch size are trained in one pass.
// Throws Error as extract(), embed(), train(), index() and score() do (Mismatch: an SAE of other settings is there
// already), Cancelled.
SweepResult sweep(const SweepParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
