// Jaccard indices of all pairs of neurons that share an image.
#include "core/analysis/uniqueness.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <string>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace sememe {
namespace {

// Neurons' image sets and, the other way round, the neurons of each image: both as lists behind one another.
struct Sets {
  std::vector<int64_t> neuron;                 // number of each set's neuron
  std::vector<int64_t> begin, imageBegin;      // where a set's images begin; where an image's sets begin
  std::vector<int32_t> images, setsOfImage;    // images are renumbered; an image's sets ascend

  int64_t count() const { return static_cast<int64_t>(neuron.size()); }
  int64_t size(int64_t set) const { return begin[static_cast<size_t>(set) + 1] - begin[static_cast<size_t>(set)]; }
};

Sets makeSets(const at::Tensor& top, const at::Tensor& worst) {
  const at::Tensor indices = top.to(at::kCPU, at::kLong).contiguous(), last = worst.to(at::kCPU, at::kDouble).contiguous();
  const auto* image = indices.const_data_ptr<int64_t>();
  const auto* weakest = last.const_data_ptr<double>();
  const int64_t k = indices.size(1);
  std::vector<int64_t> all(image, image + indices.numel());
  if (!all.empty() && *std::min_element(all.begin(), all.end()) < 0) throw Error(ErrorCode::Invalid, "an image number is negative");
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());

  Sets sets;
  sets.begin.push_back(0);
  std::vector<int32_t> own;
  for (int64_t f = 0; f < indices.size(0); ++f) {
    if (weakest[f] == 0) continue;
    own.clear();
    for (int64_t i = 0; i < k; ++i) {
      own.push_back(static_cast<int32_t>(std::lower_bound(all.begin(), all.end(), image[f * k + i]) - all.begin()));
    }
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
    sets.neuron.push_back(f);
    sets.images.insert(sets.images.end(), own.begin(), own.end());
    sets.begin.push_back(static_cast<int64_t>(sets.images.size()));
  }
  sets.imageBegin.assign(all.size() + 1, 0);
  for (const int32_t i : sets.images) ++sets.imageBegin[static_cast<size_t>(i) + 1];
  std::partial_sum(sets.imageBegin.begin(), sets.imageBegin.end(), sets.imageBegin.begin());
  sets.setsOfImage.resize(sets.images.size());
  std::vector<int64_t> next(sets.imageBegin.begin(), sets.imageBegin.end() - 1);
  for (int64_t set = 0; set < sets.count(); ++set) {
    for (int64_t i = sets.begin[static_cast<size_t>(set)]; i < sets.begin[static_cast<size_t>(set) + 1]; ++i) {
      sets.setsOfImage[static_cast<size_t>(next[static_cast<size_t>(sets.images[static_cast<size_t>(i)])]++)] = static_cast<int32_t>(set);
    }
  }
  return sets;
}

bool moreSimilar(const SimilarPair& a, const SimilarPair& b) {
  if (a.jaccard != b.jaccard) return a.jaccard > b.jaccard;
  return a.first != b.first ? a.first < b.first : a.second < b.second;
}

void keepMostSimilar(std::vector<SimilarPair>& pairs, size_t count) {
  const size_t kept = std::min(count, pairs.size());
  std::partial_sort(pairs.begin(), pairs.begin() + static_cast<int64_t>(kept), pairs.end(), moreSimilar);
  pairs.resize(kept);
}

}  // namespace

Uniqueness uniqueness(const at::Tensor& top, const at::Tensor& worst, int mostSimilar, const std::stop_token& stop,
                      const ProgressFn& progress) {
  if (top.dim() != 2 || top.scalar_type() != at::kLong || worst.dim() != 1 || worst.size(0) != top.size(0)) {
    throw Error(ErrorCode::Mismatch, "expected image numbers of every neuron (int64 [F, k]) and one activation each ([F])");
  }
  const Sets sets = makeSets(top, worst);
  Uniqueness result;
  result.neurons = sets.count();
  result.dead = top.size(0) - result.neurons;
  result.pairs = result.neurons * (result.neurons - 1) / 2;
  // The bounds as NumPy's arange(0, 1, 0.1) has them.
  std::array<double, 10> bounds{};
  for (size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(i) * 0.1;
  const auto count = static_cast<size_t>(std::max(mostSimilar, 0));

  std::mutex mutex;
  ProgressMeter meter(progress, "Comparing neurons", result.neurons);
  parallelFor(0, result.neurons, 64, [&](int64_t from, int64_t to) {
    std::vector<int32_t> shared(static_cast<size_t>(result.neurons));
    std::vector<int32_t> touched;
    std::array<int64_t, 10> above{};
    std::vector<SimilarPair> best;
    for (int64_t set = from; set < to && !stop.stop_requested(); ++set) {
      touched.clear();
      for (int64_t i = sets.begin[static_cast<size_t>(set)]; i < sets.begin[static_cast<size_t>(set) + 1]; ++i) {
        const auto image = static_cast<size_t>(sets.images[static_cast<size_t>(i)]);
        const auto first = sets.setsOfImage.begin() + sets.imageBegin[image], last = sets.setsOfImage.begin() + sets.imageBegin[image + 1];
        for (auto other = std::upper_bound(first, last, static_cast<int32_t>(set)); other != last; ++other) {
          if (shared[static_cast<size_t>(*other)]++ == 0) touched.push_back(*other);
        }
      }
      for (const int32_t other : touched) {
        const int64_t both = std::exchange(shared[static_cast<size_t>(other)], 0);
        const double jaccard = static_cast<double>(both) / static_cast<double>(sets.size(set) + sets.size(other) - both);
        for (size_t i = 0; i < bounds.size() && jaccard > bounds[i]; ++i) ++above[i];
        best.push_back({sets.neuron[static_cast<size_t>(set)], sets.neuron[static_cast<size_t>(other)], jaccard});
      }
      if (best.size() > 4096 + count) keepMostSimilar(best, count);
    }
    const std::lock_guard lock(mutex);
    for (size_t i = 0; i < above.size(); ++i) result.above[i] += above[i];
    result.mostSimilar.insert(result.mostSimilar.end(), best.begin(), best.end());
    keepMostSimilar(result.mostSimilar, count);
    meter.advance(to - from);
  });
  throwIfStopped(stop);
  meter.finish();
  return result;
}

}  // namespace sememe
