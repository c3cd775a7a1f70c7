// Worker threads that decode and preprocess images ahead of the consumer.
#include "core/image/image_loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/progress.h"

namespace sememe {
namespace {

// A batch in the making. Its slots are filled by different workers, each its own, without a lock.
struct Pending {
  int64_t first = 0;
  int64_t count = 0;
  at::Tensor pixels;                 // [count, 3, H, W]
  std::vector<LoadedInfo> infos;     // count
  std::vector<std::string> reasons;  // count; empty = good
  int64_t done = 0;                  // slots filled; under the lock
};

ImageBatch toBatch(Pending&& from) {
  ImageBatch batch;
  batch.first = from.first;
  const int64_t values = from.count > 0 ? from.pixels[0].numel() : 0;
  float* const data = from.pixels.data_ptr<float>();
  for (int64_t i = 0; i < from.count; ++i) {
    const auto slot = static_cast<size_t>(i);
    if (!from.reasons[slot].empty()) {
      batch.failures.push_back({from.first + i, std::move(from.reasons[slot])});
      continue;
    }
    const auto good = static_cast<int64_t>(batch.indices.size());
    if (good != i) std::copy_n(data + i * values, values, data + good * values);  // close the gap of a failure
    batch.indices.push_back(from.first + i);
    batch.infos.push_back(std::move(from.infos[slot]));
  }
  batch.pixels = from.pixels.narrow(0, 0, static_cast<int64_t>(batch.indices.size()));
  return batch;
}

void checkOptions(const PreprocessConfig& config, const ImageLoaderOptions& options, int64_t images) {
  const int64_t last = options.last < 0 ? images : options.last;
  const bool good = options.batch >= 1 && options.workers >= 0 && options.workers <= 1024 && options.first >= 0 &&
                    options.first <= last && last <= images && options.thumbnailSide >= 0 &&
                    options.thumbnailQuality >= 1 && options.thumbnailQuality <= 100;
  if (!good) {
    throw Error(ErrorCode::Invalid, "image loader: batch " + std::to_string(options.batch) + ", workers " +
                                        std::to_string(options.workers) + ", images " + std::to_string(options.first) +
                                        " to " + std::to_string(last) + " of " + std::to_string(images) +
                                        ", thumbnails of side " + std::to_string(options.thumbnailSide) + ", quality " +
                                        std::to_string(options.thumbnailQuality) + " are not all in range");
  }
  if (!config.fixedSize()) {
    throw Error(ErrorCode::Invalid,
                "the model's preprocessing keeps each image's shape, so images make no batch; a centre crop or a fixed "
                "height and width was expected");
  }
}

}  // namespace

struct ImageLoader::State {
  PreprocessConfig config;
  Options options;
  std::filesystem::path root;
  std::vector<std::string> paths;  // of images first … last - 1
  int64_t first = 0;
  int64_t last = 0;
  int64_t window = 2;  // batches under way at most

  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<std::unique_ptr<Pending>> batches;  // in order; the front is next() to give
  int64_t nextImage = 0;                         // to be claimed by a worker
  std::exception_ptr fatal;
  std::vector<std::jthread> workers;  // last: they end before the rest goes

  // Claims the next image: its batch and slot. Null when there is nothing left to do.
  Pending* claim(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, int64_t& slot) {
    const auto ready = [&] {
      const bool open = !batches.empty() && nextImage < batches.back()->first + batches.back()->count;
      return fatal || nextImage >= last || open || static_cast<int64_t>(batches.size()) < window;
    };
    if (!changed.wait(lock, stop, ready) || stop.stop_requested() || options.stop.stop_requested()) return nullptr;
    if (fatal || nextImage >= last) return nullptr;
    if (batches.empty() || nextImage == batches.back()->first + batches.back()->count) {
      auto batch = std::make_unique<Pending>();
      batch->first = nextImage;
      batch->count = std::min<int64_t>(options.batch, last - nextImage);
      batch->pixels = at::empty({batch->count, 3, config.outputHeight(), config.outputWidth()}, at::kFloat);
      batch->infos.resize(static_cast<size_t>(batch->count));
      batch->reasons.resize(static_cast<size_t>(batch->count));
      batches.push_back(std::move(batch));
    }
    Pending* const batch = batches.back().get();
    slot = nextImage++ - batch->first;
    return batch;
  }

  void load(Pending& batch, int64_t slot) {
    const auto i = static_cast<size_t>(slot);
    const auto size = 3 * static_cast<size_t>(config.outputHeight()) * static_cast<size_t>(config.outputWidth());
    const std::span<float> out(static_cast<float*>(batch.pixels.data_ptr()) + i * size, size);
    try {
      const Image image = decodeImage(root / paths[static_cast<size_t>(batch.first + slot - first)]);
      preprocessInto(image, config, out);
      LoadedInfo& info = batch.infos[i];
      info.width = image.width;
      info.height = image.height;
      if (options.thumbnailSide > 0) {
        info.thumbnail = encodeJpeg(makeThumbnail(image, options.thumbnailSide), options.thumbnailQuality);
      }
    } catch (const Error& e) {
      batch.infos[i] = {};
      batch.reasons[i] = e.what();
    }
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    try {
      int64_t slot = 0;
      while (Pending* const batch = claim(lock, stop, slot)) {
        lock.unlock();
        load(*batch, slot);
        lock.lock();
        if (++batch->done == batch->count) changed.notify_all();
      }
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      fatal = std::current_exception();
      changed.notify_all();
    }
  }
};

ImageLoader::ImageLoader(const ImageFolder& folder, PreprocessConfig config, Options options)
    : m_state(std::make_unique<State>()) {
  const auto images = static_cast<int64_t>(folder.images.size());
  checkOptions(config, options, images);
  State& s = *m_state;
  s.config = config;
  s.first = options.first;
  s.last = options.last < 0 ? images : options.last;
  s.nextImage = s.first;
  s.root = folder.root;
  s.paths.reserve(static_cast<size_t>(s.last - s.first));
  for (int64_t i = s.first; i < s.last; ++i) s.paths.push_back(folder.images[static_cast<size_t>(i)].path);
  int64_t workers = options.workers;
  if (workers == 0) workers = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 16);
  s.window = 2 + workers / options.batch;
  s.options = std::move(options);
  for (int64_t i = 0; i < std::min(workers, s.last - s.first); ++i) {
    s.workers.emplace_back([&s](const std::stop_token& stop) { s.work(stop); });
  }
}

ImageLoader::~ImageLoader() {
  // All are told before any is waited for.
  for (std::jthread& worker : m_state->workers) worker.request_stop();
}

std::optional<ImageBatch> ImageLoader::next() {
  State& s = *m_state;
  const std::stop_token& stop = s.options.stop;
  std::unique_ptr<Pending> batch;
  {
    std::unique_lock lock(s.mutex);
    const auto ready = [&] {
      if (s.fatal) return true;
      if (s.batches.empty()) return s.nextImage >= s.last;
      return s.batches.front()->done == s.batches.front()->count;
    };
    const bool in = s.changed.wait(lock, stop, ready);
    throwIfStopped(stop);
    if (s.fatal) std::rethrow_exception(s.fatal);
    if (!in || s.batches.empty()) return std::nullopt;
    batch = std::move(s.batches.front());
    s.batches.pop_front();
    s.changed.notify_all();
  }
  return toBatch(std::move(*batch));
}

}  // namespace sememe
