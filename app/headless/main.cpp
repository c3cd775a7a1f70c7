// sememe-cli: everything the window does, without one. Parses, runs one command, turns outcomes into exit statuses.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <thread>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/pipeline/compute.h"

namespace {

using namespace sememe;

enum ExitStatus { kDone = 0, kFailed = 1, kUsage = 2, kCancelled = 130 };

// Turns the first SIGINT or SIGTERM into a stop request and the second into an end at once. Made before any other
// thread, because they inherit the blocked signals from it.
class SignalWatch {
 public:
  SignalWatch() {
    sigemptyset(&m_signals);
    sigaddset(&m_signals, SIGINT);
    sigaddset(&m_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &m_signals, nullptr);
    m_thread = std::jthread([this](const std::stop_token& ended) {
      const timespec wait{0, 100'000'000};
      while (!ended.stop_requested()) {
        if (sigtimedwait(&m_signals, nullptr, &wait) < 0) continue;
        if (m_work.stop_requested()) _exit(kCancelled);
        m_work.request_stop();
      }
    });
  }
  std::stop_token token() const { return m_work.get_token(); }

 private:
  sigset_t m_signals;
  std::stop_source m_work;
  std::jthread m_thread;
};

// One line, whatever the text holds.
int fail(int status, std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  std::fprintf(stderr, "error: %s\n", text.c_str());
  return status;
}

int run(cli::CommandLine& line, const cli::Command& command) {
  SignalWatch signals;
  cli::ProgressPrinter printer(line.common().quiet);
  setLogSink([&printer](LogLevel level, std::string_view text) {
    printer.note((level == LogLevel::Warning ? "warning: " : "") + std::string(text));
  });
  struct RestoreLog {
    ~RestoreLog() { setLogSink({}); }
  } restoreLog;

  try {
    setComputeThreads(line.common().threads);
    const cli::Outcome outcome =
        command.run({line.common(), signals.token(), [&printer](const Progress& p) { printer.show(p); }});
    printer.clear();
    const std::string text = line.common().json
                                 ? outcome.json.dump(2, ' ', false, cli::Json::error_handler_t::replace) + "\n"
                                 : outcome.text;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      return fail(kFailed, "cannot write to stdout");
    return kDone;
  } catch (const Cancelled&) {
    printer.note("cancelled: what is done is kept, the same command goes on");
    return kCancelled;
  } catch (const cli::UsageError& e) {
    printer.clear();
    return fail(kUsage, e.what());
  } catch (const std::bad_alloc&) {
    printer.clear();
    return fail(kFailed, "out of memory (a smaller --batch needs less)");
  } catch (const std::exception& e) {
    printer.clear();
    return fail(kFailed, e.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  cli::CommandLine line;
  cli::addDemo(line);
  cli::addInspect(line);
  cli::addExtract(line);
  cli::addEmbed(line);
  cli::addTrain(line);
  cli::addEncode(line);
  cli::addExport(line);
  cli::addIndex(line);
  cli::addScore(line);
  cli::addUniqueness(line);
  cli::addHierarchy(line);
  cli::addScores(line);
  cli::addSweep(line);
  cli::addBenchmark(line);
  cli::addBaseline(line);
  cli::addSteer(line);
  cli::addSteeringScore(line);
  try {
    return run(line, line.parse(argc, argv));
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return line.app().exit(e);  // --help, --version
    return fail(kUsage, e.what());
  } catch (const cli::UsageError& e) {
    return fail(kUsage, e.what());
  } catch (const std::exception& e) {
    return fail(kFailed, e.what());
  }
}
