// Loops over numbers in all threads that LibTorch computes with.
#pragma once

#include <cstdint>
#include <functional>

namespace sememe {

// Calls fn(from, to) for stretches of begin … end − 1 of at most `grain` numbers each, in no order, in as many threads as
// OpenMP has (at::set_num_threads() says how many); on this thread alone inside another such loop. What fn throws is thrown
// again once all have ended. LibTorch's own operations in it run on one thread each.
// (at::parallel_for does the same where everything is compiled for OpenMP; elsewhere it is a plain loop.)
void parallelFor(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t from, int64_t to)>& fn);

}  // namespace sememe
