// Progress on stderr and numbers as people read them.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/progress.h"

namespace sememe::cli {

// Shows progress: one live line on a terminal, elsewhere a plain line at the start and end of each stage and every five
// seconds between. Any thread.
class ProgressPrinter {
 public:
  explicit ProgressPrinter(bool quiet);
  ~ProgressPrinter() { clear(); }

  void show(const Progress& progress);
  void clear();                      // takes the live line away, for other text
  void note(std::string_view line);  // a line of its own, even when quiet

 private:
  std::mutex m_mutex;
  bool m_quiet;
  bool m_terminal;
  bool m_live = false;  // a live line stands there
  std::string m_stage;
  int64_t m_lastDone = -1;
  std::chrono::steady_clock::time_point m_printed;
};

std::string grouped(int64_t number);              // "1,234,567"
std::string fixed(double number, int digits);     // "0.445"; "–" for NaN
std::string count(int64_t number, const char* one, const char* many);  // "1 image", "2,000 images"

}  // namespace sememe::cli
