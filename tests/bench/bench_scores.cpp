// Times MS of a large SAE's latents and of dense neurons, beside the paper's metric.py where --peer and --paper are given:
//   bench_scores [--threads N] [--neurons F] [--images N] [--peer PYTHON --paper CHECKOUT]
// 1. 65,536 latents, 20 of them active on each of 50,000 images, embeddings of 512: from codes in memory and from a
//    workspace. The limit is reading, once, every embedding that a non-zero stands for.
// 2. 1,024 dense neurons on as many images; the limit is one matrix product of that size.
// 3. What metric.py finishes: 300 … images of 512 dense neurons, the same numbers and the ratio; it grows with images².
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/analysis/code_scores.h"
#include "core/analysis/monosemanticity.h"
#include "core/pipeline/score.h"
#include "core/weights/torch_file.h"
#include "tests/bench/timing.h"
#include "tests/support/synthetic_workspace.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;

SparseCodes randomCodes(int64_t rows, int64_t latents, int64_t active) {
  std::mt19937_64 engine(1);
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

// Reads the embedding of every non-zero, latent by latent, and nothing else.
double readingLimit(const SparseCodes& codes, const at::Tensor& embeddings) {
  const auto* columns = codes.columns.const_data_ptr<int32_t>();
  const int64_t n = codes.nonZeros(), d = embeddings.size(1), images = embeddings.size(0);
  const float* data = embeddings.const_data_ptr<float>();
  std::vector<double> sums(size_t(at::get_num_threads()) * 16);
  const double took = seconds([&] {
    at::parallel_for(0, n, 4096, [&](int64_t begin, int64_t end) {
      float sum[16] = {};
      for (int64_t i = begin; i < end; ++i) {
        const float* row = data + (int64_t(columns[i]) * 2654435761 + i) % images * d;
        for (int64_t j = 0; j + 16 <= d; j += 16) {
          for (int lane = 0; lane < 16; ++lane) sum[lane] += row[j + lane];
        }
      }
      sums[size_t(at::get_thread_num()) * 16] += double(sum[0] + sum[7]);
    });
  });
  return sums[0] == 1e300 ? 0 : took;
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

}  // namespace

int main(int argc, char** argv) {
  int64_t neurons = 65'536, images = 50'000;
  std::string python, paper;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--threads") at::set_num_threads(std::atoi(argv[i + 1]));
    if (name == "--neurons") neurons = std::atoll(argv[i + 1]);
    if (name == "--images") images = std::atoll(argv[i + 1]);
    if (name == "--peer") python = argv[i + 1];
    if (name == "--paper") paper = argv[i + 1];
  }
  const fs::path folder = fs::temp_directory_path() / ("bench_scores." + std::to_string(::getpid()));
  int status = 0;
  try {
    std::printf("%d threads, %lld images, %lld latents\n", at::get_num_threads(), (long long)images, (long long)neurons);
    const at::Tensor e = at::randn({images, 512});
    const SparseCodes codes = randomCodes(images, neurons, 20);
    const MsEmbeddings ready(e);
    double best = 1e9, limit = 1e9;
    for (int i = 0; i < 3; ++i) {
      best = std::min(best, seconds([&] { monosemanticityOfCodes(codes, neurons, ready); }));
      limit = std::min(limit, readingLimit(codes, e));
    }
    std::printf("latents, from codes in memory: %.3f s; reading their embeddings once %.3f s; ratio %.2f\n", best, limit, best / limit);
    std::fflush(stdout);

    const fs::path workspace = folder / "w.sememe";
    fs::create_directories(folder);
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
    const double product = seconds([&] { at::mm(x.t(), e); });
    const double scored = seconds([&] { monosemanticity([&](int64_t begin, int64_t count) { return x.narrow(0, begin, count); }, dense, ready); });
    std::printf("%lld dense neurons: %.3f s; one matrix product %.3f s; ratio %.2f\n", (long long)dense, scored, product, scored / product);
    std::fflush(stdout);
    if (!python.empty()) comparePaper(python, paper, folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_scores: %s\n", error.what());
    status = 1;
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return status;
}
