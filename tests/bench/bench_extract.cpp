// Images a second from JPEG files into a workspace, beside the model's own rate on pixels in memory, and what reading and
// preparing the files takes alone:
//   bench_extract [--threads N] [--images N] [--batch N]
// CLIP ViT-L/14-336, DINOv2-B and CLIP ViT-B/32 with random weights; files of 500 x 375 as ImageNet's usually are.
#include <torch/torch.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/image/image.h"
#include "core/image/image_loader.h"
#include "core/models/clip.h"
#include "core/models/dinov2.h"
#include "core/pipeline/extract.h"
#include "tests/bench/timing.h"

namespace {

using namespace sememe;
namespace fs = std::filesystem;

void makeImages(const fs::path& folder, int64_t count) {
  fs::create_directories(folder / "a");
  for (int64_t i = 0; i < count; ++i) {
    Image image;
    image.width = 500, image.height = 375;
    image.rgb.resize(size_t{500} * 375 * 3);
    // Edges, gradients and noise: about the bytes of a photograph.
    uint32_t state = uint32_t(i) * 2654435761u + 1;
    for (int y = 0; y < 375; ++y) {
      for (int x = 0; x < 500; ++x) {
        state = state * 1664525u + 1013904223u;
        const double wave = 90 * std::sin(0.02 * x * double(1 + i % 7)) * std::cos(0.03 * y) + 128;
        for (int c = 0; c < 3; ++c)
          image.rgb[(size_t(y) * 500 + size_t(x)) * 3 + size_t(c)] = uint8_t(std::clamp(wave + 20 * c + double(state >> 27), 0.0, 255.0));
      }
    }
    const std::vector<uint8_t> jpeg = encodeJpeg(image, 92);
    char name[32];
    std::snprintf(name, sizeof name, "a/%05d.jpg", int(i));
    AtomicFile file(folder / name);
    file.write(jpeg.data(), jpeg.size());
    file.commit();
  }
}

void writeProcessor(const fs::path& folder, int64_t side) {
  const std::string n = std::to_string(side);
  writeTextFile(folder / "preprocessor_config.json",
                "{\"do_resize\": true, \"size\": {\"shortest_edge\": " + n + "}, \"resample\": 3, \"do_center_crop\": true, \"crop_size\": "
                "{\"height\": " + n + ", \"width\": " + n + "}, \"do_rescale\": true, \"rescale_factor\": 0.00392156862745098, "
                "\"do_normalize\": true, \"image_mean\": [0.48, 0.46, 0.41], \"image_std\": [0.27, 0.26, 0.28], \"do_convert_rgb\": true}");
}

void bench(const char* name, const fs::path& model, const fs::path& images, int64_t count, int batch, const fs::path& under) {
  const torch::InferenceMode guard;
  const auto tower = loadVisionModel(model);
  writeProcessor(model, tower->info().imageSize);
  const Tap last{TapPoint::PostMlpResidual, int(tower->info().layers) - 1};
  const at::Tensor pixels = at::randn({batch, 3, tower->info().imageSize, tower->info().imageSize});
  tower->forwardTo(pixels, last);
  const int64_t rounds = std::max<int64_t>(1, count / batch);
  const double own = double(rounds * batch) / seconds([&] {
    for (int64_t i = 0; i < rounds; ++i) tower->forwardTo(pixels, last);
  });

  ExtractParams p;
  p.model = model;
  p.images = images;
  p.layer = last.layer;
  p.tokens = TokenSelection::parse("cls");
  p.batch = batch;
  p.workspace = under / (std::string(name) + ".sememe");
  // The rate from the first batch on: opening the model is not the question.
  auto begin = std::chrono::steady_clock::now();
  int64_t before = -1, done = 0;
  double took = 0;
  extract(p, {}, [&](const Progress& progress) {
    if (progress.stage.find("Extracting") == std::string::npos) return;
    if (before < 0) {
      before = progress.done;
      begin = std::chrono::steady_clock::now();
    }
    done = progress.done;
    took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  });
  const double whole = double(done - before) / took;
  std::printf("%-20s %8.2f images/s from files   model alone %8.2f   ratio %.3f\n", name, whole, own, whole / own);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 0, batch = 16;
  int64_t count = 96;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--threads") threads = std::atoi(argv[i + 1]);
    if (name == "--images") count = std::atoll(argv[i + 1]);
    if (name == "--batch") batch = std::atoi(argv[i + 1]);
  }
  const fs::path folder = fs::temp_directory_path() / ("bench_extract." + std::to_string(::getpid()));
  int status = 0;
  try {
    if (threads > 0) at::set_num_threads(threads);
    torch::manual_seed(0);
    const torch::NoGradGuard guard;
    makeImages(folder / "images", count);
    const ImageFolder images = listImageFolder(folder / "images");
    const double reading = seconds([&] {
      PreprocessConfig config;
      ImageLoader loader(images, config, {.batch = batch, .workers = 1, .thumbnailSide = kThumbnailSide});
      while (loader.next()) {
      }
    });
    std::printf("%d threads, batches of %d, %lld files; one thread alone reads and prepares %.1f images/s\n", at::get_num_threads(), batch,
                static_cast<long long>(count), double(count) / reading);
    ClipVisionConfig large;
    large.hiddenSize = 1024, large.intermediateSize = 4096, large.layers = 24, large.heads = 16, large.imageSize = 336, large.patchSize = 14;
    saveModel(ClipVisionModelImpl(large, Init::HuggingFace, false), folder / "large");
    saveModel(Dinov2ModelImpl(Dinov2Config()), folder / "dinov2");
    saveModel(ClipVisionModelImpl(ClipVisionConfig(), Init::HuggingFace, false), folder / "base");
    bench("CLIP ViT-B-32", folder / "base", folder / "images", count, batch, folder);
    bench("DINOv2-B", folder / "dinov2", folder / "images", count, batch, folder);
    bench("CLIP ViT-L-14-336", folder / "large", folder / "images", std::min<int64_t>(count, 2 * batch), batch, folder);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_extract: %s\n", e.what());
    status = 1;
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return status;
}
