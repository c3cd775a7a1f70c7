// Strongest images from files or a workspace, and the means of their embeddings.
#include "core/pipeline/neuron_targets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/row_input.h"

namespace sememe {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr float kExact = float(1 << 24);  // tensor arguments are read as float32, which holds whole numbers up to here

std::vector<int64_t> chosen(int64_t dictSize, int64_t count, const std::vector<int64_t>& only, const std::string& where) {
  std::vector<int64_t> neurons = only;
  if (only.empty()) {
    if (count > dictSize)
      throw Error(ErrorCode::Invalid, "there are " + std::to_string(dictSize) + " neurons, not " + std::to_string(count), where);
    neurons.resize(size_t(count > 0 ? count : dictSize));
    std::iota(neurons.begin(), neurons.end(), 0);
  }
  std::set<int64_t> seen;
  for (const int64_t neuron : neurons) {
    if (neuron < 0 || neuron >= dictSize)
      throw Error(ErrorCode::Invalid, "there is no neuron " + std::to_string(neuron) + ", expected 0 to " + std::to_string(dictSize - 1), where);
    if (!seen.insert(neuron).second) throw Error(ErrorCode::Invalid, "neuron " + std::to_string(neuron) + " is named twice");
  }
  return neurons;
}

void readRun(RowInput& input, NeuronTargets& targets, const std::stop_token& stop, const ProgressFn& progress) {
  ProgressMeter meter(progress, "Reading neurons", int64_t(targets.neurons.size()));
  for (const int64_t neuron : targets.neurons) {
    throwIfStopped(stop);
    const NeuronDetail detail = input.workspace()->neurons().detail(input.run().id, neuron);
    std::vector<int64_t>& images = targets.images.emplace_back();
    for (const TopImage& image : detail.top) images.push_back(image.image);
    targets.ms.push_back(detail.row.ms);
    meter.advance();
  }
  meter.finish();
}

void readNumbers(RowInput& input, NeuronTargets& targets, const std::stop_token& stop) {
  for (const int64_t neuron : targets.neurons) {
    throwIfStopped(stop);
    const at::Tensor row = input.read(neuron, 1).squeeze(0).contiguous();
    std::vector<int64_t>& images = targets.images.emplace_back();
    for (int64_t i = row.numel() - 1; i >= 0; --i) {
      const float number = row.const_data_ptr<float>()[i];
      if (!(number >= 0 && number < kExact) || number != std::floor(number))
        throw Error(ErrorCode::Mismatch, "expected image numbers from 0 to 16777215, strongest last",
                    input.spec() + ", neuron " + std::to_string(neuron));
      images.push_back(int64_t(number));
    }
    targets.ms.push_back(kNan);
  }
}

void checkImages(const RowInput& top, const RowInput& embeddings, const NeuronTargets& targets) {
  for (size_t i = 0; i < targets.neurons.size(); ++i) {
    for (const int64_t image : targets.images[i]) {
      if (image < embeddings.rows()) continue;
      throw Error(ErrorCode::Mismatch,
                  "there are " + std::to_string(embeddings.rows()) + " embeddings and no image " + std::to_string(image) + ", which fires neuron " +
                      std::to_string(targets.neurons[i]),
                  top.spec() + ", " + embeddings.spec());
    }
  }
}

// Reads the pieces that hold a wanted row, and no row twice.
at::Tensor means(RowInput& embeddings, const NeuronTargets& targets, const std::stop_token& stop, const ProgressFn& progress) {
  struct Use {
    int64_t image, neuron;
  };
  std::vector<Use> uses;
  for (size_t i = 0; i < targets.images.size(); ++i)
    for (const int64_t image : targets.images[i]) uses.push_back({image, int64_t(i)});
  std::sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) { return a.image != b.image ? a.image < b.image : a.neuron < b.neuron; });
  at::Tensor sums = at::zeros({int64_t(targets.neurons.size()), embeddings.dim()}, at::kDouble);
  const int64_t piece = embeddings.pieceRows();
  ProgressMeter meter(progress, "Reading embeddings", int64_t(uses.size()));
  for (size_t i = 0; i < uses.size();) {
    throwIfStopped(stop);
    const int64_t first = uses[i].image;
    size_t end = i + 1;
    while (end < uses.size() && uses[end].image < first + piece && uses[end].image - uses[end - 1].image < 64) ++end;
    const at::Tensor rows = embeddings.read(first, uses[end - 1].image - first + 1).to(at::kDouble);
    for (size_t use = i; use < end; ++use) sums[uses[use].neuron] += rows[uses[use].image - first];
    meter.advance(int64_t(end - i));
    i = end;
  }
  meter.finish();
  at::Tensor counts = at::empty({sums.size(0), 1}, at::kDouble);
  for (size_t i = 0; i < targets.images.size(); ++i) counts.mutable_data_ptr<double>()[i] = double(targets.images[i].size());
  return (sums / counts).to(at::kFloat);  // 0 / 0 is NaN
}

}  // namespace

NeuronTargets readNeuronTargets(const std::string& top, const std::string& embeddings, int64_t count, const std::vector<int64_t>& only,
                                const std::stop_token& stop, const ProgressFn& progress) {
  const at::NoGradGuard guard;
  const auto strongest = RowInput::open(top), rows = RowInput::open(embeddings);
  rows->requireRowPerImage();
  NeuronTargets targets;
  targets.dataset = rows->rows();
  targets.fingerprint = Fingerprint().add(strongest->fingerprint()).add(rows->fingerprint()).hex();
  if (strongest->workspace()) {
    const RunInfo& run = strongest->run();
    if (!run.indexed) throw Error(ErrorCode::Invalid, "this is no run whose neurons were indexed; `sememe-cli index` does that", top);
    if (rows->workspace() && rows->run().dataset != run.dataset)
      throw Error(ErrorCode::Mismatch, "the neurons were indexed on other images than the embeddings are of", top + ", " + embeddings);
    targets.workspace = strongest->workspace()->path();
    targets.run = run;
    targets.dictSize = run.dim;
    targets.neurons = chosen(targets.dictSize, count, only, top);
    readRun(*strongest, targets, stop, progress);
  } else {
    targets.dictSize = strongest->rows();
    targets.neurons = chosen(targets.dictSize, count, only, top);
    readNumbers(*strongest, targets, stop);
  }
  checkImages(*strongest, *rows, targets);
  targets.embeddings = means(*rows, targets, stop, progress);
  return targets;
}

}  // namespace sememe
