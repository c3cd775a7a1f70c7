// Images of a folder as batches for a model: decoded and preprocessed by worker threads ahead of the consumer, in order.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/image/image_folder.h"
#include "core/image/preprocess.h"

namespace sememe {

struct ImageLoaderOptions {
  int batch = 32;              // images a batch, at least 1
  int workers = 0;             // threads; 0 = as many as the machine has, at most 16
  int64_t first = 0;           // index of the first image
  int64_t last = -1;           // one past the last image; -1 = to the end
  int thumbnailSide = 0;       // > 0: also makes thumbnails that fit into this square
  int thumbnailQuality = 85;   // of their JPEG
  std::stop_token stop;        // ends the work at the next image
};

// What was seen of a good image, beside its pixels.
struct LoadedInfo {
  int width = 0;  // of the upright image, before resizing
  int height = 0;
  std::vector<uint8_t> thumbnail;  // JPEG file of the upright image; empty unless asked for
};

struct ImageFailure {
  int64_t index = 0;   // into ImageFolder::images
  std::string reason;  // the error's text; names the file
};

// Images first … first + indices.size() + failures.size() - 1, good and bad.
struct ImageBatch {
  int64_t first = 0;
  std::vector<int64_t> indices;  // of the good ones, ascending; n of them
  at::Tensor pixels;             // float32 [n, 3, H, W], CPU; n may be 0
  std::vector<LoadedInfo> infos;        // n
  std::vector<ImageFailure> failures;   // ascending
};

// One consumer thread; the workers are its own and end with it. They run at most workers / batch + 2 batches ahead, so
// memory does not grow with the folder. They call no torch operator, and OpenCV's own threads are off.
class ImageLoader {
 public:
  using Options = ImageLoaderOptions;

  // Keeps a copy of the paths from first to last. Throws Error (Invalid) for options outside their range, and
  // when the config gives images of different sizes, which make no batch.
  ImageLoader(const ImageFolder& folder, PreprocessConfig config, Options options = {});
  ~ImageLoader();  // prompt: at most one image per worker is finished first
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  // The next batch, or nothing when all were given. Images that cannot be read are in `failures`. Throws Cancelled once a
  // stop was asked for, and what a worker died of (no memory) if that happened.
  std::optional<ImageBatch> next();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace sememe
