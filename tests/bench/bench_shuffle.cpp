// How well and how quickly rows are shuffled that do not fit into memory: bench_shuffle [ROWS [DIM [MEMORY_MB]]].
// The rows stand class by class, as ImageNet's folders do. A uniformly random order of all rows is the limit.
#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

#include "core/sae/row_source.h"

namespace {

using namespace sememe;

constexpr int64_t kClasses = 1000, kBatch = 4096;

// Column 0 is the class of the row. Made when asked for, at about the cost of reading fp16 from memory.
struct ClassRows final : TensorSource {
  int64_t count, width;
  at::Tensor piece;
  ClassRows(int64_t n, int64_t d) : count(n), width(d), piece(at::randn({1024, d}).to(at::kHalf)) {}
  int64_t rows() const override { return count; }
  int64_t dim() const override { return width; }
  at::Tensor read(int64_t begin, int64_t n) override {
    at::Tensor x = n <= 1024 ? piece.narrow(0, 0, n).to(at::kFloat) : at::empty({n, width});
    x.select(1, 0).copy_((at::arange(begin, begin + n) * kClasses).div(count, "floor"));
    return x;
  }
  std::string describe() const override { return "rows by class"; }
  std::string where(int64_t row) const override { return "row " + std::to_string(row); }
  std::string fingerprint() const override { return "rows by class"; }
};

struct Mixing {
  double distinct = 0;   // classes of a batch
  double excess = 0;     // variance of a class's count in a batch, as a multiple of a random draw's
};

Mixing mixing(RowSource& rows, int64_t batches) {
  Mixing m;
  const double expected = double(kBatch) / kClasses;
  for (int64_t i = 0; i < batches; ++i) {
    const at::Tensor classes = rows.batch(i, kBatch).select(1, 0).to(at::kLong);
    const at::Tensor counts = at::bincount(classes, {}, kClasses).to(at::kDouble);
    m.distinct += double((counts > 0).sum().item<int64_t>()) / double(batches);
    m.excess += (counts - expected).square().mean().item<double>() / (expected * (1 - 1.0 / kClasses)) / double(batches);
  }
  return m;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 1'281'167, dim = argc > 2 ? std::atoll(argv[2]) : 1024;
  const int64_t memory = (argc > 3 ? std::atoll(argv[3]) : 2048) << 20;
  ClassRows source(rows, dim), narrow(rows, 2);
  const int64_t batches = std::max<int64_t>(1, rows / kBatch);
  const auto all = shuffledRows(narrow, 1, int64_t{1} << 40);
  const Mixing uniform = mixing(*all, batches);

  // The same pools on rows of two columns: what is drawn depends on their number alone.
  const auto pools = shuffledRows(narrow, 1, memory / dim * 2);
  const Mixing ours = mixing(*pools, batches);
  std::printf("%lld rows of %lld, %lld MB, batches of %lld of %lld classes\n", (long long)rows, (long long)dim, (long long)(memory >> 20),
              (long long)kBatch, (long long)kClasses);
  std::printf("classes in a batch          %8.1f   uniform %8.1f   ratio %.3f\n", ours.distinct, uniform.distinct, ours.distinct / uniform.distinct);
  std::printf("variance of a class's count %8.2f   uniform %8.2f   ratio %.2f\n", ours.excess, uniform.excess, ours.excess / uniform.excess);

  const auto timed = shuffledRows(source, 1, memory);
  timed->batch(0, kBatch);
  const auto begin = std::chrono::steady_clock::now();
  double longest = 0;
  const int64_t some = std::min<int64_t>(batches, 200);
  for (int64_t i = 1; i <= some; ++i) {
    const auto from = std::chrono::steady_clock::now();
    timed->batch(i, kBatch);
    longest = std::max(longest, std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
  }
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("rate                        %8.0f rows/s (%.2f GB/s), longest wait %.0f ms\n", double(some * kBatch) / took,
              double(some * kBatch * dim) * 4 / took / 1e9, longest * 1e3);
  return 0;
}
