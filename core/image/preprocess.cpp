// Resize, crop, rescale and normalise, after Hugging Face's image processors.
#include "core/image/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/base/error.h"

namespace sememe {
namespace {

Image resized(const Image& image, const PreprocessConfig& config) {
  if (config.shortestEdge == 0) return resizeImage(image, config.resizeWidth, config.resizeHeight, config.resample);
  const int shorter = std::min(image.width, image.height);
  const int longer = std::max(image.width, image.height);
  if (shorter < 1) throw Error(ErrorCode::Invalid, "an empty image cannot be preprocessed");
  const int64_t edge = config.shortestEdge;
  // Python: int(size * long / short), a true division of the exact product.
  const int64_t length = static_cast<int64_t>(static_cast<double>(edge * longer) / shorter);
  if (length > kMaxImagePixels / edge) {
    throw Error(ErrorCode::Invalid, "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                                        " is too long and thin for a shortest edge of " + std::to_string(edge));
  }
  const int s = static_cast<int>(edge), l = static_cast<int>(length);
  return image.width <= image.height ? resizeImage(image, s, l, config.resample)
                                     : resizeImage(image, l, s, config.resample);
}

// Where the crop starts in the image; negative = so much padding in front.
int cropStart(int size, int crop) {
  // Smaller than the crop: the padding is split, with the odd pixel in front.
  return size >= crop ? (size - crop) / 2 : -((crop - size + 1) / 2);
}

// Per channel, what each 8-bit value becomes: float64 product, rounded to float32, then float32 arithmetic.
std::array<std::array<float, 256>, 3> valueTable(const PreprocessConfig& config) {
  std::array<std::array<float, 256>, 3> table{};
  for (size_t c = 0; c < 3; ++c) {
    for (size_t v = 0; v < 256; ++v) {
      const double value = static_cast<double>(v);
      float x = static_cast<float>(config.rescale ? value * config.rescaleFactor : value);
      if (config.normalize) x = (x - static_cast<float>(config.mean[c])) / static_cast<float>(config.std[c]);
      table[c][v] = x;
    }
  }
  return table;
}

// The pixels before crop and arithmetic, and the size that comes out.
struct Prepared {
  const Image* image = nullptr;
  Image own;
  int height = 0;
  int width = 0;
};

void prepare(const Image& image, const PreprocessConfig& config, Prepared& out) {
  out.image = &image;
  if (config.resize) {
    out.own = resized(image, config);
    out.image = &out.own;
  }
  if (out.image->width < 1 || out.image->height < 1 ||
      out.image->rgb.size() != 3 * static_cast<size_t>(out.image->width) * static_cast<size_t>(out.image->height)) {
    throw Error(ErrorCode::Invalid, "an empty or inconsistent image cannot be preprocessed");
  }
  out.height = config.centerCrop ? config.cropHeight : out.image->height;
  out.width = config.centerCrop ? config.cropWidth : out.image->width;
}

// Goes through the crop from its top left, a row after the other: `take(pixel)` has its three bytes, null where the image
// does not reach.
template <typename Take>
void eachPixel(const Prepared& prepared, Take take) {
  const Image& image = *prepared.image;
  const int top = cropStart(image.height, prepared.height);
  const int left = cropStart(image.width, prepared.width);
  for (int y = top; y < top + prepared.height; ++y) {
    for (int x = left; x < left + prepared.width; ++x) {
      const bool inside = y >= 0 && y < image.height && x >= 0 && x < image.width;
      take(inside ? image.rgb.data() + 3 * (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x)) : nullptr);
    }
  }
}

void write(const Prepared& prepared, const PreprocessConfig& config, float* out) {
  const auto table = valueTable(config);
  const size_t plane = static_cast<size_t>(prepared.height) * static_cast<size_t>(prepared.width);
  size_t at = 0;
  eachPixel(prepared, [&](const uint8_t* pixel) {
    for (size_t c = 0; c < 3; ++c) out[c * plane + at] = table[c][pixel ? pixel[c] : 0];
    ++at;
  });
}

}  // namespace

std::string PreprocessConfig::fingerprint() const {
  std::string text;
  const auto number = [](double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.17g", value);
    return std::string(buffer);
  };
  text += "filter " + std::to_string(static_cast<int>(resample));
  text += !resize             ? " no-resize"
          : shortestEdge > 0 ? " shortest " + std::to_string(shortestEdge)
                             : " size " + std::to_string(resizeHeight) + "x" + std::to_string(resizeWidth);
  if (centerCrop) text += " crop " + std::to_string(cropHeight) + "x" + std::to_string(cropWidth);
  if (rescale) text += " rescale " + number(rescaleFactor);
  if (normalize) {
    text += " mean";
    for (const double m : mean) text.append(1, ' ').append(number(m));
    text += " std";
    for (const double s : std) text.append(1, ' ').append(number(s));
  }
  return text;
}

at::Tensor preprocess(const Image& image, const PreprocessConfig& config) {
  Prepared prepared;
  prepare(image, config, prepared);
  at::Tensor out = at::empty({3, prepared.height, prepared.width}, at::kFloat);
  write(prepared, config, out.data_ptr<float>());
  return out;
}

Image resizeAndCrop(const Image& image, const PreprocessConfig& config) {
  Prepared prepared;
  prepare(image, config, prepared);
  Image out{prepared.width, prepared.height, {}};
  out.rgb.reserve(3 * static_cast<size_t>(out.width) * static_cast<size_t>(out.height));
  constexpr uint8_t kBlack[3] = {};
  eachPixel(prepared, [&](const uint8_t* pixel) { out.rgb.insert(out.rgb.end(), pixel ? pixel : kBlack, (pixel ? pixel : kBlack) + 3); });
  return out;
}

void preprocessInto(const Image& image, const PreprocessConfig& config, std::span<float> out) {
  Prepared prepared;
  prepare(image, config, prepared);
  if (out.size() != 3 * static_cast<size_t>(prepared.height) * static_cast<size_t>(prepared.width)) {
    throw Error(ErrorCode::Mismatch, "an image comes out at " + std::to_string(prepared.height) + " x " +
                                         std::to_string(prepared.width) + ", room for " + std::to_string(out.size()) +
                                         " values was given");
  }
  write(prepared, config, out.data());
}

}  // namespace sememe
