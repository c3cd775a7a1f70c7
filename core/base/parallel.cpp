// Loops over numbers in all threads that LibTorch computes with.
#include "core/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>

namespace sememe {

void parallelFor(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t from, int64_t to)>& fn) {
  if (begin >= end) return;
  const int64_t stretches = (end - begin + grain - 1) / grain;
  std::atomic_flag anyFailed = ATOMIC_FLAG_INIT;
  std::exception_ptr failure;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) if (stretches > 1)
#endif
  for (int64_t i = 0; i < stretches; ++i) {
    try {
      fn(begin + i * grain, std::min(end, begin + (i + 1) * grain));
    } catch (...) {
      if (!anyFailed.test_and_set()) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sememe
