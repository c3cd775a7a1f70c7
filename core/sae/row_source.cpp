// A seeded, shuffled stream of rows over a matrix in memory or in files.
#include "core/sae/row_source.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace sememe {
namespace {

constexpr int64_t kRun = 256;  // rows read together when the matrix does not fit

// A uniformly random order of 0 … n − 1 that depends on the three numbers alone, on every platform.
std::vector<uint32_t> randomOrder(int64_t n, uint64_t seed, uint64_t epoch, uint64_t part) {
  std::seed_seq mixed{static_cast<uint32_t>(seed),  static_cast<uint32_t>(seed >> 32),  static_cast<uint32_t>(epoch),
                      static_cast<uint32_t>(epoch >> 32), static_cast<uint32_t>(part), static_cast<uint32_t>(part >> 32)};
  std::mt19937_64 engine(mixed);
  std::vector<uint32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0U);
  for (uint64_t left = order.size(); left > 1; --left) {
    // std::uniform_int_distribution may differ between libraries: cut off the uneven rest ourselves.
    const uint64_t limit = std::numeric_limits<uint64_t>::max() / left * left;
    uint64_t draw = engine();
    while (draw >= limit) draw = engine();
    std::swap(order[left - 1], order[draw % left]);
  }
  return order;
}

class ShuffledRows : public RowSource {
 public:
  ShuffledRows(TensorSource& source, uint64_t seed, int64_t memoryBytes)
      : m_source(source), m_seed(seed), m_rows(source.rows()), m_dim(source.dim()) {
    if (m_rows < 1 || m_dim < 1) throw Error(ErrorCode::Invalid, "expected at least one row to train on", source.describe());
    const int64_t most = std::min<int64_t>(std::max<int64_t>(memoryBytes, 1) / (m_dim * int64_t{sizeof(float)}),
                                           std::numeric_limits<uint32_t>::max());
    m_whole = m_rows <= most;
    m_runs = (m_rows + kRun - 1) / kRun;
    m_poolRuns = std::max<int64_t>(most / kRun, 1);
  }

  int64_t rows() const override { return m_rows; }
  int64_t dim() const override { return m_dim; }

  std::string fingerprint() const override {
    return Fingerprint().add(m_source.fingerprint()).add(static_cast<int64_t>(m_seed)).add(m_whole ? 0 : m_poolRuns).hex();
  }

  at::Tensor batch(int64_t number, int64_t size) override {
    if (number < 0 || size < 1) throw Error(ErrorCode::Invalid, "no such batch", std::to_string(number));
    at::Tensor out = at::empty({size, m_dim}, at::kFloat);
    auto* to = out.data_ptr<float>();
    int64_t position = number * size;
    for (int64_t left = size; left > 0;) {
      hold(position / m_rows, position % m_rows);
      const int64_t first = position % m_rows - m_poolBegin;
      const int64_t count = std::min(left, static_cast<int64_t>(m_order.size()) - first);
      const float* from = m_pool.const_data_ptr<float>();
      for (int64_t i = 0; i < count; ++i, to += m_dim) {
        std::memcpy(to, from + int64_t{m_order[static_cast<size_t>(first + i)]} * m_dim,
                    static_cast<size_t>(m_dim) * sizeof(float));
      }
      position += count;
      left -= count;
    }
    return out;
  }

 private:
  // Makes the pool that holds position `within` of an epoch the present one.
  void hold(int64_t epoch, int64_t within) {
    const bool sameEpoch = epoch == m_epoch;
    if (sameEpoch && within >= m_poolBegin && within < m_poolBegin + static_cast<int64_t>(m_order.size())) return;
    if (m_whole) {
      if (!m_pool.defined()) m_pool = m_source.read(0, m_rows);
      m_order = randomOrder(m_rows, m_seed, static_cast<uint64_t>(epoch), 0);
      m_poolBegin = 0;
    } else {
      if (!sameEpoch) m_runOrder = randomOrder(m_runs, m_seed, static_cast<uint64_t>(epoch), 0);
      int64_t begin = 0, pool = 0, size = poolRows(0);
      while (within >= begin + size) {
        begin += size;
        size = poolRows(++pool);
      }
      readPool(pool, size);
      m_order = randomOrder(size, m_seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(pool) + 1);
      m_poolBegin = begin;
    }
    m_epoch = epoch;
  }

  int64_t runRows(int64_t run) const { return std::min(kRun, m_rows - run * kRun); }

  int64_t poolRows(int64_t pool) const {
    int64_t rows = 0;
    const int64_t end = std::min((pool + 1) * m_poolRuns, m_runs);
    for (int64_t i = pool * m_poolRuns; i < end; ++i) rows += runRows(m_runOrder[static_cast<size_t>(i)]);
    return rows;
  }

  void readPool(int64_t pool, int64_t size) {
    if (!m_pool.defined()) m_pool = at::empty({m_poolRuns * kRun, m_dim}, at::kFloat);
    const int64_t end = std::min((pool + 1) * m_poolRuns, m_runs);
    std::vector<uint32_t> runs(m_runOrder.begin() + pool * m_poolRuns, m_runOrder.begin() + end);
    std::sort(runs.begin(), runs.end());  // the rows are shuffled anyhow, and files like ascending reads
    int64_t at = 0;
    for (const uint32_t run : runs) {
      const int64_t count = runRows(run);
      m_pool.narrow(0, at, count).copy_(m_source.read(int64_t{run} * kRun, count));
      at += count;
    }
    if (at != size) throw Error(ErrorCode::Corrupt, "rows were lost while shuffling", m_source.describe());
  }

  TensorSource& m_source;
  const uint64_t m_seed;
  const int64_t m_rows, m_dim;
  bool m_whole = true;
  int64_t m_runs = 0, m_poolRuns = 0;
  int64_t m_epoch = -1, m_poolBegin = 0;
  std::vector<uint32_t> m_runOrder;  // of the present epoch
  std::vector<uint32_t> m_order;     // of the present pool
  at::Tensor m_pool;                 // [at least m_order.size(), dim]
};

}  // namespace

std::unique_ptr<RowSource> shuffledRows(TensorSource& source, uint64_t seed, int64_t memoryBytes) {
  return std::make_unique<ShuffledRows>(source, seed, memoryBytes);
}

}  // namespace sememe
