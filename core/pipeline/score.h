// Activations + embeddings → the monosemanticity score of every neuron.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct ScoreParams {
  std::string activations;  // workspace.sememe#RUN or a tensor argument, one row per image
  std::string embeddings;   // the same; with a workspace run, a run of embed()
  // Folder for all_neurons_scores.pth and metric_stats_new.txt. Empty: both must be runs of one workspace, which keeps
  // the scores.
  std::filesystem::path out;
  int best = 10;  // neurons listed at each end
};

struct NeuronScore {
  int64_t neuron = 0;
  double ms = 0;
};

struct ScoreResult {
  int64_t run = 0, embeddings = 0;  // in the workspace; 0 for files
  int64_t neurons = 0;
  int64_t dead = 0;     // NaN: constant, or active on one image alone
  double mean = 0;      // over the neurons that have a score; NaN when none has
  double deviation = 0; // sample standard deviation; NaN with fewer than two
  std::vector<NeuronScore> best, worst;
  bool alreadyDone = false;
  std::vector<std::string> files;
};

// Images that failed in either run are left out. Throws Error (NotFound, Corrupt, Mismatch: row counts or image lists
// that differ, Invalid, Io, Busy), Cancelled.
ScoreResult score(const ScoreParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
