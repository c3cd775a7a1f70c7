// The two ways to index a run of a workspace.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "core/analysis/statistics.h"
#include "core/analysis/top_images.h"
#include "core/base/progress.h"
#include "core/pipeline/row_input.h"

namespace sememe {

// Statistics, strongest images and histograms of every neuron of `input`'s run, and for latents the columns, written in
// one transaction. Return the neurons that are never above zero. Of latents only firing images are among the strongest.
// Memory: about 256 MB for latents; for dense rows about 0.8 KB a neuron.
int64_t indexLatents(RowInput& input, const ProgressFn& progress, const std::stop_token& stop);
int64_t indexDense(RowInput& input, const ProgressFn& progress, const std::stop_token& stop);

// The rows of good images, in order and in pieces: number of the first row, and float32 [n, F].
void eachGoodPiece(RowInput& input, ProgressMeter& meter, const std::stop_token& stop,
                   const std::function<void(int64_t, const at::Tensor&)>& fn);

// What the workspace keeps of a neuron; `ascending`: its strongest images as TopImages gives them.
NeuronStatistics neuronRecord(const NeuronStats& stats, const ActivationHistogram& histogram,
                              const std::vector<ImageActivation>& ascending);

}  // namespace sememe
