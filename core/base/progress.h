// Progress and cancellation of long work, as plain values that any thread may pass on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace sememe {

// A moment of a long piece of work.
struct Progress {
  std::string stage;        // what is being done, for people: "Extracting activations"
  int64_t done = 0;         // units finished, 0 … total
  int64_t total = 0;        // units in all; 0 when unknown
  double perSecond = 0;     // units a second, smoothed; 0 while unknown
  double secondsLeft = -1;  // estimate; -1 while unknown
};

// Called on the thread that does the work; must be quick and must not throw.
using ProgressFn = std::function<void(const Progress&)>;

// Throws Cancelled when a stop was asked for.
void throwIfStopped(const std::stop_token& stop);

// Counts the units of one stage and reports at most ten times a second, and once at the end.
class ProgressMeter {
 public:
  // `alreadyDone` units (a resumed run) count as done but not towards the rate.
  ProgressMeter(ProgressFn report, std::string stage, int64_t total, int64_t alreadyDone = 0);

  void advance(int64_t units = 1);
  void finish();  // reports the last state even when it would be too soon

 private:
  void send();

  using Clock = std::chrono::steady_clock;
  ProgressFn m_report;
  Progress m_now;
  int64_t m_before;
  Clock::time_point m_start;
  Clock::time_point m_sent;
};

// "1 h 05 min", "3 min 20 s", "12 s"; for time left and durations.
std::string formatSeconds(double seconds);

}  // namespace sememe
