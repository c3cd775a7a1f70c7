// A model run over the images of a folder, block by block.
#include "core/pipeline/image_run.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/base/error.h"
#include "core/pipeline/device.h"

namespace sememe {

namespace {

// Puts the rows of the good images at their places and zero rows at the others'.
void placeRows(ImageBlock& block, RowChunk&& good, const ImageBatch& batch, int64_t rowsPerImage, int64_t dim, bool sparse,
               std::vector<at::Tensor>& dense) {
  const int64_t images = int64_t(batch.indices.size() + batch.failures.size());
  if (!sparse) {
    if (batch.failures.empty()) {
      dense.push_back(good.dense);
      return;
    }
    at::Tensor all = at::zeros({images, rowsPerImage, dim});
    if (!batch.indices.empty()) {
      std::vector<int64_t> places;
      for (const int64_t index : batch.indices) places.push_back(index - batch.first);
      all.index_copy_(0, at::tensor(places, at::kLong), good.dense.view({-1, rowsPerImage, dim}));
    }
    dense.push_back(all.view({-1, dim}));
    return;
  }
  SparseRows& rows = block.rows.sparse;
  const SparseRows& some = good.sparse;
  const uint32_t before = rows.offsets.back();
  rows.neurons.insert(rows.neurons.end(), some.neurons.begin(), some.neurons.end());
  rows.values.insert(rows.values.end(), some.values.begin(), some.values.end());
  size_t next = 0;  // of the good images
  for (int64_t image = batch.first; image < batch.first + images; ++image) {
    const bool isGood = next < batch.indices.size() && batch.indices[next] == image;
    for (int64_t r = 0; r < rowsPerImage; ++r)
      rows.offsets.push_back(isGood ? before + some.offsets[next * size_t(rowsPerImage) + size_t(r) + 1] : rows.offsets.back());
    next += isGood;
  }
}

void checkFinite(const RowChunk& chunk, const OpenModel& model, const ImageFolder& images, const ImageBatch& batch) {
  bool finite = true;
  if (chunk.dense.defined())
    finite = at::isfinite(chunk.dense).all().item<bool>();
  else
    finite = std::all_of(chunk.sparse.values.begin(), chunk.sparse.values.end(), [](float v) { return std::isfinite(v); });
  if (!finite)
    throw Error(ErrorCode::Diverged, "the model " + model.name + " gives values that are not finite; its weights may be broken",
                "among the " + std::to_string(batch.indices.size()) + " images from " +
                    images.images[size_t(batch.indices.front())].path);
}

}  // namespace

OpenModel openModel(const std::filesystem::path& folder, const std::string& device, const std::string& precision,
                    const std::stop_token& stop) {
  OpenModel open;
  const at::ScalarType dtype = resolvePrecision(precision);
  open.device = resolveDevice(device);
  open.preprocess = readPreprocessConfig(folder);
  if (!open.preprocess.fixedSize())
    throw Error(ErrorCode::Unsupported, "the model's preprocessing gives images of different sizes, which make no batch", folder.string());
  open.model = loadVisionModel(folder, {.device = open.device, .dtype = dtype, .stop = stop}, &open.report);
  open.model->eval();
  open.name = folderName(folder);
  return open;
}

std::string folderName(const std::filesystem::path& folder) {
  std::error_code ignored;
  auto path = std::filesystem::absolute(folder, ignored).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  // models--openai--clip-vit-large-patch14/snapshots/HASH
  if (path.parent_path().filename() == "snapshots") {
    const std::string repository = path.parent_path().parent_path().filename().string();
    if (repository.starts_with("models--") && repository.rfind("--") > 6) return repository.substr(repository.rfind("--") + 2);
  }
  return path.filename().string();
}

std::string datasetName(const ImageFolder& images) {
  const std::string name = folderName(images.root);
  return images.split.empty() ? name : name + "_" + images.split;
}

at::Tensor RowChunk::read(int64_t begin, int64_t count, int64_t dim) const {
  if (dense.defined()) return dense.narrow(0, begin, count);
  at::Tensor rows = at::zeros({count, dim});
  float* out = rows.mutable_data_ptr<float>();
  for (int64_t r = 0; r < count; ++r)
    for (uint32_t i = sparse.offsets[size_t(begin + r)]; i < sparse.offsets[size_t(begin + r + 1)]; ++i)
      out[r * dim + sparse.neurons[i]] = sparse.values[i];
  return rows;
}

void appendSparse(SparseRows& sparse, const at::Tensor& rows) {
  const at::Tensor plain = rows.to(at::kCPU, at::kFloat).contiguous();
  const float* value = plain.const_data_ptr<float>();
  const int64_t n = plain.size(0), dim = plain.size(1);
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c < dim; ++c, ++value) {
      if (*value == 0.0f) continue;
      sparse.neurons.push_back(uint32_t(c));
      sparse.values.push_back(*value);
    }
    if (sparse.neurons.size() > UINT32_MAX) throw Error(ErrorCode::Invalid, "too many latents in one block; a smaller batch is needed");
    sparse.offsets.push_back(uint32_t(sparse.neurons.size()));
  }
}

int64_t blockSize(int batch, int64_t bytesPerImage) {
  const int64_t wanted = std::clamp<int64_t>((int64_t{8} << 20) / std::max<int64_t>(1, bytesPerImage), 1, 256);
  return std::max<int64_t>(1, wanted / batch) * batch;
}

void runOverImages(const ImageFolder& images, const OpenModel& model, const ImageRunOptions& options, const RowsOf& rowsOf,
                   const std::function<void(ImageBlock&&)>& sink, ProgressMeter& meter, const std::stop_token& stop) {
  const torch::InferenceMode noAutograd;
  ImageLoader::Options loading;
  loading.batch = options.batch;
  loading.workers = options.workers;
  loading.first = options.first;
  loading.thumbnailSide = options.thumbnailSide;
  loading.stop = stop;
  ImageLoader loader(images, model.preprocess, loading);

  const int64_t total = int64_t(images.images.size());
  ImageBlock block;
  block.first = options.first;
  std::vector<at::Tensor> dense;
  while (std::optional<ImageBatch> batch = loader.next()) {
    throwIfStopped(stop);
    RowChunk good;
    if (!batch->indices.empty()) {
      rowsOf(batch->pixels.to(model.device), batch->indices, good);
      checkFinite(good, model, images, *batch);
    }
    placeRows(block, std::move(good), *batch, options.rowsPerImage, options.dim, options.sparse, dense);
    block.images += int64_t(batch->indices.size() + batch->failures.size());
    block.indices.insert(block.indices.end(), batch->indices.begin(), batch->indices.end());
    std::move(batch->infos.begin(), batch->infos.end(), std::back_inserter(block.infos));
    for (const ImageFailure& f : batch->failures)
      block.failed.push_back({f.index, images.images[size_t(f.index)].path, f.reason});

    const int64_t done = block.first + block.images;
    if (block.images >= options.blockImages || done == total) {
      if (!options.sparse) block.rows.dense = at::cat(dense);
      dense.clear();
      const int64_t finished = block.images;
      sink(std::move(block));
      block = {};
      block.first = done;
      meter.advance(finished);
    }
  }
}

}  // namespace sememe
