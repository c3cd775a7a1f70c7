// Log lines of the program.
#include "core/base/log.h"

#include <cstdio>
#include <mutex>
#include <utility>

namespace sememe {
namespace {
std::mutex mutex;
LogLevel lowestLevel = LogLevel::Info;
std::function<void(LogLevel, std::string_view)> currentSink;
}  // namespace

void log(LogLevel level, std::string_view text) {
  const std::lock_guard lock(mutex);
  if (level < lowestLevel) return;
  if (currentSink) {
    currentSink(level, text);
    return;
  }
  const char* prefix = level == LogLevel::Warning ? "warning: " : level == LogLevel::Debug ? "debug: " : "";
  std::fprintf(stderr, "%s%.*s\n", prefix, static_cast<int>(text.size()), text.data());
}

void setLogLevel(LogLevel lowest) {
  const std::lock_guard lock(mutex);
  lowestLevel = lowest;
}

void setLogSink(std::function<void(LogLevel, std::string_view)> sink) {
  const std::lock_guard lock(mutex);
  currentSink = std::move(sink);
}

}  // namespace sememe
