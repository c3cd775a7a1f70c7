// What the strongest images of neurons say of them together: uniqueness, and depth in a tree of classes. Free of LibTorch.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

// The strongest images of neurons: the paper's files, or an indexed run of a workspace.
struct TopImagesInput {
  std::filesystem::path top;    // hai_indices_16.npy
  std::filesystem::path worst;  // hai_indices_16_worst.npy; empty: the name that belongs to `top`
  std::string run;              // workspace.sememe#RUN instead of both
};

struct UniquenessResult {
  int64_t neurons = 0, dead = 0, pairs = 0;
  std::array<int64_t, 10> above{};  // pairs with a Jaccard index above 0.0, 0.1 … 0.9
  struct Pair {
    int64_t first = 0, second = 0;
    double jaccard = 0;
  };
  std::vector<Pair> mostSimilar;
};

// Throws Error (NotFound, Corrupt, Mismatch, Invalid: a run that is not indexed), Cancelled.
UniquenessResult measureUniqueness(const TopImagesInput& input, std::stop_token stop = {}, const ProgressFn& progress = {});

struct HierarchyParams {
  TopImagesInput input;
  std::filesystem::path images;  // the folder that the neurons were indexed on; empty with a run: the workspace knows
  std::string split;
  std::filesystem::path tree;    // child,parent as CSV, by the class folders' names; empty: by iNaturalist's names, or by nested folders
  std::vector<double> groupFractions;  // empty: the SAE's own groups, known to a run alone
};

struct HierarchyResult {
  std::string classes;  // where the paths are from: "iNaturalist names", "folders", the tree's file
  struct Group {
    int64_t size = 0, excluded = 0;
    double depthMean = 0, depthMajority = 0;  // NaN without a neuron
  };
  std::vector<Group> groups;
};

// Throws Error (NotFound, Corrupt, Mismatch, Invalid: no class says anything of depth), Cancelled.
HierarchyResult measureHierarchy(const HierarchyParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
