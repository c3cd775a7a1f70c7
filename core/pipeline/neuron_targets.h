// What neurons stand for in the eyes of an encoder: the mean embedding of the images that fire them most.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/store/runs.h"

namespace sememe {

struct NeuronTargets {
  std::vector<int64_t> neurons;
  std::vector<std::vector<int64_t>> images;  // of each, strongest first; fewer, or none, of a (nearly) dead neuron of a run
  std::vector<double> ms;                    // NaN where it is not known
  at::Tensor embeddings;                     // float32 [neurons, D]: the means; NaN for a neuron without images
  int64_t dictSize = 0;                      // neurons there are in all
  int64_t dataset = 0;                       // images that the numbers count
  std::string fingerprint;                   // of all these inputs
  // Where `top` is a run of a workspace:
  std::filesystem::path workspace;
  std::optional<RunInfo> run;
};

// `top`: workspace.sememe#RUN of an indexed run, or a tensor argument [F, k] of image numbers, strongest last
// (hai_indices_16.npy). `embeddings`: workspace.sememe#RUN or a tensor argument, one row for each image. `only`: these neurons,
// in this order; empty: the first `count`, 0 being all.
// Throws Error (NotFound, Corrupt; Mismatch: numbers without an embedding, runs over different images; Invalid: a run that is
// not indexed, a neuron that is not there or comes twice), Cancelled.
NeuronTargets readNeuronTargets(const std::string& top, const std::string& embeddings, int64_t count, const std::vector<int64_t>& only,
                                const std::stop_token& stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
