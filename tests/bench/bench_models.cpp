// Times the models on random weights, beside transformers where --peer names its Python:
//   bench_models [--peer PYTHON] [--tiny] [--threads N] [--dtype f32|bf16] [--batch N] [--repeats N]
// CLIP ViT-L/14-336 (whole, and up to layer 11 of 24) and DINOv2-B in images/s; a Llama of 1.1 billion parameters in
// tokens/s of prefill (512 tokens) and decoding (behind them). --tiny: shapes that only try the program out.
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/clip.h"
#include "core/models/dinov2.h"
#include "core/models/llama.h"
#include "core/weights/safetensors.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;

constexpr int64_t kDecoded = 32;  // the peer's DECODED

struct Options {
  std::string peer, dtype = "f32";
  bool tiny = false;
  int threads = 0, batch = 4, repeats = 3;
  at::Device device = torch::cuda::is_available() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  at::ScalarType type() const { return dtype == "bf16" ? at::kBFloat16 : at::kFloat; }
};

// The best rate of several runs after a warm one. `work` returns the seconds it took.
double bestRate(const Options& options, double units, const std::function<double()>& work) {
  double best = 0;
  for (int i = 0; i <= options.repeats; ++i) {
    const double rate = units / work();
    if (i > 0) best = std::max(best, rate);
  }
  return best;
}

double seconds(const Options& options, const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  if (options.device.is_cuda()) torch::cuda::synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// transformers' rate for the same work on the same weights; 0 without a peer.
double peerRate(const Options& options, const fs::path& folder, const std::string& work, int64_t count,
                int64_t length) {
  if (options.peer.empty()) return 0;
  const fs::path script = fs::path(BENCH_DIR) / "bench_models_peer.py";
  const std::string command = "'" + options.peer + "' '" + script.string() + "' '" + folder.string() + "' " +
                              std::to_string(at::get_num_threads()) + " " + options.dtype + " " + work + " " +
                              std::to_string(count) + " " + std::to_string(length) + " " +
                              std::to_string(options.repeats);
  FILE* pipe = ::popen(command.c_str(), "r");
  double rate = 0;
  if (!pipe || std::fscanf(pipe, "%lf", &rate) != 1)
    std::fprintf(stderr, "the peer gave no figure: %s\n", command.c_str());
  if (pipe) ::pclose(pipe);
  return rate;
}

void line(const std::string& what, const char* unit, double ours, double peer) {
  std::printf("%-44s %10.2f %s", what.c_str(), ours, unit);
  if (peer > 0) std::printf("   transformers %10.2f   ratio %5.2f", peer, ours / peer);
  std::printf("\n");
  std::fflush(stdout);
}

void benchVision(const Options& options, const std::string& name, const fs::path& folder, int earlyLayer) {
  const torch::InferenceMode guard;
  const auto model = loadVisionModel(folder, {.device = options.device, .dtype = options.type()});
  const int64_t side = model->info().imageSize;
  const at::Tensor pixels =
      at::randn({options.batch, 3, side, side}, at::TensorOptions(options.device).dtype(options.type()));
  const Tap last{TapPoint::PostMlpResidual, int(model->info().layers) - 1};
  const auto rate = [&](const Tap& tap) {
    return bestRate(options, options.batch, [&] { return seconds(options, [&] { model->forwardTo(pixels, tap); }); });
  };
  line(name, "images/s", rate(last), peerRate(options, folder, "vision", options.batch, 0));
  if (earlyLayer >= 0)
    line(name + ", up to layer " + std::to_string(earlyLayer), "images/s",
         rate({TapPoint::PostMlpResidual, earlyLayer}), peerRate(options, folder, "early", options.batch, earlyLayer));
}

void benchLlama(const Options& options, const fs::path& folder) {
  const torch::InferenceMode guard;
  const Llama llama = loadLlama(folder, {.device = options.device, .dtype = options.type()});
  const int64_t length = options.tiny ? 16 : 512;
  for (const int64_t rows : {int64_t{1}, int64_t{options.batch}}) {
    const at::Tensor ids =
        at::randint(llama->config().vocabSize, {rows, length}, at::TensorOptions(options.device).dtype(at::kLong));
    KvCache cache = llama->makeCache(rows, length + kDecoded);
    at::Tensor next;
    const auto prefill = [&] {
      cache.truncate(0);
      next = llama->logits(llama->forward(llama->embed(ids), &cache).select(1, length - 1)).argmax(-1, true);
    };
    const auto decode = [&] {
      cache.truncate(length);
      at::Tensor token = next;
      for (int64_t i = 0; i < kDecoded; ++i)
        token = llama->logits(llama->forward(llama->embed(token), &cache).select(1, 0)).argmax(-1, true);
    };
    const std::string who = "Llama, " + std::to_string(rows) + " x " + std::to_string(length) + " tokens, ";
    line(who + "prefill", "tokens/s",
         bestRate(options, double(rows * length), [&] { return seconds(options, prefill); }),
         peerRate(options, folder, "prefill", rows, length));
    line(who + "decode", "tokens/s",
         bestRate(options, double(rows * kDecoded), [&] { return seconds(options, decode); }),
         peerRate(options, folder, "decode", rows, length));
  }
}

// Folders with random weights, which both sides read.
fs::path clipFolder(const Options& options, const fs::path& under) {
  ClipVisionConfig c;
  c.hiddenSize = 1024, c.intermediateSize = 4096, c.layers = 24, c.heads = 16, c.imageSize = 336, c.patchSize = 14;
  if (options.tiny) c.hiddenSize = 32, c.intermediateSize = 64, c.imageSize = 56;
  saveModel(ClipVisionModelImpl(c, Init::HuggingFace, false), under / "clip", options.type());
  return under / "clip";
}

fs::path dinov2Folder(const Options& options, const fs::path& under) {
  Dinov2Config c;
  if (options.tiny) c.hiddenSize = 36, c.imageSize = 56;
  saveModel(Dinov2ModelImpl(c), under / "dinov2", options.type());
  return under / "dinov2";
}

fs::path llamaFolder(const Options& options, const fs::path& under) {
  // TinyLlama's shape.
  const int64_t hidden = options.tiny ? 32 : 2048, inner = options.tiny ? 64 : 5632, layers = options.tiny ? 2 : 22;
  const int64_t heads = options.tiny ? 4 : 32, groups = options.tiny ? 2 : 4, vocabulary = options.tiny ? 100 : 32000;
  writeTextFile(under / "llama/config.json",
                "{\"model_type\": \"llama\", \"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": " +
                    std::to_string(hidden) + ", \"intermediate_size\": " + std::to_string(inner) +
                    ", \"num_hidden_layers\": " + std::to_string(layers) + ", \"num_attention_heads\": " +
                    std::to_string(heads) + ", \"num_key_value_heads\": " + std::to_string(groups) +
                    ", \"vocab_size\": " + std::to_string(vocabulary) + ", \"max_position_embeddings\": 2048}");
  LlamaConfig c;
  c.hiddenSize = hidden, c.intermediateSize = inner, c.layers = layers, c.heads = heads, c.kvHeads = groups;
  c.headDim = hidden / heads, c.vocabSize = vocabulary;
  const Llama llama(c);
  std::map<std::string, at::Tensor> weights;
  for (auto& item : llama->named_parameters()) {
    const at::Tensor& p = item.value();
    weights.emplace(item.key(), (p.dim() > 1 ? p.normal_(0, 0.02) : p.fill_(1)).to(options.type()));
  }
  writeSafetensors(under / "llama/model.safetensors", weights, {{"format", "pt"}});
  return under / "llama";
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--tiny") {
      options.tiny = true;
      continue;
    }
    const std::string value = i + 1 < argc ? argv[++i] : "";
    if (name == "--peer" && !value.empty())
      options.peer = value;
    else if (name == "--dtype" && (value == "f32" || value == "bf16"))
      options.dtype = value;
    else if (name == "--threads" && std::atoi(value.c_str()) > 0)
      options.threads = std::atoi(value.c_str());
    else if (name == "--batch" && std::atoi(value.c_str()) > 0)
      options.batch = std::atoi(value.c_str());
    else if (name == "--repeats" && std::atoi(value.c_str()) > 0)
      options.repeats = std::atoi(value.c_str());
    else
      throw Error(ErrorCode::Invalid, "bad argument " + name + " " + value);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder = fs::temp_directory_path() / ("bench_models." + std::to_string(::getpid()));
  int status = 0;
  try {
    const Options options = parse(argc, argv);
    if (options.threads > 0) at::set_num_threads(options.threads);
    torch::manual_seed(0);
    const torch::NoGradGuard guard;
    std::printf("%d threads, %s, %s, batch %d, best of %d\n", at::get_num_threads(), options.dtype.c_str(),
                options.device.str().c_str(), options.batch, options.repeats);
    benchVision(options, "CLIP ViT-L/14-336", clipFolder(options, folder), 11);
    benchVision(options, "DINOv2-B/14-224", dinov2Folder(options, folder), -1);
    benchLlama(options, llamaFolder(options, folder));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_models: %s\n", e.what());
    status = 1;
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return status;
}
