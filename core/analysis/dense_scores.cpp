// The monosemanticity score of dense neurons: two passes over the rows around one matrix product.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "core/analysis/monosemanticity.h"
#include "core/analysis/score_loops.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace sememe {
namespace {

constexpr int64_t kBlockRows = 64;      // images summed in float32; the header's bound rests on it
constexpr double kEven = 5;             // (Σ a)² / Σ a², the number of images that count, from which on it holds
constexpr int64_t kSliceNeurons = 128;  // of one thread at a time: their sums stay in its cache
constexpr int64_t kPieceValues = int64_t{8} << 20;  // activations read at once

// The rows of the activations in pieces, each checked for its shape.
class Pieces {
 public:
  Pieces(const RowReader& read, int64_t rows, int64_t neurons) : m_read(read), m_rows(rows), m_neurons(neurons) {
    m_most = std::clamp(kPieceValues / neurons / kBlockRows * kBlockRows, kBlockRows, 32 * kBlockRows);
  }

  // fn(first row, float32 [n, F], contiguous).
  template <class Fn>
  void each(const std::stop_token& stop, ProgressMeter& meter, const Fn& fn) const {
    for (int64_t begin = 0; begin < m_rows; begin += m_most) {
      throwIfStopped(stop);
      const int64_t count = std::min(m_most, m_rows - begin);
      const at::Tensor rows = m_read(begin, count);
      if (!rows.defined() || rows.dim() != 2 || rows.size(0) != count || rows.size(1) != m_neurons) {
        std::ostringstream text;
        text << "expected activations of " << count << " rows and " << m_neurons << " neurons";
        throw Error(ErrorCode::Mismatch, text.str(), "row " + std::to_string(begin));
      }
      fn(begin, rows.to(at::kCPU, at::kFloat).contiguous());
      meter.advance(count);
    }
  }

 private:
  const RowReader& m_read;
  int64_t m_rows, m_neurons, m_most;
};

// fn(first, count) for slices of the neurons, in all threads.
template <class Fn>
void eachSlice(int64_t neurons, const Fn& fn) {
  const int64_t threads = at::get_num_threads();
  const int64_t slice = std::clamp<int64_t>((neurons + threads - 1) / threads, 16, kSliceNeurons);
  parallelFor(0, (neurons + slice - 1) / slice, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) fn(i * slice, std::min(slice, neurons - i * slice));
  });
}

[[noreturn]] void throwNotFinite(const at::Tensor& rows, int64_t begin) {
  const at::Tensor place = at::isfinite(rows).logical_not().nonzero()[0];
  throw Error(ErrorCode::Invalid, "the activations hold a value that is NaN or infinite",
              "row " + std::to_string(begin + place[0].item<int64_t>()) + ", neuron " + std::to_string(place[1].item<int64_t>()));
}

// Smallest and largest activation of each neuron over all rows.
struct Ranges {
  std::vector<float> low, width;
};

Ranges findRanges(const Pieces& pieces, int64_t neurons, const std::stop_token& stop, ProgressMeter& meter) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Ranges ranges{std::vector<float>(static_cast<size_t>(neurons), kInfinity), {}};
  std::vector<float> high(static_cast<size_t>(neurons), -kInfinity);
  pieces.each(stop, meter, [&](int64_t begin, const at::Tensor& rows) {
    const float* data = rows.const_data_ptr<float>();
    std::atomic<bool> finite = true;
    eachSlice(neurons, [&](int64_t first, int64_t count) {
      if (!widenRanges(data + first, neurons, rows.size(0), count, ranges.low.data() + first, high.data() + first)) finite = false;
    });
    if (!finite) throwNotFinite(rows, begin);
  });
  for (size_t f = 0; f < high.size(); ++f) ranges.width.push_back(high[f] - ranges.low[f]);
  return ranges;
}

// A piece's unit embeddings in blocks of images, the last filled up with zeros, and their squared lengths.
struct Blocks {
  std::vector<at::Tensor> unit;  // float32 [64, D] each
  std::vector<double> norms;     // 1, but for rounding and embeddings without a direction
};

Blocks makeBlocks(const MsEmbeddings& embeddings, int64_t begin, int64_t count) {
  const int64_t d = embeddings.dim(), blocks = (count + kBlockRows - 1) / kBlockRows;
  const at::Tensor unit = at::zeros({blocks, kBlockRows, d});
  auto* out = unit.mutable_data_ptr<float>();
  std::vector<double> norms(static_cast<size_t>(count));
  parallelFor(0, count, kBlockRows, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) {
      const float* e = embeddings.row(begin + row);
      const double scale = embeddings.inverseNorm(begin + row);
      double norm = 0;
      for (int64_t i = 0; i < d; ++i) {
        const auto value = static_cast<float>(e[i] * scale);
        out[row * d + i] = value;
        norm += static_cast<double>(value) * value;
      }
      norms[static_cast<size_t>(row)] = norm;
    }
  });
  return {unit.unbind(), std::move(norms)};
}

// What the activations of a group of neurons add up to.
struct Sums {
  Sums(int64_t neurons, int64_t dim)
      : embeddings(static_cast<size_t>(neurons * dim)), a(static_cast<size_t>(neurons)), squares(a), own(a), active(a.size()) {}

  WeightSums from(int64_t neuron) { return {a.data() + neuron, squares.data() + neuron, own.data() + neuron, active.data() + neuron}; }

  std::vector<double> embeddings;       // Σ a u [neurons, D]
  std::vector<double> a, squares, own;  // as WeightSums
  std::vector<int32_t> active;
};

// A neuron that few images outweigh, and how many entries its column has.
struct Uneven {
  int64_t neuron = 0, entries = 0;
};

// Scores `neurons`, ascending, from their columns.
void scoreColumns(const Pieces& pieces, const std::vector<Uneven>& neurons, const Ranges& ranges, const MsEmbeddings& embeddings,
                  int64_t memoryBytes, const std::stop_token& stop, const ProgressFn& progress, std::vector<double>& scores) {
  struct Column {
    std::vector<uint32_t> images;
    std::vector<float> values;
  };
  const int64_t most = memoryBytes / int64_t{sizeof(uint32_t) + sizeof(float)};
  for (size_t first = 0, last = 0; first < neurons.size(); first = last) {
    int64_t entries = 0;
    do {
      entries += neurons[last++].entries;
    } while (last < neurons.size() && entries + neurons[last].entries <= most);
    std::vector<Column> columns(last - first);
    for (size_t i = first; i < last; ++i) {
      columns[i - first].images.reserve(static_cast<size_t>(neurons[i].entries));
      columns[i - first].values.reserve(static_cast<size_t>(neurons[i].entries));
    }
    ProgressMeter meter(progress, "Scoring neurons of few images", embeddings.images());
    pieces.each(stop, meter, [&](int64_t begin, const at::Tensor& rows) {
      const float* data = rows.const_data_ptr<float>();
      for (int64_t row = 0; row < rows.size(0); ++row, data += rows.size(1)) {
        for (size_t i = first; i < last; ++i) {
          const float value = data[neurons[i].neuron];
          // Zeros may be left out where they are the smallest.
          if (value == 0 && ranges.low[static_cast<size_t>(neurons[i].neuron)] == 0) continue;
          columns[i - first].images.push_back(static_cast<uint32_t>(begin + row));
          columns[i - first].values.push_back(value);
        }
      }
    });
    parallelFor(0, static_cast<int64_t>(columns.size()), 4, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const Column& column = columns[static_cast<size_t>(i)];
        scores[static_cast<size_t>(neurons[first + static_cast<size_t>(i)].neuron)] = msOfNeuron(column.images, column.values, embeddings);
      }
    });
    meter.finish();
  }
}

}  // namespace

std::vector<double> monosemanticity(const RowReader& read, int64_t neurons, const MsEmbeddings& embeddings,
                                    const std::stop_token& stop, const ProgressFn& progress, int64_t memoryBytes) {
  at::NoGradGuard noGrad;
  if (neurons < 1) throw Error(ErrorCode::Invalid, "expected at least one neuron", std::to_string(neurons));
  const int64_t rows = embeddings.images(), d = embeddings.dim();
  std::vector<double> scores(static_cast<size_t>(neurons), std::numeric_limits<double>::quiet_NaN());
  if (rows < 2) return scores;

  const int64_t group = std::clamp<int64_t>(memoryBytes / (d * int64_t{sizeof(double)}), 1, neurons);
  const int64_t groups = (neurons + group - 1) / group;
  ProgressMeter meter(progress, "Scoring neurons", rows * (1 + groups));
  const Pieces pieces(read, rows, neurons);
  const Ranges ranges = findRanges(pieces, neurons, stop, meter);
  std::vector<Uneven> uneven;

  for (int64_t start = 0; start < neurons; start += group) {
    const int64_t size = std::min(group, neurons - start);
    Sums sums(size, d);
    pieces.each(stop, meter, [&](int64_t begin, const at::Tensor& piece) {
      const Blocks blocks = makeBlocks(embeddings, begin, piece.size(0));
      const float* data = piece.const_data_ptr<float>() + start;
      eachSlice(size, [&](int64_t first, int64_t count) {
        const at::NoGradGuard noGradHere;  // each thread has its own
        const at::Tensor a = at::zeros({kBlockRows, count}), transposed = a.t();
        at::Tensor product = at::empty({count, d});
        const auto at = static_cast<size_t>(start + first);
        for (size_t block = 0; block < blocks.unit.size(); ++block) {
          const int64_t row = static_cast<int64_t>(block) * kBlockRows, n = std::min(kBlockRows, piece.size(0) - row);
          // NaN for a constant neuron, in all that is its own.
          scaleAndWeigh(data + row * neurons + first, neurons, n, count, ranges.low.data() + at, ranges.width.data() + at,
                        blocks.norms.data() + row, a.mutable_data_ptr<float>(), sums.from(first));
          if (n < kBlockRows) a.narrow(0, n, kBlockRows - n).zero_();
          at::mm_out(product, transposed, blocks.unit[block]);
          addTo(product.const_data_ptr<float>(), sums.embeddings.data() + first * d, count * d);
        }
      });
    });
    for (int64_t i = 0; i < size; ++i) {
      const auto f = static_cast<size_t>(i), neuron = static_cast<size_t>(start + i);
      const double square = sums.a[f] * sums.a[f];
      if (sums.active[f] < 2) continue;  // no pair, or constant
      if (square >= kEven * sums.squares[f]) {
        scores[neuron] = (squaredLength(sums.embeddings.data() + i * d, d) - sums.own[f]) / (square - sums.squares[f]);
      } else {
        uneven.push_back({start + i, ranges.low[neuron] == 0 ? sums.active[f] : rows});
      }
    }
  }
  meter.finish();
  scoreColumns(pieces, uneven, ranges, embeddings, memoryBytes, stop, progress, scores);
  return scores;
}

}  // namespace sememe
