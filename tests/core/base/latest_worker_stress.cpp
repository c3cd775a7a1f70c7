// Thousands of requests from several threads at once, cancelled and overtaken in every way, under the thread sanitizer: what is
// told last is about the newest request, generations rise, and nothing that was overtaken goes on for long. No Qt and no LibTorch:
// those are not built with the sanitizer.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/base/latest_worker.h"

using namespace sememe;

namespace {

constexpr int kThreads = 4, kRequests = 3000, kTokens = 64;

struct Wish {
  int thread = 0, number = 0;
  std::shared_ptr<const std::vector<int>> content;  // shared with whoever asked, as an image is
};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

// What a page would show: written by the worker's thread, read by others.
struct Shown {
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t generation = 0;  // of the newest whole answer
  int64_t sum = 0;
  bool final = false;
};

}  // namespace

int main() {
  Shown shown;
  uint64_t newest = 0;
  int64_t firsts = 0, answers = 0;  // the worker's alone
  {
    LatestWorker<Wish> worker([&](const Wish& wish, const Turn& turn) {
      require(turn.generation > newest, "generations rise");
      newest = turn.generation;
      PatientStop patience(turn);
      int64_t sum = 0;
      for (int token = 0; token < kTokens; ++token) {
        if (patience.token().stop_requested()) return;
        sum += (*wish.content)[size_t(token) % wish.content->size()];
        if (token == 0) {
          ++firsts;
          patience.release();
        }
        if (token % 8 == 0) std::this_thread::yield();
      }
      ++answers;
      const std::lock_guard lock(shown.mutex);
      require(turn.generation > shown.generation, "an answer is newer than the one before");
      shown.generation = turn.generation;
      shown.sum = sum;
      shown.final = wish.thread == kThreads;
      shown.changed.notify_all();
    });
    std::vector<std::thread> askers;
    for (int t = 0; t < kThreads; ++t) {
      askers.emplace_back([&worker, t] {
        for (int i = 0; i < kRequests; ++i) {
          worker.submit({t, i, std::make_shared<const std::vector<int>>(size_t(1 + i % 7), t + i)}, i % 5 == 0);
          if (i % 97 == 0) worker.cancel();
          if (i % 11 == 0) std::this_thread::yield();
          if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          if (i % 13 == 0) (void)worker.busy();
        }
      });
    }
    for (std::thread& asker : askers) asker.join();
    const uint64_t last = worker.submit({kThreads, 0, std::make_shared<const std::vector<int>>(1, 7)}, false);
    require(last == uint64_t(kThreads) * kRequests + 1, "every request has its number");
    std::unique_lock lock(shown.mutex);
    shown.changed.wait(lock, [&] { return shown.generation == last; });
    require(shown.final && shown.sum == 7 * kTokens, "the answer shown last is that of the last request");
  }
  for (int i = 0; i < 300; ++i) {  // ended in every state
    std::atomic<int> begun = 0;
    LatestWorker<int> worker([&](const int&, const Turn& turn) {
      ++begun;
      while (!turn.abandoned.stop_requested()) std::this_thread::yield();
    });
    for (int k = 0; k < i % 4; ++k) worker.submit(k, k % 2 == 0);
    while (i % 3 == 0 && i % 4 > 0 && begun == 0) std::this_thread::yield();
  }
  std::printf("%d requests: %lld first words, %lld answers\n", kThreads * kRequests + 1, static_cast<long long>(firsts), static_cast<long long>(answers));
  return 0;
}
