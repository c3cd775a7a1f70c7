// Activations or latents → what the explorer shows of each neuron: strongest images, statistics, histogram.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct IndexParams {
  std::string activations;    // workspace.sememe#RUN, or a tensor argument when `out` is given
  int k = 16;                 // strongest images kept; a workspace always keeps 16
  std::filesystem::path out;  // folder for hai_indices_{k}.npy and hai_indices_{k}_worst.npy; empty: into the workspace
};

struct IndexResult {
  int64_t run = 0;
  int64_t neurons = 0;
  int64_t rows = 0;     // counted: failed images are left out
  int64_t dead = 0;     // never above zero
  bool alreadyDone = false;
  std::vector<std::string> files;
};

// Files: hai_indices int64 [F, k] ascending (last column strongest), worst float64 [F] = the weakest of the k.
// With fewer than k rows both have as many columns as there are rows. Workspace: top 16, firing rate, mean, min, max,
// histogram and, for latents, the columns by neuron, all in one transaction. A run must have one row per image.
// Throws Error (NotFound, Corrupt, Invalid, Io, DiskFull, Busy), Cancelled.
IndexResult index(const IndexParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
