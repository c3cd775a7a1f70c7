// Cosines of images and names.
#include "core/pipeline/similarity_baseline.h"

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/pipeline/class_names.h"
#include "core/pipeline/device.h"
#include "core/pipeline/image_run.h"
#include "core/pipeline/text_embeddings.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

at::Tensor unitRows(const at::Tensor& rows) {
  return torch::nn::functional::normalize(rows, torch::nn::functional::NormalizeFuncOptions().dim(1).eps(1e-8));
}

// Gives images that lie in one folder the classes that their names begin with, up to the first "_", as the paper's subset of
// ImageNet has them: n01440764_n01440764_10026_n01440764.JPEG.
void takeClassesFromNames(ImageFolder& images) {
  std::map<std::string, int> numbers;
  for (ImageEntry& image : images.images) {
    const std::string name = fs::path(image.path).filename().string();
    const size_t end = name.find('_');
    if (end == std::string::npos || end == 0)
      throw Error(ErrorCode::NotFound,
                  "the images lie in no class folders, and this one's name does not begin with a class and \"_\"",
                  (images.root / image.path).string());
    const auto [found, isNew] = numbers.emplace(name.substr(0, end), int(images.classes.size()));
    if (isNew) images.classes.push_back(found->first);
    image.classIndex = found->second;
  }
}

std::vector<std::string> namesOf(const BaselineParams& params, const ImageFolder& images) {
  std::vector<std::string> names;
  if (params.names.empty()) {
    names = classLabels(images.classes, params.images);
  } else {
    const std::map<std::string, std::string> given = readNames(params.names);
    for (const std::string& folder : images.classes) {
      const auto found = given.find(folder);
      names.push_back(found == given.end() ? std::string() : found->second);
    }
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty())
      throw Error(ErrorCode::NotFound, "a class has no name; --names takes lines \"folder,name\"",
                  (params.names.empty() ? params.images : params.names).string() + ", " + images.classes[i]);
  }
  return names;
}

void describe(const std::vector<double>& cosines, double& mean, double& deviation) {
  const auto n = double(cosines.size());
  mean = std::accumulate(cosines.begin(), cosines.end(), 0.0) / n;
  double squares = 0;
  for (const double c : cosines) squares += (c - mean) * (c - mean);
  deviation = cosines.size() < 2 ? std::nan("") : std::sqrt(squares / (n - 1));
}

}  // namespace

BaselineResult similarityBaseline(const BaselineParams& params, std::stop_token stop, const ProgressFn& progress) {
  at::NoGradGuard noGrad;
  if (params.batch < 1) throw Error(ErrorCode::Invalid, "a batch has at least one image");
  ImageFolder images = listImageFolder(params.images, params.split);
  if (images.classes.empty()) takeClassesFromNames(images);
  const std::vector<std::string> names = namesOf(params, images);
  const at::Tensor text = unitRows(embedTexts(params.model, names, "names", resolveDevice(params.device), stop, progress).to(at::kDouble));
  const OpenModel model = openModel(params.model, params.device, "f32", stop);
  if (model.model->info().embeddingDim != text.size(1))
    throw Error(ErrorCode::Mismatch, "the image embedding is " + std::to_string(model.model->info().embeddingDim) + " wide and the text embedding " +
                                         std::to_string(text.size(1)), params.model.string());
  const auto total = int64_t(images.images.size());
  ImageRunOptions options;
  options.batch = params.batch;
  options.dim = text.size(1);
  options.blockImages = blockSize(params.batch, options.dim * int64_t(sizeof(float)));
  ProgressMeter meter(progress, "Embedding images", total);
  std::vector<at::Tensor> rows;
  std::vector<int64_t> classes;
  BaselineResult result;
  runOverImages(
      images, model, options,
      [&](const at::Tensor& pixels, std::span<const int64_t>, RowChunk& chunk) { chunk.dense = model.model->embed(pixels).to(at::kCPU, at::kFloat).contiguous(); },
      [&](ImageBlock&& block) {
        result.failed += int64_t(block.failed.size());
        for (const int64_t image : block.indices) {
          rows.push_back(block.rows.dense[image - block.first].to(at::kDouble));
          classes.push_back(images.images[size_t(image)].classIndex);
        }
      },
      meter, stop);
  meter.finish();
  if (rows.empty()) throw Error(ErrorCode::NotFound, "no image could be read", params.images.string());
  const at::Tensor unit = unitRows(at::stack(rows));
  const auto cosines = [&](const std::vector<int64_t>& of) {
    const at::Tensor values = (unit * text.index_select(0, at::tensor(of, at::kLong))).sum(1).contiguous();
    return std::vector<double>(values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel());
  };
  result.images = int64_t(rows.size());
  result.classes = int64_t(names.size());
  describe(cosines(classes), result.mean, result.deviation);
  // Not std::shuffle, whose result differs between libraries.
  std::mt19937_64 engine(params.seed);
  for (size_t i = classes.size(); i > 1; --i) std::swap(classes[i - 1], classes[size_t(((engine() >> 32) * i) >> 32)]);
  describe(cosines(classes), result.shuffledMean, result.shuffledDeviation);
  return result;
}

}  // namespace sememe
