// Times live steering beside what the memory allows, and beside transformers where --peer names its Python:
//   bench_steering [--shape demo|llava-7b|tiny] [--model DIR --sae PATH] [--precision f32|bf16|f16] [--layers 8]
//                  [--threads N] [--neurons N] [--edits N] [--tokens N] [--peer PYTHON]
// --layers 8: the language model's layers in 8 bits.
// Of a LLaVA of a shape with random weights (the arithmetic is the same) or of a folder:
// 1. From a slider's move to the distribution over the first token, and to a whole answer of one word (2 tokens).
// 2. An answer of five tokens for each of --edits edits of the image: one after another, and in one batch.
// 3. From the wish to stop an answer, at any moment of it, to the session being free for the next one.
// 4. Decoding, in tokens/s. The limit is reading the language model's weights once a token at the rate at which this
//    machine copies them, measured in the same run.
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/progress.h"
#include "core/steering/batched_steering.h"
#include "core/steering/steering_session.h"
#include "core/weights/torch_file.h"
#include "tests/bench/timing.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;

struct Options {
  std::string shape = "demo", model, sae, precision = "f32", peer;
  int threads = 0, neurons = 3, edits = 16, tokens = 64;
  bool eightBits = false;
  at::Device device = torch::cuda::is_available() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  at::ScalarType type() const { return precision == "bf16" ? at::kBFloat16 : precision == "f16" ? at::kHalf : at::kFloat; }
};

constexpr int kRepeats = 7;

// config.json of the shapes; bench_steering_peer.py reads it too.
std::string shapeConfig(const std::string& name) {
  if (name == "llava-7b")
    return R"({"model_type": "llava", "image_token_index": 32000, "vision_feature_layer": -2,
      "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "vocab_size": 32064},
      "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
        "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768}})";
  const bool tiny = name == "tiny";
  if (!tiny && name != "demo") throw Error(ErrorCode::Invalid, "no shape " + name + ", expected demo, llava-7b or tiny");
  return std::string(R"({"model_type": "llava", "image_token_index": 640, "vision_feature_layer": -2,
      "text_config": {"model_type": "llama", "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": )") +
         (tiny ? "1" : "3") + R"(, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-05, "vocab_size": 644, "eos_token_id": 2},
      "vision_config": {"hidden_size": 128, "image_size": 112, "intermediate_size": 512, "model_type": "clip_vision_model",
        "num_attention_heads": 4, "num_hidden_layers": 4, "patch_size": 14, "projection_dim": 64}})";
}

Llava randomLlava(const std::string& config, const Options& options) {
  Llava llava(parseLlavaConfig(config, options.shape));
  llava->to(options.device, options.type());
  // One matrix at a time, so that a shape which fits in 8 bits alone can be measured.
  for (LlamaLayer& layer : llava->language->layers) {
    for (const auto& module : layer->modules(false)) {
      if (auto* matrix = module->as<LinearImpl>(); matrix && options.eightBits) matrix->weight.normal_(0, 0.02), matrix->toEightBits();
    }
  }
  for (at::Tensor& parameter : llava->parameters()) {
    if (!parameter.is_floating_point()) continue;
    if (parameter.dim() == 1) parameter.fill_(1);
    else parameter.normal_(0, 0.02);
  }
  if (options.device.is_cuda()) llava->language->joinMatrices();
  return llava;
}

// A folder with a batch top-k SAE of 64 latents a dimension, a hundredth of which fire on such activations [1, T, d].
void writeRandomSae(const fs::path& folder, const at::Tensor& activations) {
  const at::Tensor x = activations[0].to(at::kCPU, at::kFloat);
  const int64_t width = x.size(1), latents = 64 * width;
  const at::Tensor rows = at::randn({latents, width});
  const at::Tensor unit = rows / rows.norm(2, 1, true);
  const at::Tensor first = at::mm(x.narrow(0, 0, std::min<int64_t>(x.size(0), 16)), unit.t()).flatten();
  fs::create_directories(folder);
  writeTextFile(folder / "config.json", R"({"trainer": {"dict_class": "BatchTopKSAE", "k": 20}})");
  writeTorchFile(folder / "ae.pt", stateDictValue({{"b_dec", at::zeros({width})},
                                                   {"k", at::tensor(20, at::kInt)},
                                                   {"threshold", std::get<0>(first.kthvalue(first.numel() * 99 / 100))},
                                                   {"decoder.weight", unit.t().contiguous()},
                                                   {"encoder.weight", unit},
                                                   {"encoder.bias", at::zeros({latents})}}));
}

void wait(const Options& options) {
  if (options.device.is_cuda()) torch::cuda::synchronize();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Bytes a second that come out of memory while a large block is copied.
double copyRate(const Options& options) {
  const int64_t bytes = int64_t(1) << 29;
  const at::Tensor from = at::zeros({bytes}, at::TensorOptions(options.device).dtype(at::kByte)), to = at::empty_like(from);
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) best = std::min(best, seconds([&] { at::Tensor(to).copy_(from), wait(options); }));
  return 2.0 * double(bytes) / best;
}

int64_t bytesPerToken(const LlamaImpl& language) {
  int64_t bytes = 0;
  for (const at::Tensor& parameter : language.parameters()) bytes += int64_t(parameter.nbytes());
  return bytes - (language.config().tied ? 0 : int64_t(language.tokens->weight.nbytes()));  // of the embedding one row is read
}

// transformers' `generate` on the same shape, in seconds: to the first token, and for each one behind it.
bool askPeer(const Options& options, const std::string& config, int64_t before, int64_t after, double& first, double& each) {
  const fs::path file = fs::temp_directory_path() / ("bench_steering_" + std::to_string(::getpid()) + ".json");
  writeTextFile(file, config);
  const fs::path script = fs::path(BENCH_DIR) / "bench_steering_peer.py";
  const std::string command = "'" + options.peer + "' '" + script.string() + "' '" + file.string() + "' " + std::to_string(at::get_num_threads()) + " " +
                              options.precision + " " + std::to_string(before) + " " + std::to_string(after) + " " + std::to_string(options.tokens) + " " +
                              std::to_string(kRepeats);
  FILE* pipe = ::popen(command.c_str(), "r");
  const bool answered = pipe && std::fscanf(pipe, "%lf %lf", &first, &each) == 2;
  if (pipe) ::pclose(pipe);
  fs::remove(file);
  if (!answered) std::fprintf(stderr, "the peer gave no figure: %s\n", command.c_str());
  return answered;
}

// Seconds from the wish to stop an answer until the session is free for the next one, at moments spread over an answer that takes
// `whole` seconds; ascending.
std::vector<double> stopTimes(SteeringSession& session, double whole, const Options& options) {
  using Clock = std::chrono::steady_clock;
  constexpr int kStops = 40;
  SamplingOptions sampling;
  sampling.maxTokens = options.tokens;
  std::vector<double> times;
  for (int i = 0; i < kStops; ++i) {
    std::stop_source stop;
    Clock::time_point wished;
    std::jthread wish([&] {
      std::this_thread::sleep_for(std::chrono::duration<double>(whole * i / kStops));
      wished = Clock::now();
      stop.request_stop();
    });
    bool cancelled = false;
    try {
      Steering steering;
      steering.interventions = {{0, Intervention::Op::Set, 10.0 + i}};
      session.answer(steering, sampling, {}, stop.get_token());
    } catch (const Cancelled&) {
      cancelled = true;
    }
    const Clock::time_point free = Clock::now();
    wish.join();
    if (cancelled) times.push_back(std::chrono::duration<double>(free - wished).count());
  }
  std::sort(times.begin(), times.end());
  return times;
}

void bench(const Options& options) {
  torch::manual_seed(1);
  std::string config;
  Llava llava = nullptr;
  fs::path sae = options.sae;
  if (options.model.empty()) {
    config = shapeConfig(options.shape);
    llava = randomLlava(config, options);
    sae = fs::temp_directory_path() / ("bench_steering_" + std::to_string(::getpid()));
    const int64_t side = llava->vision->info().imageSize;
    writeRandomSae(sae, llava->beginImage(at::randn({1, 3, side, side}), defaultSteeringTap(llava->config())).pass.activation);
  } else {
    LoadOptions load;
    load.device = options.device;
    load.dtype = options.type();
    load.eightBits = options.eightBits;
    llava = loadLlava(options.model, load);
    config = readTextFile(fs::path(options.model) / "config.json");
  }
  std::shared_ptr<Dictionary> dictionary = loadDictionary(sae);
  if (options.model.empty()) fs::remove_all(sae);
  dictionary->to(options.device);

  const int64_t side = llava->vision->info().imageSize, before = 5, after = 20;
  std::vector<int64_t> prompt;
  for (int64_t i = 0; i < before; ++i) prompt.push_back(3 + i);
  prompt.push_back(llava->config().imageToken);
  for (int64_t i = 0; i < after; ++i) prompt.push_back(10 + i);
  SteeringSession session(llava, dictionary, defaultSteeringTap(llava->config()));
  session.setPrompt(prompt);
  const at::Tensor pixels = at::randn({1, 3, side, side});
  const double image = seconds([&] { session.setImage(pixels), wait(options); });
  std::printf("%s, %s%s, %s, %d threads: %.0f MB of language model, an SAE of %lld latents, %.1f of them a token\n",
              options.model.empty() ? options.shape.c_str() : options.model.c_str(), options.precision.c_str(),
              options.eightBits ? " with 8-bit layers" : "", options.device.str().c_str(), at::get_num_threads(),
              double(bytesPerToken(*llava->language)) / 1e6, static_cast<long long>(dictionary->dictSize()),
              double(session.code().latents.nonZeros()) / double(session.code().tokens()));
  std::printf("a new image                      %10.2f ms\n", 1e3 * image);

  const auto timed = [&](int tokens) {
    SamplingOptions sampling;
    sampling.maxTokens = tokens;
    std::vector<double> first, whole, each;
    for (int i = -2; i < kRepeats; ++i) {
      Steering steering;
      for (int n = 0; n < options.neurons; ++n) steering.interventions.push_back({n, Intervention::Op::Set, 10.0 + i});
      AnswerCallbacks callbacks;
      double firstAt = 0;
      const auto start = std::chrono::steady_clock::now();
      const auto now = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
      callbacks.onFirst = [&](const at::Tensor&) { firstAt = now(); };
      const Answer answer = session.answer(steering, sampling, callbacks);
      if (i < 0) continue;
      first.push_back(firstAt);
      whole.push_back(now());
      if (answer.tokens.size() > 1) each.push_back(answer.seconds.decode / double(answer.tokens.size() - 1));
    }
    return std::tuple{median(first), median(whole), each.empty() ? 0.0 : median(each)};
  };
  BatchedSteering batched(llava, dictionary, defaultSteeringTap(llava->config()));
  batched.setPrompt(prompt);
  std::vector<SteeredQuestion> questions(size_t(options.edits), {batched.images(pixels).front(), Steering{}});
  for (size_t i = 0; i < questions.size(); ++i) questions[i].steering->interventions = {{int64_t(i), Intervention::Op::Set, 100}};
  SamplingOptions five;
  five.maxTokens = 5;
  std::vector<double> single, together;
  for (int i = -1; i < 3; ++i) {
    const double one = seconds([&] {
      for (const SteeredQuestion& q : questions) session.answer(q.steering, five);
    });
    const double all = seconds([&] { batched.answer(questions, five); });
    if (i < 0) continue;
    single.push_back(one / options.edits);
    together.push_back(all / options.edits);
  }
  const auto [first, word, unused] = timed(2);
  const auto [again, whole, each] = timed(options.tokens);
  const std::vector<double> stops = stopTimes(session, whole, options);
  double peerFirst = 0, peerEach = 0;
  const bool peer = !options.peer.empty() && askPeer(options, config, before, after, peerFirst, peerEach);
  std::printf("a slider's move to the first token%9.2f ms", 1e3 * first);
  if (peer) std::printf("   transformers %10.2f   ratio %5.2f", 1e3 * peerFirst, peerFirst / first);
  std::printf("\n… to an answer of one word       %10.2f ms\n", 1e3 * word);
  std::printf("five tokens for each of %2d edits  %10.2f ms an edit one by one   %10.2f in a batch   ratio %5.2f\n", options.edits, 1e3 * median(single),
              1e3 * median(together), median(single) / median(together));
  if (!stops.empty())
    std::printf("stopped after                    %10.2f ms at most, %.2f half of the times, of %zu wishes\n", 1e3 * stops.back(), 1e3 * median(stops), stops.size());
  const double limit = copyRate(options) / double(bytesPerToken(*llava->language));
  std::printf("decoding                         %10.2f tokens/s   limit %10.2f   of it %.2f", 1 / each, limit, 1 / each / limit);
  if (peer) std::printf("   transformers %10.2f   ratio %5.2f", 1 / peerEach, peerEach / each);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--shape") options.shape = value;
    else if (name == "--model") options.model = value;
    else if (name == "--sae") options.sae = value;
    else if (name == "--precision") options.precision = value;
    else if (name == "--peer") options.peer = value;
    else if (name == "--layers" && value == "8") options.eightBits = true;
    else if (name == "--threads") options.threads = std::atoi(value.c_str());
    else if (name == "--neurons") options.neurons = std::max(0, std::atoi(value.c_str()));
    else if (name == "--edits") options.edits = std::max(1, std::atoi(value.c_str()));
    else if (name == "--tokens") options.tokens = std::max(2, std::atoi(value.c_str()));
    else return std::fprintf(stderr, "unknown option %s\n", name.c_str()), 2;
  }
  if (options.threads > 0) at::set_num_threads(options.threads);
  const torch::NoGradGuard guard;
  try {
    bench(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
