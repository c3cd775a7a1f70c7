// Indexing sparse latents: every neuron's column, its statistics and strongest images, in bounded memory.
#include <torch/torch.h>

#include <algorithm>
#include <span>

#include "core/base/error.h"
#include "core/pipeline/index_run.h"

namespace sememe {

namespace {

constexpr int64_t kRowsAtOnce = 4096;
constexpr int64_t kValuesAtOnce = int64_t{32} << 20;  // 256 MB of columns in memory

// Values and rows of neurons first … first + begins.size() - 2, one after the other.
struct Columns {
  int64_t first = 0;
  std::vector<int64_t> begins;
  std::vector<uint32_t> rows;
  std::vector<float> values;
};

template <class Fn>
void eachRow(RowInput& input, ProgressMeter& meter, const std::stop_token& stop, const Fn& fn) {
  for (int64_t row = 0; row < input.rows(); row += kRowsAtOnce) {
    throwIfStopped(stop);
    const int64_t count = std::min(kRowsAtOnce, input.rows() - row);
    const SparseRows rows = input.readSparse(row, count);
    for (int64_t r = 0; r < count; ++r)
      for (uint32_t i = rows.offsets[size_t(r)]; i < rows.offsets[size_t(r) + 1]; ++i) fn(row + r, rows.neurons[i], rows.values[i]);
    meter.advance(count);
  }
}

Columns readColumns(RowInput& input, const std::vector<int64_t>& counts, int64_t first, int64_t last, ProgressMeter& meter,
                    const std::stop_token& stop) {
  Columns columns;
  columns.first = first;
  columns.begins.assign(1, 0);
  for (int64_t n = first; n < last; ++n) columns.begins.push_back(columns.begins.back() + counts[size_t(n)]);
  columns.rows.resize(size_t(columns.begins.back()));
  columns.values.resize(size_t(columns.begins.back()));
  std::vector<int64_t> next(columns.begins.begin(), columns.begins.end() - 1);
  eachRow(input, meter, stop, [&](int64_t row, uint32_t neuron, float value) {
    if (neuron < first || neuron >= last || value == 0) return;
    const size_t at = size_t(next[size_t(neuron - first)]++);
    columns.rows[at] = uint32_t(row);
    columns.values[at] = value;
  });
  return columns;
}

// Strongest firing images, ascending; of equal ones the later image is the stronger.
std::vector<ImageActivation> strongest(std::span<const uint32_t> rows, std::span<const float> values) {
  std::vector<ImageActivation> firing;
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] > 0) firing.push_back({int64_t(rows[i]), values[i]});
  const auto stronger = [](const ImageActivation& a, const ImageActivation& b) {
    return a.activation != b.activation ? a.activation > b.activation : a.image > b.image;
  };
  const size_t kept = std::min<size_t>(firing.size(), kTopImages);
  std::partial_sort(firing.begin(), firing.begin() + int64_t(kept), firing.end(), stronger);
  firing.resize(kept);
  std::reverse(firing.begin(), firing.end());
  return firing;
}

}  // namespace

int64_t indexLatents(RowInput& input, const ProgressFn& progress, const std::stop_token& stop) {
  const int64_t neurons = input.dim();
  std::vector<int64_t> counts(size_t(neurons), 0);
  ProgressMeter counting(progress, "Counting firing images", input.rows());
  eachRow(input, counting, stop, [&](int64_t, uint32_t neuron, float value) { counts[neuron] += value != 0; });
  counting.finish();

  std::vector<int64_t> ends;  // of the ranges of neurons that fit into memory together
  int64_t held = 0;
  for (int64_t n = 0; n < neurons; ++n) {
    if (held > 0 && held + counts[size_t(n)] > kValuesAtOnce) {
      ends.push_back(n);
      held = 0;
    }
    held += counts[size_t(n)];
  }
  ends.push_back(neurons);

  const int64_t images = input.goodRowCount();
  ProgressMeter meter(progress, "Indexing neurons", input.rows() * int64_t(ends.size()));
  IndexWriter writer(input.workspace()->database(), input.run().id, images);
  int64_t first = 0, dead = 0;
  for (const int64_t end : ends) {
    const Columns columns = readColumns(input, counts, first, end, meter, stop);
    for (int64_t n = first; n < end; ++n) {
      const auto begin = size_t(columns.begins[size_t(n - first)]);
      const auto count = size_t(counts[size_t(n)]);
      const std::span rows(columns.rows.data() + begin, count);
      const std::span values(columns.values.data() + begin, count);
      const NeuronStats stats = statisticsOfColumn(values, images);
      writer.add(neuronRecord(stats, histogramOfColumn(values, stats.max), strongest(rows, values)));
      dead += stats.firingCount == 0;
      if (count > 0) writer.addColumn(n, rows, values);
    }
    first = end;
  }
  throwIfStopped(stop);
  writer.commit();
  meter.finish();
  return dead;
}

}  // namespace sememe
