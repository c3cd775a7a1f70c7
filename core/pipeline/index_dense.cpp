// Indexing dense rows: raw neurons of a model, or latents in files.
#include <torch/torch.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/pipeline/index_run.h"

namespace sememe {

void eachGoodPiece(RowInput& input, ProgressMeter& meter, const std::stop_token& stop,
                   const std::function<void(int64_t, const at::Tensor&)>& fn) {
  const int64_t piece = input.pieceRows();
  for (int64_t row = 0; row < input.rows(); row += piece) {
    throwIfStopped(stop);
    const int64_t count = std::min(piece, input.rows() - row);
    const at::Tensor rows = input.read(row, count);
    for (const RowInput::Range& good : input.goodRanges(row, count)) fn(good.begin, rows.narrow(0, good.begin - row, good.count));
    meter.advance(count);
  }
}

NeuronStatistics neuronRecord(const NeuronStats& stats, const ActivationHistogram& histogram,
                              const std::vector<ImageActivation>& ascending) {
  NeuronStatistics record;
  record.firingCount = stats.firingCount;
  record.firingRate = stats.firingRate();
  record.mean = stats.mean;
  record.min = stats.min;
  record.max = stats.max;
  record.histogram.assign(histogram.begin(), histogram.end());
  record.histogramMax = std::max(0.0f, stats.max);
  for (auto it = ascending.rbegin(); it != ascending.rend(); ++it) record.top.push_back({it->image, it->activation});
  return record;
}

int64_t indexDense(RowInput& input, const ProgressFn& progress, const std::stop_token& stop) {
  TopImages top(input.dim(), kTopImages);
  RunningStatistics statistics(input.dim());
  ProgressMeter first(progress, "Finding the strongest images", input.rows());
  eachGoodPiece(input, first, stop, [&](int64_t image, const at::Tensor& rows) {
    top.add(image, rows);
    statistics.add(rows);
  });
  first.finish();

  // The histograms need the largest values first: a second pass over the rows.
  NeuronHistograms histograms(statistics.maxima());
  ProgressMeter second(progress, "Counting activations", input.rows());
  eachGoodPiece(input, second, stop, [&](int64_t, const at::Tensor& rows) { histograms.add(rows); });
  second.finish();

  IndexWriter writer(input.workspace()->database(), input.run().id, input.goodRowCount());
  int64_t dead = 0;
  for (int64_t neuron = 0; neuron < input.dim(); ++neuron) {
    const NeuronStats stats = statistics.of(neuron);
    writer.add(neuronRecord(stats, histograms.of(neuron), top.of(neuron)));
    dead += stats.firingCount == 0;
  }
  throwIfStopped(stop);
  writer.commit();
  return dead;
}

}  // namespace sememe
