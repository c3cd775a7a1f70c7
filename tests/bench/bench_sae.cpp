// Times training steps of SAEs beside dictionary_learning's on the same batches, weights and threads.
//
//   bench_sae [--peer PYTHON --library CHECKOUT] [--threads N] [--steps N] [--small]
//
// PYTHON has torch, einops and tqdm; CHECKOUT is a clone of github.com/saprmarks/dictionary_learning. Without them the
// encoder's product alone, which no step can do without, is the measure. Each training runs in a process of its own.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/trainer.h"
#include "core/weights/torch_file.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Options {
  std::string peer, library;
  int threads = 1;
  int64_t steps = 6;
  bool small = false;
};

struct Size {
  int64_t d, latents, batch, k;
};

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + int64_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

TrainParams paramsOf(SaeType type, const Size& size) {
  TrainParams p;
  p.type = type;
  p.activationDim = size.d;
  p.dictSize = size.latents;
  p.k = size.k;
  p.lr = 1e-3;
  p.batch = size.batch;
  p.steps = 1000;
  p.warmup = 1;
  p.sparsityWarmup = 0;
  return p;
}

// Runs a shell command and parses the last line of what it prints.
Json lastLineOf(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw Error(ErrorCode::Io, "cannot run", command);
  std::string text;
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  if (pclose(pipe) != 0) throw Error(ErrorCode::Io, "the program failed", command);
  while (text.ends_with('\n')) text.pop_back();
  return Json::parse(text.substr(text.rfind('\n') + 1));
}

// One training in this process: what `bench_sae --run FOLDER TYPE D LATENTS BATCH K THREADS` prints.
int runOurs(const fs::path& folder, SaeType type, const Size& size, int threads) {
  at::set_num_threads(threads);
  const at::Tensor batches = readTorchTensor(folder / "batches.pt").clone();
  const auto initial = loadDictionary(folder / "initial");
  const auto trainer = makeTrainer(paramsOf(type, size), 1, at::kCPU, initial.get());
  Json out = {{"seconds", Json::array()}, {"losses", Json::array()}};
  for (int64_t step = 0; step < batches.size(0); ++step) {
    StepStats stats;
    out["seconds"].push_back(seconds([&] { stats = trainer->step(batches[step]); }));
    out["losses"].push_back(stats.loss);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out["memory"] = int64_t(usage.ru_maxrss) * 1024;
  std::printf("%s\n", out.dump().c_str());
  return 0;
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

void compare(const std::string& self, const Options& options, SaeType type, const Size& size, const fs::path& folder) {
  const std::string name = saeTypeInfo(type).name;
  writeTextFile(folder / "initial" / "config.json",
                Json{{"trainer", {{"dict_class", saeTypeInfo(type).classes.front()}}}}.dump());
  makeTrainer(paramsOf(type, size))->dictionary()->save(folder / "initial" / "ae.pt");
  loadDictionary(folder / "initial")->save(folder / "initial" / "ae.pt");  // with rows of unit norm, as both load them

  // The encoder's product, in this run too.
  at::set_num_threads(options.threads);
  const at::Tensor x = readTorchTensor(folder / "batches.pt")[0].clone(), w = at::randn({size.latents, size.d});
  std::vector<double> products;
  for (int i = 0; i < 4; ++i) products.push_back(seconds([&] { at::mm(x, w.t()); }));
  const double product = *std::min_element(products.begin(), products.end());

  const auto steadyStep = [](const Json& run) {
    const auto all = run["seconds"].get<std::vector<double>>();
    return median({all.begin() + 1, all.end()});  // the first one warms up and takes the geometric median
  };
  const std::string sizes = std::to_string(size.d) + " " + std::to_string(size.latents) + " " + std::to_string(size.batch) + " " +
                            std::to_string(size.k) + " " + std::to_string(options.threads);
  const Json ours = lastLineOf(quoted(self) + " --run " + quoted(folder.string()) + " " + name + " " + sizes);
  std::printf("%-22s d %lld, %lld latents, batch %lld, k %lld, %d threads\n", name.c_str(), (long long)size.d,
              (long long)size.latents, (long long)size.batch, (long long)size.k, options.threads);
  const double step = steadyStep(ours);
  std::printf("  ours   %8.3f s a step, %5.2f encoder products of %.3f s, peak %6.0f MB, loss %.6f … %.6f\n", step,
              step / product, product, ours["memory"].get<double>() / 1e6, ours["losses"].front().get<double>(),
              ours["losses"].back().get<double>());
  if (!options.peer.empty()) {
    const Json theirs = lastLineOf(quoted(options.peer) + " " + quoted(std::string(BENCH_DIR) + "/peer_sae.py") + " " +
                                   quoted(options.library) + " " + quoted(folder.string()) + " " + name + " " +
                                   std::to_string(options.threads) + " 2>/dev/null");
    const double peer = steadyStep(theirs);
    double worst = 0;
    for (size_t i = 0; i < theirs["losses"].size(); ++i) {
      const double a = ours["losses"][i].get<double>(), b = theirs["losses"][i].get<double>();
      worst = std::max(worst, std::abs(a - b) / std::abs(b));
    }
    std::printf("  theirs %8.3f s a step, %5.2f encoder products, peak %6.0f MB, loss %.6f … %.6f\n", peer, peer / product,
                theirs["memory"].get<double>() / 1e6, theirs["losses"].front().get<double>(),
                theirs["losses"].back().get<double>());
    std::printf("  ratio  %8.2f times faster; losses differ by at most %.1e\n", peer / step, worst);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 8 && arguments[0] == "--run") {
      const Size size{std::stoll(arguments[3]), std::stoll(arguments[4]), std::stoll(arguments[5]), std::stoll(arguments[6])};
      return runOurs(arguments[1], parseSaeType(arguments[2]), size, std::stoi(arguments[7]));
    }
    Options options;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const auto value = [&] { return i + 1 < arguments.size() ? arguments[++i] : std::string(); };
      if (arguments[i] == "--peer") options.peer = value();
      else if (arguments[i] == "--library") options.library = value();
      else if (arguments[i] == "--threads") options.threads = std::max(1, std::atoi(value().c_str()));
      else if (arguments[i] == "--steps") options.steps = std::max(3, std::atoi(value().c_str()));
      else if (arguments[i] == "--small") options.small = true;
      else throw Error(ErrorCode::Invalid, "options: --peer PYTHON --library CHECKOUT --threads N --steps N --small", arguments[i]);
    }
    std::vector<Size> sizes = {{512, 4096, 2048, 20}, {1024, 8192, 4096, 20}};
    if (options.small) sizes = {{128, 1024, 512, 8}};
    const fs::path folder = fs::temp_directory_path() / ("sememe_bench_sae_" + std::to_string(getpid()));
    for (const Size& size : sizes) {
      // Sparse mixtures of four times as many directions as axes, with an offset, of about unit mean squared norm.
      at::manual_seed(1);
      const at::Tensor directions = at::randn({4 * size.d, size.d}) / std::sqrt(double(size.d));
      const at::Tensor offset = at::randn({size.d}) * (0.5 / std::sqrt(double(size.d)));
      std::vector<at::Tensor> batches;
      for (int64_t i = 0; i < options.steps; ++i) {
        const at::Tensor mask = at::rand({size.batch, 4 * size.d}) < 20.0 / double(4 * size.d);
        batches.push_back(at::mm(at::rand({size.batch, 4 * size.d}) * mask * 0.4, directions) + offset);
      }
      fs::create_directories(folder / "initial");
      writeTorchTensor(folder / "batches.pt", at::stack(batches));
      for (const SaeType type : {SaeType::BatchTopK, SaeType::MatryoshkaBatchTopK, SaeType::Standard}) {
        compare(argv[0], options, type, size, folder);
      }
    }
    fs::remove_all(folder);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
