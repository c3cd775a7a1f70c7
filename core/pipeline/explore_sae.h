// A trained SAE → neurons to explore: latents of a workspace's images, their index and their scores, in one go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "core/base/progress.h"

namespace sememe {

struct ExploreSaeParams {
  std::string activations;    // workspace.sememe#RUN that the SAE fits
  std::filesystem::path sae;  // ae.pt or its folder
  std::string device = "auto";
  std::string name;           // of the new run, for people; empty: made of what it is
};

struct ExploreSaeResult {
  int64_t run = 0;      // of the latents, indexed
  int64_t neurons = 0;
  int64_t scoreSets = 0;  // encoders under which it has MS now
};

// Encodes the run (one that has several rows an image is read again from the images, with the SAE attached and the
// mean over all tokens), indexes it, and scores it under every complete embedding run of the same data set. Resumable;
// a finished call does nothing. Throws Error as encode(), extract(), index() and score() do.
ExploreSaeResult exploreSae(const ExploreSaeParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
