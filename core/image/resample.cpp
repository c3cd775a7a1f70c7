// Pillow's two-pass resampling in fixed point.
#include "core/image/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr int kPrecision = 32 - 8 - 2;  // bits of a weight, so that a sum of 8-bit values times weights fits 32 bits

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double weight(Resample filter, double x) {
  switch (filter) {
    case Resample::Box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Resample::Bilinear:
      x = std::abs(x);
      return x < 1 ? 1 - x : 0;
    case Resample::Hamming:
      x = std::abs(x);
      return x < 1 ? sinc(x) * (0.54 + 0.46 * std::cos(x * std::numbers::pi)) : 0;
    case Resample::Bicubic: {
      constexpr double a = -0.5;
      x = std::abs(x);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    }
    case Resample::Lanczos:
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case Resample::Nearest:
      break;
  }
  return 0;
}

double support(Resample filter) {
  switch (filter) {
    case Resample::Box: return 0.5;
    case Resample::Bilinear:
    case Resample::Hamming: return 1;
    case Resample::Bicubic: return 2;
    case Resample::Lanczos: return 3;
    case Resample::Nearest: break;
  }
  return 0;
}

// For each output position the input positions [first, first + count) and their weights at taps[offset …].
struct Line {
  int first = 0;
  int count = 0;
  size_t offset = 0;
};
struct Weights {
  std::vector<Line> lines;
  std::vector<int32_t> taps;
};

Weights makeWeights(int inSize, int outSize, Resample filter) {
  const double scale = static_cast<double>(inSize) / outSize;
  const double filterScale = std::max(scale, 1.0);
  const double reach = support(filter) * filterScale;
  const double inverse = 1.0 / filterScale;
  Weights result;
  result.lines.reserve(static_cast<size_t>(outSize));
  std::vector<double> k;
  for (int i = 0; i < outSize; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int last = std::min(inSize, static_cast<int>(centre + reach + 0.5));
    const int count = std::max(0, last - first);
    k.assign(static_cast<size_t>(count), 0);
    double sum = 0;
    for (int j = 0; j < count; ++j) {
      const double w = weight(filter, (j + first - centre + 0.5) * inverse);
      k[static_cast<size_t>(j)] = w;
      sum += w;
    }
    result.lines.push_back({first, count, result.taps.size()});
    for (double w : k) {
      if (sum != 0) w /= sum;
      result.taps.push_back(static_cast<int32_t>((w < 0 ? -0.5 : 0.5) + w * (1 << kPrecision)));
    }
  }
  return result;
}

uint8_t toByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecision, 0, 255)); }

// Rows [firstRow, firstRow + rows) of the image, each resampled to `width`.
std::vector<uint8_t> resampleAcross(const Image& image, int width, int firstRow, int rows, Resample filter) {
  const Weights weights = makeWeights(image.width, width, filter);
  std::vector<uint8_t> out(3 * static_cast<size_t>(width) * static_cast<size_t>(rows));
  uint8_t* to = out.data();
  for (int y = 0; y < rows; ++y) {
    const uint8_t* row = image.rgb.data() + 3 * static_cast<size_t>(image.width) * static_cast<size_t>(firstRow + y);
    for (const Line& line : weights.lines) {
      const int32_t* tap = weights.taps.data() + line.offset;
      const uint8_t* from = row + 3 * static_cast<size_t>(line.first);
      int32_t r = 1 << (kPrecision - 1), g = r, b = r;
      for (int j = 0; j < line.count; ++j, from += 3) {
        r += from[0] * tap[j];
        g += from[1] * tap[j];
        b += from[2] * tap[j];
      }
      *to++ = toByte(r);
      *to++ = toByte(g);
      *to++ = toByte(b);
    }
  }
  return out;
}

// `rows` starts at input row `firstRow`.
Image resampleDown(std::span<const uint8_t> rows, int width, int firstRow, int height, const Weights& weights) {
  Image out{width, height, {}};
  const size_t stride = 3 * static_cast<size_t>(width);
  out.rgb.resize(stride * static_cast<size_t>(height));
  std::vector<int32_t> sums(stride);
  for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
    const Line& line = weights.lines[y];
    std::fill(sums.begin(), sums.end(), 1 << (kPrecision - 1));
    for (int j = 0; j < line.count; ++j) {
      const int32_t tap = weights.taps[line.offset + static_cast<size_t>(j)];
      const uint8_t* from = rows.data() + stride * static_cast<size_t>(line.first - firstRow + j);
      for (size_t i = 0; i < stride; ++i) sums[i] += from[i] * tap;
    }
    uint8_t* to = out.rgb.data() + stride * y;
    for (size_t i = 0; i < stride; ++i) to[i] = toByte(sums[i]);
  }
  return out;
}

// Input positions of the outputs; adding up step by step, as Pillow does, keeps its rounding.
std::vector<int> nearestPositions(int inSize, int outSize) {
  const double step = static_cast<double>(inSize) / outSize;
  std::vector<int> positions(static_cast<size_t>(outSize));
  double at = step * 0.5;
  for (int& p : positions) {
    p = std::clamp(static_cast<int>(at), 0, inSize - 1);
    at += step;
  }
  return positions;
}

Image resizeNearest(const Image& image, int width, int height) {
  Image out{width, height, {}};
  out.rgb.reserve(3 * static_cast<size_t>(width) * static_cast<size_t>(height));
  const std::vector<int> xs = nearestPositions(image.width, width);
  for (const int y : nearestPositions(image.height, height)) {
    const uint8_t* row = image.rgb.data() + 3 * static_cast<size_t>(image.width) * static_cast<size_t>(y);
    for (const int x : xs) out.rgb.insert(out.rgb.end(), row + 3 * x, row + 3 * x + 3);
  }
  return out;
}

}  // namespace

Image resizeImage(const Image& image, int width, int height, Resample filter) {
  if (image.width < 1 || image.height < 1 ||
      image.rgb.size() != 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height)) {
    throw Error(ErrorCode::Invalid, "an empty or inconsistent image cannot be resized");
  }
  if (width < 1 || height < 1 || width > kMaxImagePixels / height) {
    throw Error(ErrorCode::Invalid, "an image cannot be resized to " + std::to_string(width) + " x " + std::to_string(height) +
                                        "; 1 to " + std::to_string(kMaxImagePixels) + " pixels were expected");
  }
  if (width == image.width && height == image.height) return image;
  if (filter == Resample::Nearest) return resizeNearest(image, width, height);

  if (height == image.height) return {width, height, resampleAcross(image, width, 0, height, filter)};
  const Weights down = makeWeights(image.height, height, filter);
  if (width == image.width) return resampleDown(image.rgb, width, 0, height, down);
  // Pillow's choice of the first pass, as of version 13; which one is first shows in the rounding between them.
  const bool downFirst = height < image.height && image.height - height > 2 * (int64_t{image.width} - width);
  if (downFirst) {
    const Image rows = resampleDown(image.rgb, image.width, 0, height, down);
    return {width, height, resampleAcross(rows, width, 0, height, filter)};
  }
  const int firstRow = down.lines.front().first;
  const int lastRow = down.lines.back().first + down.lines.back().count;
  const std::vector<uint8_t> rows = resampleAcross(image, width, firstRow, lastRow - firstRow, filter);
  return resampleDown(rows, width, firstRow, height, down);
}

}  // namespace sememe
