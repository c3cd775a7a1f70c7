// Stored activations + SAE → latents, without running the model again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct EncodeParams {
  std::string activations;    // a tensor argument, or workspace.sememe#RUN
  std::filesystem::path sae;  // ae.pt or its folder
  std::string device = "auto";
  std::string name;           // of the run, for people

  // A folder for part files, named as those of the activations; empty: the workspace that `activations` names.
  std::filesystem::path out;
  int64_t partRows = 50'000;  // at most (rounded down to whole blocks)
};

struct EncodeResult {
  int64_t run = 0;  // in the workspace; 0 for files
  std::string key;
  int64_t rows = 0, dim = 0;
  int64_t alreadyDone = 0;  // rows
  std::vector<std::string> files;
};

// Each row is encoded by itself: of stored means this gives the latents of the mean, not the mean of the latents (for
// that, attach the SAE in extract()). Resumable; a finished call does nothing.
// Throws Error (NotFound, Corrupt, Mismatch: width, Invalid, Io, DiskFull), Cancelled.
EncodeResult encode(const EncodeParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
