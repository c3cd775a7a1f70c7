// A seeded, shuffled stream of rows over a matrix in memory or in files.
#include "core/sae/row_source.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace sememe {
namespace {

constexpr int64_t kRun = 32;  // rows read together when the matrix does not fit

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

// Rows held in memory, and the order in which they are given out.
struct Pool {
  int64_t epoch = -1, number = -1;
  int64_t begin = 0;            // place of its first row in the epoch
  std::vector<uint32_t> order;
  at::Tensor rows;              // [at least order.size(), dim]

  bool is(int64_t ofEpoch, int64_t ofNumber) const { return epoch == ofEpoch && number == ofNumber; }
  bool holds(int64_t ofEpoch, int64_t within) const {
    return epoch == ofEpoch && within >= begin && within < begin + static_cast<int64_t>(order.size());
  }
};

class ShuffledRows : public RowSource {
 public:
  ShuffledRows(TensorSource& source, uint64_t seed, int64_t memoryBytes)
      : m_source(source), m_seed(seed), m_rows(source.rows()), m_dim(source.dim()) {
    if (m_rows < 1 || m_dim < 1) throw Error(ErrorCode::Invalid, "expected at least one row to train on", source.describe());
    const int64_t most = std::min<int64_t>(std::max<int64_t>(memoryBytes, 1) / (m_dim * int64_t{sizeof(float)}),
                                           std::numeric_limits<uint32_t>::max());
    m_runs = (m_rows + kRun - 1) / kRun;
    m_whole = m_rows <= most;
    // Half of the memory is for the pool that is read meanwhile.
    m_poolRuns = m_whole ? m_runs : std::max<int64_t>(most / 2 / kRun, 1);
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
      const int64_t first = position % m_rows - m_pool.begin;
      const int64_t count = std::min(left, static_cast<int64_t>(m_pool.order.size()) - first);
      const float* from = m_pool.rows.const_data_ptr<float>();
      for (int64_t i = 0; i < count; ++i, to += m_dim) {
        std::memcpy(to, from + int64_t{m_pool.order[static_cast<size_t>(first + i)]} * m_dim,
                    static_cast<size_t>(m_dim) * sizeof(float));
      }
      position += count;
      left -= count;
    }
    return out;
  }

 private:
  // Makes the pool that holds position `within` of an epoch the present one, and has the one after it read.
  void hold(int64_t epoch, int64_t within) {
    if (m_pool.holds(epoch, within)) return;
    if (m_whole) {
      if (!m_pool.rows.defined()) m_pool.rows = m_source.read(0, m_rows);
      m_pool.order = randomOrder(m_rows, m_seed, static_cast<uint64_t>(epoch), 0);
      m_pool.epoch = epoch;
      return;
    }
    Pool wanted{.epoch = epoch, .number = poolAt(epoch, within)};
    if (m_next.valid()) {
      Pool next = m_next.get();
      if (next.is(wanted.epoch, wanted.number)) {
        std::swap(m_pool, next);
        wanted.number = -1;
      }
      m_spare = std::move(next.rows);
    }
    if (wanted.number >= 0) {
      wanted.rows = std::move(m_pool.rows);
      m_pool = {};
      read(wanted);
      m_pool = std::move(wanted);
    }
    const bool lastOfEpoch = m_pool.begin + static_cast<int64_t>(m_pool.order.size()) == m_rows;
    Pool after{.epoch = lastOfEpoch ? epoch + 1 : epoch, .number = lastOfEpoch ? 0 : m_pool.number + 1};
    after.rows = std::move(m_spare);
    m_next = std::async(std::launch::async, [this, after = std::move(after)]() mutable {
      read(after);
      return std::move(after);
    });
  }

  int64_t runRows(int64_t run) const { return std::min(kRun, m_rows - run * kRun); }

  // Order of all runs in an epoch. Used by whoever reads: never two at once.
  const std::vector<uint32_t>& runOrder(int64_t epoch) {
    if (m_runOrderEpoch != epoch) m_runOrder = randomOrder(m_runs, m_seed, static_cast<uint64_t>(epoch), 0);
    m_runOrderEpoch = epoch;
    return m_runOrder;
  }

  // All pools but those with the short last run have the same size; that run may lie in any.
  int64_t poolAt(int64_t epoch, int64_t within) {
    if (m_next.valid()) m_next.wait();
    int64_t end = 0;
    for (int64_t pool = 0;; ++pool) {
      end += poolRows(epoch, pool);
      if (within < end) return pool;
    }
  }

  int64_t poolRows(int64_t epoch, int64_t pool) {
    const std::vector<uint32_t>& order = runOrder(epoch);
    int64_t rows = 0;
    const int64_t end = std::min((pool + 1) * m_poolRuns, m_runs);
    for (int64_t i = pool * m_poolRuns; i < end; ++i) rows += runRows(order[static_cast<size_t>(i)]);
    return rows;
  }

  // Fills in everything but the epoch and the number.
  void read(Pool& pool) {
    if (!pool.rows.defined()) pool.rows = at::empty({m_poolRuns * kRun, m_dim}, at::kFloat);
    pool.begin = 0;
    for (int64_t i = 0; i < pool.number; ++i) pool.begin += poolRows(pool.epoch, i);
    const std::vector<uint32_t>& order = runOrder(pool.epoch);
    const int64_t end = std::min((pool.number + 1) * m_poolRuns, m_runs);
    std::vector<uint32_t> runs(order.begin() + pool.number * m_poolRuns, order.begin() + end);
    std::sort(runs.begin(), runs.end());  // the rows are shuffled anyhow, and files like ascending reads
    int64_t at = 0;
    for (const uint32_t run : runs) {
      const int64_t count = runRows(run);
      pool.rows.narrow(0, at, count).copy_(m_source.read(int64_t{run} * kRun, count));
      at += count;
    }
    pool.order = randomOrder(at, m_seed, static_cast<uint64_t>(pool.epoch), static_cast<uint64_t>(pool.number) + 1);
  }

  TensorSource& m_source;
  const uint64_t m_seed;
  const int64_t m_rows, m_dim;
  bool m_whole = true;
  int64_t m_runs = 0, m_poolRuns = 0;
  int64_t m_runOrderEpoch = -1;
  std::vector<uint32_t> m_runOrder;
  Pool m_pool;
  at::Tensor m_spare;          // memory of the pool before the present one
  std::future<Pool> m_next;    // being read on a thread of its own, the only one then that touches the source
};

}  // namespace

std::unique_ptr<RowSource> shuffledRows(TensorSource& source, uint64_t seed, int64_t memoryBytes) {
  return std::make_unique<ShuffledRows>(source, seed, memoryBytes);
}

}  // namespace sememe
