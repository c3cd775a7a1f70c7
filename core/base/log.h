// Log lines of the program: to stderr, or to whoever asked for them.
#pragma once

#include <functional>
#include <string_view>

namespace sememe {

enum class LogLevel { Debug, Info, Warning };

// Writes one line; any thread. Nothing below the level set is written (Info at the start).
void log(LogLevel level, std::string_view text);

void setLogLevel(LogLevel lowest);

// Sends every line to `sink` instead of stderr; an empty function restores stderr. The sink may be called on any
// thread, one call at a time.
void setLogSink(std::function<void(LogLevel, std::string_view)> sink);

}  // namespace sememe
