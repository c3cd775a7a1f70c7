// Times the store on a workspace of 100,000 neurons and 50,000 images, beside the least that the same work
// can cost: bench_store [NEURONS [IMAGES]]. The workspace is made in a temporary folder.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/store/workspace.h"
#include "tests/bench/timing.h"
#include "tests/support/synthetic_workspace.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;

// The quickest of `times`: what the work costs when nothing else disturbs it.
double best(int times, const std::function<void()>& work) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < times; ++i) least = std::min(least, seconds(work));
  return least;
}

void line(const std::string& what, double took, double limit, const std::string& limitIs) {
  std::printf("%-46s %10.3f ms   limit %9.3f ms   ratio %7.1f   (%s)\n", what.c_str(), took * 1e3,
              limit * 1e3, took / limit, limitIs.c_str());
  std::fflush(stdout);
}

double readWholeFile(const fs::path& path) {
  std::vector<char> buffer(1 << 20);
  return best(2, [&] {
    std::ifstream file(path, std::ios::binary);
    while (file.read(buffer.data(), std::streamsize(buffer.size()))) {
    }
  });
}

int64_t walk(const Neurons& neurons, const NeuronQuery& query, int pageRows, double* slowestPage) {
  std::optional<NeuronRow> after;
  int64_t seen = 0;
  for (;;) {
    std::vector<NeuronRow> page;
    const double took = seconds([&] { page = neurons.page(query, after, pageRows); });
    if (slowestPage) *slowestPage = std::max(*slowestPage, took);
    seen += int64_t(page.size());
    if (int(page.size()) < pageRows) return seen;
    after = page.back();
  }
}

void benchPages(const Workspace& workspace, const SyntheticWorkspace& made) {
  constexpr int kPage = 200;
  NeuronQuery query{.run = made.run, .embeddings = made.embeddings[0]};
  std::vector<NeuronRow> all = workspace.neurons().page(query, std::nullopt, std::numeric_limits<int>::max());
  std::vector<double> memory(all.size() * 6);
  volatile int64_t sink = 0;  // keeps what is compared with from being optimised away
  const double copy = best(5, [&] {
    std::vector<double> other(memory);
    sink = sink + int64_t(other.back());
  });
  const double firstPage = best(20, [&] { workspace.neurons().page(query, std::nullopt, kPage); });
  const double one = copy * kPage / double(std::max<size_t>(1, all.size()));
  line("first page of 200, by ms", firstPage, one, "a copy of these rows in memory");

  const std::pair<const char*, NeuronQuery::Sort> sorts[] = {{"id", NeuronQuery::Sort::Id},
                                                             {"ms", NeuronQuery::Sort::Ms},
                                                             {"firing rate", NeuronQuery::Sort::FiringRate},
                                                             {"max", NeuronQuery::Sort::Max},
                                                             {"mean", NeuronQuery::Sort::Mean},
                                                             {"label", NeuronQuery::Sort::Label}};
  for (const auto& [name, sort] : sorts) {
    query.sort = sort;
    for (const bool descending : {true, false}) {
      query.descending = descending;
      double slowest = 0;
      int64_t seen = 0;
      const double took = seconds([&] { seen = walk(workspace.neurons(), query, kPage, &slowest); });
      const double sorting = best(2, [&] {
        std::vector<NeuronRow> rows(all);
        std::sort(rows.begin(), rows.end(), [&](const NeuronRow& a, const NeuronRow& b) {
          return std::pair(std::isnan(a.ms) ? 2.0 : -a.ms, a.neuron) <
                 std::pair(std::isnan(b.ms) ? 2.0 : -b.ms, b.neuron);
        });
      });
      char what[120];
      std::snprintf(what, sizeof what, "walk %lld by %s %s (slowest page %.2f)", static_cast<long long>(seen),
                    name, descending ? "down" : "up", slowest * 1e3);
      line(what, took, sorting, "std::sort of the same rows in memory");
    }
  }

  struct Filter {
    const char* name;
    NeuronQuery query;
  };
  NeuronQuery base{.run = made.run, .embeddings = made.embeddings[0]};
  std::vector<Filter> filters(6, {"", base});
  filters[0].name = "ms 0.9 to 1, by id";
  filters[0].query.msMin = 0.9;
  filters[0].query.sort = NeuronQuery::Sort::Id;
  filters[1].name = "ms 0 to 0.5, by max";
  filters[1].query.msMin = 0;
  filters[1].query.msMax = 0.5;
  filters[1].query.sort = NeuronQuery::Sort::Max;
  filters[2].name = "rate at most 0.0001, by mean";
  filters[2].query.rateMax = 0.0001;
  filters[2].query.sort = NeuronQuery::Sort::Mean;
  filters[3].name = "text \"star\", by ms";
  filters[3].query.text = "star";
  filters[4].name = "text \"1\", by ms";
  filters[4].query.text = "1";
  filters[5].name = "ms over 0.3 and rate over 0.0005, by ms";
  filters[5].query.msMin = 0.3;
  filters[5].query.rateMin = 0.0005;
  const double scan = best(3, [&] {
    int64_t found = 0;
    for (const NeuronRow& row : all) found += row.ms > 0.3 && row.firingRate > 0.0005;
    sink = sink + found;
  });
  for (const Filter& filter : filters) {
    int64_t count = 0;
    const double counting = best(5, [&] { count = workspace.neurons().count(filter.query); });
    const double page = best(5, [&] { workspace.neurons().page(filter.query, std::nullopt, kPage); });
    line(std::string("page, ") + filter.name, page, scan, "a scan of the rows in memory");
    line("  count: " + std::to_string(count), counting, scan, "a scan of the rows in memory");
  }
}

void benchDetails(const Workspace& workspace, const SyntheticWorkspace& made, int64_t neurons,
                  int64_t images) {
  constexpr int kLooks = 1000;
  std::mt19937_64 random(1);
  std::vector<int64_t> ids(kLooks);
  for (int64_t& id : ids) id = int64_t(random() % uint64_t(neurons));

  int64_t bytes = 0;
  const double details = seconds([&] {
    for (const int64_t id : ids) bytes += int64_t(workspace.neurons().detail(made.run, id).top.size());
  });
  double thumbnails = 0;
  int64_t thumbnailBytes = 0;
  for (const int64_t id : ids) {
    std::vector<int64_t> top;
    for (const TopImage& image : workspace.neurons().detail(made.run, id).top) top.push_back(image.image);
    thumbnails += seconds([&] {
      for (const Thumbnail& t : workspace.datasets().thumbnails(made.dataset, top)) {
        thumbnailBytes += int64_t(t.jpeg.size());
      }
    });
  }
  // The least for scattered reads: as many positioned reads of one page from the file in the page cache.
  const double reads = best(2, [&] {
    std::ifstream file(workspace.path(), std::ios::binary);
    std::vector<char> page(16384);
    const int64_t pages = int64_t(fs::file_size(workspace.path()) / page.size());
    for (int i = 0; i < kLooks; ++i) {
      file.seekg(int64_t(random() % uint64_t(pages)) * int64_t(page.size()));
      file.read(page.data(), std::streamsize(page.size()));
    }
  });
  line("detail of a scattered neuron", details / kLooks, 3 * reads / kLooks, "3 reads of a page");
  line("16 thumbnails of a scattered neuron", thumbnails / kLooks, 16 * reads / kLooks, "16 reads of a page");
  const double column = seconds([&] {
    for (const int64_t id : ids) workspace.activations().readColumn(made.run, id);
  });
  line("images that a scattered neuron fires on", column / kLooks, reads / kLooks, "1 read of a page");
  const double row = seconds([&] {
    for (const int64_t id : ids) workspace.activations().readSparse(made.run, id % images, 1);
  });
  line("neurons that fire on a scattered image", row / kLooks, reads / kLooks, "1 read of a page");
}

void benchRows(const fs::path& folder) {
  constexpr int64_t kRows = 32'768, kDim = 1024;
  const fs::path path = folder / "rows.sememe";
  Workspace workspace = Workspace::open(path, OpenMode::Create);
  const int64_t block = Activations::blockRows(kDim, RowType::F16);
  std::vector<float> values(size_t(block * kDim));
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i % 1000) / 100;
  RunInfo info{.key = "rows", .name = "rows"};
  info.rows = kRows;
  info.dim = kDim;
  const int64_t run = workspace.runs().ensure(info).id;
  const double writing = seconds([&] {
    for (int64_t row = 0; row < kRows; row += block)
      workspace.activations().appendRows(run, row, block, values);
  });
  const double plainWrite = seconds([&] {
    std::ofstream file(folder / "rows.bin", std::ios::binary);
    for (int64_t row = 0; row < kRows; row += block) {
      file.write(reinterpret_cast<const char*>(values.data()), block * kDim * 2);
    }
  });
  line("write 64 MiB of f16 rows in blocks", writing, plainWrite, "a plain file of the same bytes");
  std::vector<float> out(size_t(256 * kDim));
  const double reading = seconds([&] {
    for (int64_t row = 0; row < kRows; row += 256) workspace.activations().readRows(run, row, 256, out);
  });
  line("read them, 256 rows at a time, as float32", reading, readWholeFile(folder / "rows.bin"),
       "a plain read of the same bytes");
}

int bench(int64_t neurons, int64_t images) {
  const fs::path folder =
      fs::temp_directory_path() / ("bench_store_" + std::to_string(std::random_device()()));
  fs::create_directories(folder);
  const fs::path path = folder / "synthetic.sememe";
  SyntheticWorkspace made;
  const double making = seconds([&] { made = makeSyntheticWorkspace(path, neurons, images, 7); });
  std::printf("%lld neurons, %lld images: made in %.1f s, %.0f MiB\n", static_cast<long long>(neurons),
              static_cast<long long>(images), making, double(fs::file_size(path)) / (1 << 20));

  std::vector<char> header(16384);
  const double headerRead = best(20, [&] {
    std::ifstream file(path, std::ios::binary);
    file.read(header.data(), std::streamsize(header.size()));
  });
  line("open", best(20, [&] { Workspace::open(path, OpenMode::ReadWrite); }), headerRead,
       "open a file, read a page");
  line("open, list runs, first page",
       best(20,
            [&] {
              const Workspace workspace = Workspace::open(path, OpenMode::ReadWrite);
              workspace.runs().explorable();
              workspace.neurons().page({.run = made.run, .embeddings = made.embeddings[0]}, std::nullopt,
                                       200);
            }),
       headerRead, "open a file, read a page");
  const Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
  benchPages(workspace, made);
  benchDetails(workspace, made, neurons, images);
  benchRows(folder);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return bench(argc > 1 ? std::atoll(argv[1]) : 100'000, argc > 2 ? std::atoll(argv[2]) : 50'000);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
