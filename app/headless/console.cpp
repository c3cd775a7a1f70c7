// Progress on stderr and numbers as people read them.
#include "app/headless/console.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace sememe::cli {

namespace {

std::string describe(const Progress& p) {
  std::string text = p.stage;
  if (p.total > 0)
    text += "  " + grouped(p.done) + "/" + grouped(p.total);
  else if (p.done > 0)
    text += "  " + grouped(p.done);
  if (p.perSecond > 0) text += "  " + fixed(p.perSecond, p.perSecond < 10 ? 1 : 0) + "/s";
  if (p.secondsLeft >= 1 && p.done < p.total) text += "  " + formatSeconds(p.secondsLeft) + " left";
  return text;
}

}  // namespace

ProgressPrinter::ProgressPrinter(bool quiet) : m_quiet(quiet), m_terminal(isatty(STDERR_FILENO) != 0) {}

void ProgressPrinter::show(const Progress& progress) {
  if (m_quiet) return;
  const std::lock_guard lock(m_mutex);
  const auto now = std::chrono::steady_clock::now();
  const bool newStage = progress.stage != m_stage;
  const bool finished = progress.total > 0 && progress.done >= progress.total;
  if (!newStage && progress.done == m_lastDone && finished) return;
  if (m_terminal) {
    if (newStage && m_live) std::fputc('\n', stderr);
    std::fprintf(stderr, "\r%s\x1b[K", describe(progress).c_str());
    m_live = true;
  } else if (newStage || finished || now - m_printed >= std::chrono::seconds(5)) {
    std::fprintf(stderr, "%s\n", describe(progress).c_str());
    m_printed = now;
  }
  std::fflush(stderr);
  m_stage = progress.stage;
  m_lastDone = progress.done;
}

void ProgressPrinter::clear() {
  const std::lock_guard lock(m_mutex);
  if (m_live) std::fputs("\n", stderr);
  m_live = false;
}

void ProgressPrinter::note(std::string_view line) {
  clear();
  const std::lock_guard lock(m_mutex);
  std::fprintf(stderr, "%.*s\n", int(line.size()), line.data());
}

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = digits.starts_with('-') ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string fixed(double number, int digits) {
  if (std::isnan(number)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

std::string count(int64_t number, const char* one, const char* many) {
  return grouped(number) + " " + (number == 1 ? one : many);
}

}  // namespace sememe::cli
