// Times MS of a large SAE's latents and of dense neurons, beside the paper's metric.py where --peer and --paper are given:
//   bench_scores [--threads N] [--neurons F] [--images N] [--peer PYTHON --paper CHECKOUT]
//   bench_scores [--threads N] [--neurons F] [--images N] --cli SEMEME-CLI
// 1. 65,536 latents, 20 of them active on each of 50,000 images, embeddings of 512: from codes in memory and from a
//    workspace. The limit is reading, once, every embedding that a non-zero stands for.
// 2. 1,024 dense neurons on as many images; the limit is one matrix product of that size.
// 3. What metric.py finishes: 300 … images of 512 dense neurons, the same numbers and the ratio; it grows with images².
// With --cli nothing of that, but data that need not fit into memory: a workspace of latents, 20 active on each image, and
// embeddings of 512, which `sememe-cli score` indexes (the 16 strongest images) and scores; its time and its peak memory.
// For ImageNet's training images: --images 1280000 (about 4 GB on the disk).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/analysis/code_scores.h"
#include "core/analysis/monosemanticity.h"
#include "core/base/parallel.h"
#include "core/pipeline/score.h"
#include "core/store/workspace.h"
#include "core/weights/torch_file.h"
#include "tests/bench/timing.h"
#include "tests/support/synthetic_workspace.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;

SparseCodes randomCodes(int64_t rows, int64_t latents, int64_t active, std::mt19937_64& engine) {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<int32_t> own;
    while (int64_t(own.size()) < active) {
      // Some latents fire often, most rarely.
      const double u = double(engine() >> 11) / 9007199254740992.0;
      own.push_back(int32_t(u * u * double(latents)));
      std::sort(own.begin(), own.end());
      own.erase(std::unique(own.begin(), own.end()), own.end());
    }
    for (const int32_t column : own) {
      columns.push_back(column);
      values.push_back(0.1F + float(engine() % 1000) / 500.0F);
    }
    offsets.push_back(int64_t(columns.size()));
  }
  return {at::tensor(offsets, at::kLong), at::tensor(columns, at::kInt), at::tensor(values, at::kFloat)};
}

// Of all threads; says more than the clock on a machine that has other things to do.
double cpuSeconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

// Reads the embedding of every non-zero, latent by latent, and nothing else.
double readingLimit(const SparseCodes& codes, const at::Tensor& embeddings) {
  const auto* columns = codes.columns.const_data_ptr<int32_t>();
  const int64_t n = codes.nonZeros(), d = embeddings.size(1), images = embeddings.size(0);
  const float* data = embeddings.const_data_ptr<float>();
  std::atomic<double> total = 0;
  const double took = seconds([&] {
    parallelFor(0, n, 4096, [&](int64_t begin, int64_t end) {
      float sum[16] = {};
      for (int64_t i = begin; i < end; ++i) {
        const float* row = data + (int64_t(columns[i]) * 2654435761 + i) % images * d;
        for (int64_t j = 0; j + 16 <= d; j += 16) {
          for (int lane = 0; lane < 16; ++lane) sum[lane] += row[j + lane];
        }
      }
      total += double(sum[0] + sum[7]);
    });
  });
  return total == 1e300 ? 0 : took;
}

void comparePaper(const std::string& python, const std::string& paper, const fs::path& under) {
  for (const int64_t n : {300, 600, 1200}) {
    constexpr int64_t f = 512, d = 128;
    const at::Tensor x = at::rand({n, f}) * (at::rand({n, f}) < 0.2), e = at::randn({n, d});
    const fs::path folder = under / std::to_string(n);
    writeTorchTensor(folder / "a_part1.pt", x);
    const fs::path embeddings = under / ("embeddings" + std::to_string(n) + ".pt");  // metric.py takes every .pt of its folder for a part
    writeTorchTensor(embeddings, e);
    std::vector<double> ours;
    const double took = seconds([&] {
      ours = monosemanticity([&](int64_t begin, int64_t count) { return x.narrow(0, begin, count); }, f, MsEmbeddings(e));
    });
    // Its own main, timed inside so that starting Python does not count.
    const std::string code = "import sys,time,torch;sys.path.insert(0,'" + paper +
                             "');torch.set_num_threads(" + std::to_string(at::get_num_threads()) +
                             ");torch.Tensor.cuda=lambda s,*a,**k:s;import metric,types;a=types.SimpleNamespace(embeddings_path='" +
                             embeddings.string() + "',activations_dir='" + folder.string() +
                             "',output_subdir='ms',device='cpu');t=time.perf_counter();metric.main(a);print('SECONDS',time.perf_counter()-t)";
    const std::string command = "'" + python + "' -c \"" + code + "\" 2>/dev/null | grep SECONDS";
    FILE* pipe = ::popen(command.c_str(), "r");
    double theirs = 0;
    if (!pipe || std::fscanf(pipe, "SECONDS %lf", &theirs) != 1) std::fprintf(stderr, "the peer gave no figure: %s\n", command.c_str());
    if (pipe) ::pclose(pipe);
    if (theirs == 0) return;
    const at::Tensor scores = readTorchTensor(folder / "ms/all_neurons_scores.pth").to(at::kDouble);
    double worst = 0;
    for (int64_t i = 0; i < f; ++i) worst = std::max(worst, std::abs(scores[i].item<double>() - ours[size_t(i)]));
    std::printf("metric.py, %5lld images x %lld neurons: %8.2f s, ours %7.4f s, ratio %7.0f, largest difference %.1e\n", (long long)n, (long long)f,
                theirs, took, theirs / took, worst);
    std::fflush(stdout);
  }
}

void measure(const fs::path& folder, int64_t neurons, int64_t images) {
  const at::Tensor e = at::randn({images, 512});
  std::mt19937_64 engine(1);
  const SparseCodes codes = randomCodes(images, neurons, 20, engine);
  const MsEmbeddings ready(e);
  double best = 1e9, limit = 1e9;
  for (int i = 0; i < 3; ++i) {
    best = std::min(best, seconds([&] { monosemanticityOfCodes(codes, neurons, ready); }));
    limit = std::min(limit, readingLimit(codes, e));
  }
  std::printf("latents, from codes in memory: %.3f s; reading their embeddings once %.3f s; ratio %.2f\n", best, limit, best / limit);
  std::fflush(stdout);

  const fs::path workspace = folder / "w.sememe";
  const SyntheticWorkspace made = makeSyntheticWorkspace(workspace, neurons, images, 1);
  ScoreParams p;
  p.activations = workspace.string() + "#" + std::to_string(made.run);
  p.embeddings = workspace.string() + "#" + std::to_string(made.embeddings[0]);
  p.out = folder / "scores";
  const double fromFile = seconds([&] { score(p); });
  std::printf("latents (32 an image), from a workspace into files: %.3f s\n", fromFile);
  std::fflush(stdout);

  constexpr int64_t dense = 1024;
  const at::Tensor x = at::rand({images, dense});
  const auto multiply = [&] { at::mm(x.t(), e); };
  const auto scoreDense = [&] { monosemanticity([&](int64_t begin, int64_t count) { return x.narrow(0, begin, count); }, dense, ready); };
  double product = 1e9, scored = 1e9, productCpu = 1e9, scoredCpu = 1e9;
  for (int i = 0; i < 5; ++i) {
    product = std::min(product, seconds(multiply));
    scored = std::min(scored, seconds(scoreDense));
    productCpu = std::min(productCpu, cpuSeconds(multiply));
    scoredCpu = std::min(scoredCpu, cpuSeconds(scoreDense));
  }
  std::printf("%lld dense neurons: %.3f s; one matrix product %.3f s; ratio %.2f (of processor time %.3f, %.3f, %.2f)\n", (long long)dense, scored,
              product, scored / product, scoredCpu, productCpu, scoredCpu / productCpu);
  std::fflush(stdout);
}

// Latents (run 1) and embeddings (run 2) of one data set.
void makeLargeWorkspace(const fs::path& path, int64_t neurons, int64_t images) {
  constexpr int64_t kDim = 512, kBlock = 65'536;
  Workspace workspace = Workspace::open(path, OpenMode::Create);
  std::vector<ImageRecord> records(static_cast<size_t>(images));
  for (int64_t i = 0; i < images; ++i) records[size_t(i)].path = std::to_string(i) + ".jpg";
  RunInfo latents{.key = "latents", .name = "Latents", .kind = RunKind::Latents};
  latents.dataset = workspace.datasets().ensure({.name = "Large", .root = "large", .fingerprint = "large"}, {}, records);
  latents.rows = images;
  latents.dim = neurons;
  RunInfo embeddings = latents;
  embeddings.key = "embeddings";
  embeddings.kind = RunKind::Embeddings;
  embeddings.rowType = RowType::F32;
  embeddings.dim = kDim;
  const int64_t first = workspace.runs().ensure(latents).id, second = workspace.runs().ensure(embeddings).id;
  std::mt19937_64 engine(1);
  for (int64_t row = 0; row < images; row += kBlock) {
    const int64_t count = std::min(kBlock, images - row);
    const SparseCodes codes = randomCodes(count, neurons, 20, engine);
    SparseRows rows;
    const auto* offsets = codes.offsets.const_data_ptr<int64_t>();
    const auto* columns = codes.columns.const_data_ptr<int32_t>();
    const auto* values = codes.values.const_data_ptr<float>();
    rows.offsets.assign(offsets, offsets + count + 1);
    rows.neurons.assign(columns, columns + codes.nonZeros());
    rows.values.assign(values, values + codes.nonZeros());
    workspace.activations().appendSparse(first, row, rows);
    const at::Tensor e = at::randn({count, kDim});
    workspace.activations().appendRows(second, row, count, {e.const_data_ptr<float>(), size_t(e.numel())});
  }
  workspace.runs().setComplete(first);
  workspace.runs().setComplete(second);
}

// Runs `work` in a process of its own, so that what it needs counts for itself alone. Gives back its peak in MB.
double peakOf(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench_scores: %s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child || status != 0) throw std::runtime_error("a step failed");
  return double(usage.ru_maxrss) / 1024;
}

void scoreWithCli(const std::string& cli, const fs::path& folder, int64_t neurons, int64_t images) {
  const fs::path workspace = folder / "large.sememe";
  const double made = seconds([&] { peakOf([&] { makeLargeWorkspace(workspace, neurons, images); }); });
  std::printf("the workspace: %.1f GB, made in %.0f s\n", double(fs::file_size(workspace)) / 1e9, made);
  std::fflush(stdout);
  double peak = 0;
  const double took = seconds([&] {
    peak = peakOf([&] {
      const std::string activations = workspace.string() + "#1", embeddings = workspace.string() + "#2";
      const std::string threads = std::to_string(at::get_num_threads());
      ::execl(cli.c_str(), cli.c_str(), "score", "--activations", activations.c_str(), "--embeddings", embeddings.c_str(), "--threads",
              threads.c_str(), static_cast<char*>(nullptr));
      throw std::runtime_error("cannot run " + cli);
    });
  });
  Workspace scored = Workspace::open(workspace, OpenMode::ReadOnly);
  const NeuronDetail detail = scored.neurons().detail(1, 0);
  std::printf("sememe-cli score: %.1f s, peak %.0f MB; neuron 0 has %zu strongest images and MS %.6f\n", took, peak, detail.top.size(),
              detail.scores.empty() ? std::nan("") : detail.scores.front().ms);
}

}  // namespace

int main(int argc, char** argv) {
  int64_t neurons = 65'536, images = 50'000;
  std::string python, paper, cli;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--threads") at::set_num_threads(std::atoi(argv[i + 1]));
    if (name == "--neurons") neurons = std::atoll(argv[i + 1]);
    if (name == "--images") images = std::atoll(argv[i + 1]);
    if (name == "--peer") python = argv[i + 1];
    if (name == "--paper") paper = argv[i + 1];
    if (name == "--cli") cli = argv[i + 1];
  }
  const fs::path folder = fs::temp_directory_path() / ("bench_scores." + std::to_string(::getpid()));
  int status = 0;
  try {
    fs::create_directories(folder);
    std::printf("%d threads, %lld images, %lld latents\n", at::get_num_threads(), (long long)images, (long long)neurons);
    std::fflush(stdout);
    if (!cli.empty()) {
      scoreWithCli(cli, folder, neurons, images);
    } else {
      measure(folder, neurons, images);
      if (!python.empty()) comparePaper(python, paper, folder);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_scores: %s\n", error.what());
    status = 1;
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return status;
}
