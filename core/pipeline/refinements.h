// The hierarchy of a Matryoshka SAE's neurons from a workspace's run. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

struct Refinements {
  std::vector<int64_t> groupSizes;  // from the coarsest
  // Of each neuron (core/analysis/refinement.h):
  std::vector<int64_t> parents;  // in the group before; -1: none
  std::vector<float> cosines, shares;
  std::vector<int64_t> children;  // how many name it as their parent
};

// `run`: workspace.sememe#RUN. Reads the codes of all images and the SAE that the run was made with. Throws Error (NotFound: no such run, or the SAE's
// file is no longer where it was, naming it; Invalid: raw neurons, several rows an image, an SAE without nested groups;
// Mismatch: an SAE of another size lies there), Cancelled.
Refinements refinements(const std::string& run, std::stop_token stop = {}, const ProgressFn& progress = {});

// neuron, group, parent, share, cosine; the fields of neurons without a parent are empty. Atomic. Throws Error (Io, DiskFull).
void writeRefinements(const std::filesystem::path& path, const Refinements& refinements);

}  // namespace sememe
