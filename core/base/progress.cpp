// Progress and cancellation of long work.
#include "core/base/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/base/error.h"

namespace sememe {

void throwIfStopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Cancelled();
}

ProgressMeter::ProgressMeter(ProgressFn report, std::string stage, int64_t total, int64_t alreadyDone)
    : m_report(std::move(report)), m_before(alreadyDone), m_start(Clock::now()), m_sent(m_start) {
  m_now.stage = std::move(stage);
  m_now.total = total;
  m_now.done = alreadyDone;
  if (m_report) m_report(m_now);
}

void ProgressMeter::advance(int64_t units) {
  m_now.done += units;
  if (Clock::now() - m_sent >= std::chrono::milliseconds(100)) send();
}

void ProgressMeter::finish() { send(); }

void ProgressMeter::send() {
  m_sent = Clock::now();
  const double elapsed = std::chrono::duration<double>(m_sent - m_start).count();
  if (elapsed > 0.2) m_now.perSecond = double(m_now.done - m_before) / elapsed;
  if (m_now.perSecond > 0 && m_now.total > 0)
    m_now.secondsLeft = double(std::max<int64_t>(0, m_now.total - m_now.done)) / m_now.perSecond;
  if (m_report) m_report(m_now);
}

std::string formatSeconds(double seconds) {
  const auto s = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  char text[48];
  if (s >= 3600)
    std::snprintf(text, sizeof text, "%lld h %02lld min", s / 3600, s / 60 % 60);
  else if (s >= 60)
    std::snprintf(text, sizeof text, "%lld min %02lld s", s / 60, s % 60);
  else
    std::snprintf(text, sizeof text, "%lld s", s);
  return text;
}

}  // namespace sememe
