// Settings of the computing itself, for programs that see no LibTorch.
#pragma once

namespace sememe {

// Threads that one tensor operation may use; 0 leaves LibTorch's own choice. Call it before the first work.
void setComputeThreads(int threads);

}  // namespace sememe
