// Activations or latents → strongest images and statistics of every neuron.
#include "core/pipeline/index.h"

#include <torch/torch.h>

#include "core/analysis/top_images.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/index_run.h"
#include "core/pipeline/receipt.h"
#include "core/pipeline/row_input.h"
#include "core/weights/npy.h"

namespace sememe {

namespace {

IndexResult indexIntoWorkspace(const IndexParams& params, const std::stop_token& stop, const ProgressFn& progress) {
  const auto input = RowInput::open(params.activations, OpenMode::ReadWrite);
  if (!input->workspace())
    throw Error(ErrorCode::Invalid, "activations from files need a folder for their index", params.activations);
  input->requireRowPerImage();
  if (input->run().kind == RunKind::Embeddings)
    throw Error(ErrorCode::Invalid, "embeddings have no neurons to index", params.activations);
  IndexResult result;
  result.run = input->run().id;
  result.neurons = input->dim();
  result.alreadyDone = input->run().indexed;
  if (result.alreadyDone) {
    result.rows = input->run().indexedImages;
    NeuronQuery silent;
    silent.run = result.run;
    silent.rateMax = 0;
    result.dead = input->workspace()->neurons().count(silent);
    return result;
  }
  result.rows = input->goodRowCount();
  result.dead = input->sparse() ? indexLatents(*input, progress, stop) : indexDense(*input, progress, stop);
  return result;
}

}  // namespace

IndexResult index(const IndexParams& params, std::stop_token stop, const ProgressFn& progress) {
  if (params.k < 1) throw Error(ErrorCode::Invalid, "at least one image a neuron has to be kept");
  if (params.out.empty()) {
    if (params.k != kTopImages)
      throw Error(ErrorCode::Invalid, "a workspace keeps " + std::to_string(kTopImages) + " images a neuron");
    return indexIntoWorkspace(params, stop, progress);
  }

  const auto input = RowInput::open(params.activations);
  const std::string name = "hai_indices_" + std::to_string(params.k);
  IndexResult result;
  result.neurons = input->dim();
  result.rows = input->goodRowCount();
  result.files = {(params.out / (name + ".npy")).string(), (params.out / (name + "_worst.npy")).string()};
  const std::string key = Fingerprint().add("index 1").add(input->fingerprint()).add(result.rows).add(params.k).hex();
  const auto receipt = params.out / (name + ".json");
  if (const auto done = readReceipt(receipt, key, result.files)) {
    result.dead = done->value("dead", int64_t{0});
    result.alreadyDone = true;
    return result;
  }

  TopImages top(result.neurons, params.k);
  ProgressMeter meter(progress, "Finding the strongest images", input->rows());
  eachGoodPiece(*input, meter, stop, [&](int64_t row, const at::Tensor& rows) { top.add(row, rows); });
  meter.finish();
  const at::Tensor activations = top.activations();
  result.dead = result.rows > 0 ? activations.select(1, top.columns() - 1).le(0).sum().item<int64_t>() : result.neurons;
  writeNpy(result.files[0], top.indices());
  writeNpy(result.files[1], top.worst());
  writeReceipt(receipt, key, {{"neurons", result.neurons}, {"rows", result.rows}, {"dead", result.dead}});
  return result;
}

}  // namespace sememe
