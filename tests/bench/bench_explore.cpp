// Times the Explore page on a workspace of 100,000 neurons, offscreen: bench_explore [NEURONS [IMAGES]].
// It tells how long a selected neuron takes to stand painted, cold and warm, and how long the GUI thread is ever
// silent: a heartbeat in the event loop measures the gaps while rows stream in, are sorted, filtered and scrolled.
// "cpu" is the GUI thread's own time in it, which is what stays of a gap when no other program wants the processor.
#include <QApplication>
#include <QElapsedTimer>
#include <QHeaderView>
#include <QScrollBar>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <vector>

#include "core/base/error.h"
#include "tests/support/synthetic_workspace.h"
#include "ui/explore/explore_page.h"

namespace {

using namespace sememe;

double milliseconds(qint64 nanoseconds) { return double(nanoseconds) / 1e6; }

double guiCpu() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

// Beats every millisecond; the longest gap between two beats is the longest time in which nothing could be painted.
class Heartbeat {
 public:
  Heartbeat() {
    m_timer.setTimerType(Qt::PreciseTimer);
    m_timer.setInterval(1);
    QObject::connect(&m_timer, &QTimer::timeout, [this] {
      m_longest = std::max(m_longest, m_clock.nsecsElapsed());
      m_longestCpu = std::max(m_longestCpu, guiCpu() - m_cpu);
      m_clock.restart();
      m_cpu = guiCpu();
    });
    m_clock.start();
    m_timer.start();
  }
  void reset() {
    m_clock.restart();
    m_cpu = guiCpu();
    m_longest = 0;
    m_longestCpu = 0;
  }
  double longest() const { return milliseconds(std::max(m_longest, m_clock.nsecsElapsed())); }
  double longestCpu() const { return std::max(m_longestCpu, guiCpu() - m_cpu); }

 private:
  QTimer m_timer;
  QElapsedTimer m_clock;
  qint64 m_longest = 0;
  double m_cpu = 0, m_longestCpu = 0;
};

// Runs the event loop until `ready` says so; false after a minute.
bool waitFor(const std::function<bool()>& ready) {
  QElapsedTimer clock;
  clock.start();
  while (!ready()) {
    QApplication::processEvents(QEventLoop::AllEvents | QEventLoop::WaitForMoreEvents, 5);
    if (clock.elapsed() > 60'000) return false;
  }
  return true;
}

void print(const char* what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) { return values[size_t(q * double(values.size() - 1))]; };
  std::printf("%-52s median %8.2f ms   95 %% %8.2f   longest %8.2f\n", what, at(0.5), at(0.95), values.back());
  std::fflush(stdout);
}

// From the moment a row is chosen until its grid stands painted with all thumbnails.
double timeToPainted(ExplorePage& page, int row, double* cpu = nullptr) {
  const int64_t neuron = page.list().model().loadedRow(row)->neuron;
  bool painted = false;
  const auto connection = QObject::connect(&page.grid(), &ImageGrid::painted, [&](qint64 n) { painted |= n == neuron; });
  QElapsedTimer clock;
  const double before = guiCpu();
  clock.start();
  page.list().select(neuron);
  waitFor([&] { return painted; });
  QObject::disconnect(connection);
  if (cpu) *cpu = guiCpu() - before;
  return milliseconds(clock.nsecsElapsed());
}

void benchSelecting(ExplorePage& page) {
  std::mt19937_64 random(5);
  const int rows = page.list().model().loadedRows();
  std::vector<double> cold, warm, warmCpu;
  for (int i = 0; i < 60; ++i) cold.push_back(timeToPainted(page, int(random() % uint64_t(rows))));
  print("selected → painted, cold (scattered neurons)", cold);
  // As one walks with J: the next one has been read ahead.
  int row = rows / 2;
  timeToPainted(page, row);
  for (int i = 0; i < 60; ++i) {
    ++row;
    const int64_t next = page.list().model().loadedRow(row)->neuron;
    waitFor([&] { return page.loader().isWarm(next); });
    double cpu = 0;
    warm.push_back(timeToPainted(page, row, &cpu));
    warmCpu.push_back(cpu);
  }
  print("selected → painted, warm (walking with J)", warm);
  print("  the GUI thread's cpu in it", warmCpu);
  std::vector<double> held;
  for (int i = 0; i < 60; ++i) held.push_back(timeToPainted(page, ++row));
  print("selected → painted, J held down (no pause)", held);
}

void benchTable(ExplorePage& page, Heartbeat& heart) {
  const auto whole = [&](const char* what, const std::function<void()>& change) {
    NeuronTableModel& model = page.list().model();
    QElapsedTimer clock;
    double first = -1;
    const auto connection = QObject::connect(&model, &NeuronTableModel::firstPage, [&] {
      if (first < 0) first = milliseconds(clock.nsecsElapsed());
    });
    waitFor([&] { return !model.loading(); });
    heart.reset();
    clock.start();
    change();
    waitFor([&] { return first >= 0 && !model.loading(); });
    const double all = milliseconds(clock.nsecsElapsed());
    QObject::disconnect(connection);
    std::printf("%-52s first page %6.1f ms   all %7d rows %7.1f ms   longest silence %6.1f ms (cpu %5.1f)\n", what, first,
                model.loadedRows(), all, heart.longest(), heart.longestCpu());
    std::fflush(stdout);
  };
  QHeaderView* header = page.list().table().horizontalHeader();
  const char* names[] = {"sort by number", "sort by MS", "sort by firing rate", "sort by max", "sort by label"};
  for (int column = 0; column < NeuronTableModel::ColumnCount; ++column)
    whole(names[column], [&] { Q_EMIT header->sectionClicked(column); });
  auto* ms = page.list().findChildren<RangeFilter*>().first();
  whole("filter MS at least 0.3", [&] { ms->setLimits(0.3, std::nullopt); });
  whole("clear the filter", [&] { page.list().clearFilter(); });

  heart.reset();
  std::vector<double> steps;
  QScrollBar* bar = page.list().table().verticalScrollBar();
  for (int i = 0; i <= 200; ++i) {
    QElapsedTimer clock;
    clock.start();
    bar->setValue(int(double(bar->maximum()) * i / 200));
    page.list().table().viewport()->repaint();
    steps.push_back(milliseconds(clock.nsecsElapsed()));
    QApplication::processEvents();
  }
  print("scroll from top to bottom in 200 steps, each", steps);
  std::printf("%-52s longest silence %6.1f ms (cpu %5.1f)\n", "  meanwhile", heart.longest(), heart.longestCpu());
}

int bench(int64_t neurons, int64_t images) {
  QTemporaryDir folder;
  const std::filesystem::path path = std::filesystem::path(folder.path().toStdString()) / "bench.sememe";
  makeSyntheticWorkspace(path, neurons, images, 7);
  std::printf("%lld neurons, %lld images\n", static_cast<long long>(neurons), static_cast<long long>(images));

  Theme theme;
  JobRunner runner;
  ExplorePage page(theme, runner, [](const std::filesystem::path& file) -> QImage {
    throw Error(ErrorCode::NotFound, "the synthetic images are not on disk", file.string());
  });
  page.resize(1440, 860);
  page.show();
  QApplication::processEvents();

  Heartbeat heart;
  QElapsedTimer clock;
  clock.start();
  const WorkspaceSummary summary = openSummary(path);
  std::printf("%-52s %8.1f ms (on a worker thread in the program)\n", "open and list the runs", milliseconds(clock.nsecsElapsed()));
  heart.reset();
  clock.start();
  page.setWorkspace(summary);
  waitFor([&] { return page.isFilled(); });
  const double filled = milliseconds(clock.nsecsElapsed());
  waitFor([&] { return !page.list().model().loading(); });
  std::printf("%-52s filled %8.1f ms   all rows %8.1f ms   longest silence %6.1f ms (cpu %5.1f)\n", "show the page", filled,
              milliseconds(clock.nsecsElapsed()), heart.longest(), heart.longestCpu());
  benchTable(page, heart);
  heart.reset();
  benchSelecting(page);
  std::printf("%-52s longest silence %6.1f ms (cpu %5.1f)\n", "  meanwhile", heart.longest(), heart.longestCpu());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  try {
    return bench(argc > 1 ? std::atoll(argv[1]) : 100'000, argc > 2 ? std::atoll(argv[2]) : 5'000);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
