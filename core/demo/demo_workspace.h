// Makes the demo workspace: draws the images, then runs the ordinary pipeline on them with the shipped
// models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct DemoParams {
  std::filesystem::path out;        // folder to make: world/ (the images) and demo.sememe
  std::filesystem::path resources;  // the shipped models: clip/, dinov2/, sae-patch/, sae-image/
  int64_t images = 5000;            // scenes; at least 100
  uint64_t seed = 7;                // of the world; the models were trained on others
  std::string device = "auto";      // as `--device` of the command line
};

// A run of the workspace that has neurons.
struct DemoRun {
  int64_t run = 0;
  std::string name;
  int64_t neurons = 0;
  int64_t dead = 0;
  double meanMs = 0;  // under the first encoder (the CLIP itself), over the neurons that have one
};

struct DemoResult {
  std::filesystem::path workspace;
  std::filesystem::path world;
  bool made = false;  // false: everything was there already
  std::vector<DemoRun> runs;
};

// Under three minutes on two cores for 5,000 images. Killed at any moment, the next call goes on; a finished
// one does nothing. Throws Error (NotFound when a shipped model is missing; Io, DiskFull), Cancelled.
DemoResult makeDemoWorkspace(const DemoParams& params, const std::stop_token& stop,
                             const ProgressFn& progress);

}  // namespace sememe
