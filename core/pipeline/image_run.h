// A model run over the images of a folder, block by block: what extract and embed have in common.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/image/image_folder.h"
#include "core/image/image_loader.h"
#include "core/models/vision_model.h"
#include "core/pipeline/extract.h"
#include "core/store/activations.h"

namespace sememe {

// A model ready to run, without autograd.
struct OpenModel {
  std::shared_ptr<VisionModel> model;
  LoadReport report;
  PreprocessConfig preprocess;
  at::Device device = at::kCPU;
  std::string name;  // of its folder
};
// `precision`: what it computes in, "f32", "bf16" or "f16". Throws Error as loadVisionModel() does, and Invalid for another
// precision; Cancelled.
OpenModel openModel(const std::filesystem::path& folder, const std::string& device, const std::string& precision,
                    const std::stop_token& stop = {});

// "clip-vit-large-patch14-336" of ".../clip-vit-large-patch14-336/"; of a hub cache's snapshot folder the repository's name.
std::string folderName(const std::filesystem::path& folder);
// "{folder}_{split}", or the folder alone.
std::string datasetName(const ImageFolder& images);

// Rows of part of the images: dense or sparse.
struct RowChunk {
  at::Tensor dense;   // float32 [rows, dim], CPU; undefined when sparse
  SparseRows sparse;  // values may be of any sign

  int64_t rows() const { return dense.defined() ? dense.size(0) : sparse.rows(); }
  // float32 [count, dim] of rows begin … begin + count - 1.
  at::Tensor read(int64_t begin, int64_t count, int64_t dim) const;
};

// Appends rows [n, dim] (any device). Throws Error (Invalid) beyond 2^32 non-zeros, which no block comes near.
void appendSparse(SparseRows& sparse, const at::Tensor& rows);

struct ImageBlock {
  int64_t first = 0;
  int64_t images = 0;               // good and bad
  std::vector<int64_t> indices;     // of the good ones
  std::vector<LoadedInfo> infos;    // of the good ones
  std::vector<FailedImage> failed;
  RowChunk rows;                    // images x rowsPerImage, those of failed images zero
};

struct ImageRunOptions {
  int64_t first = 0;        // where to begin: a multiple of blockImages
  int64_t blockImages = 0;  // a multiple of batch
  int batch = 32;
  int workers = 0;
  int thumbnailSide = 0;
  int64_t rowsPerImage = 1;
  int64_t dim = 0;
  bool sparse = false;
};

// Images of one block: a multiple of `batch`, at most 256 where the batch allows, and about 8 MB of rows of `rowBytes`.
int64_t blockSize(int batch, int64_t bytesPerImage);

// Gives `sink` the blocks in order. `rowsOf` gets the pixels [n, 3, H, W] on the model's device and the images' numbers,
// and adds n x rowsPerImage rows to the chunk. Batches are cut at the same images whatever `first` is.
// Throws Cancelled between two batches, and what the sink throws; Error (Diverged) for rows that are not finite.
using RowsOf = std::function<void(const at::Tensor& pixels, std::span<const int64_t> images, RowChunk& chunk)>;
void runOverImages(const ImageFolder& images, const OpenModel& model, const ImageRunOptions& options, const RowsOf& rowsOf,
                   const std::function<void(ImageBlock&&)>& sink, ProgressMeter& meter, const std::stop_token& stop);

}  // namespace sememe
