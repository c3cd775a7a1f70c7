// Monosemanticity over some of the images alone: a class, or those that a text finds. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/store/workspace.h"

namespace sememe {

struct SubsetScores {
  int64_t images = 0;  // that counted: readable ones
  struct Set {
    int64_t embeddings = 0;   // the run of the encoder
    std::vector<double> ms;   // of every neuron; NaN: constant on these images, or active on one alone
  };
  std::vector<Set> sets;  // of every encoder that has embeddings of the run's images, in the order of their making
};

// Numbers of a data set's images, ascending: those of the class that is called `text` (its label or its folder, whatever
// the case of ASCII letters), or where none is, those with it in their path or their class's label.
std::vector<int64_t> findImages(const Datasets& datasets, int64_t dataset, const std::string& text);

// Activations are scaled to 0 … 1 over these images, as if there were no others. Reads their rows alone, so a class of
// ImageNet takes milliseconds. `images`: ascending. Throws Error (NotFound: no such run, or one without images; Invalid:
// several rows an image, an image outside the data set; Corrupt), Cancelled.
SubsetScores scoreSubset(const std::filesystem::path& workspace, int64_t run, std::span<const int64_t> images, std::stop_token stop = {},
                         const ProgressFn& progress = {});

}  // namespace sememe
