// Decoding, encoding and thumbnails of images.
#include "core/image/image.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/image/container.h"
#include "core/image/resample.h"

namespace sememe {
namespace {

// OpenCV says what is wrong with each bad image on stderr, and has threads of its own: we report and thread ourselves.
void prepareOpenCv() {
  static std::once_flag once;
  std::call_once(once, [] {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
    cv::setNumThreads(1);
  });
}

void swapRedAndBlue(std::vector<uint8_t>& pixels) {
  for (size_t i = 0; i + 2 < pixels.size(); i += 3) std::swap(pixels[i], pixels[i + 2]);
}

[[noreturn]] void undecodable(std::string_view name) {
  throw Error(ErrorCode::Corrupt, "the image is broken: its compressed data cannot be decoded", std::string(name));
}

// The picture of a container, not yet upright.
Image decodeStream(const Container& container, std::string_view name) {
  prepareOpenCv();
  Image image{container.width, container.height, {}};
  image.rgb.resize(3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height));
  try {
    const cv::Mat stream(1, static_cast<int>(container.stream.size()), CV_8UC1,
                         const_cast<uint8_t*>(container.stream.data()));
    // Decoding into our own memory spares a copy; a 16-bit image comes in its own.
    cv::Mat picture(image.height, image.width, CV_8UC3, image.rgb.data());
    cv::imdecode(stream, cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH | cv::IMREAD_IGNORE_ORIENTATION, &picture);
    if (picture.rows != image.height || picture.cols != image.width || picture.channels() != 3) undecodable(name);
    if (picture.depth() == CV_16U) {
      for (int y = 0; y < image.height; ++y) {
        const uint16_t* from = picture.ptr<uint16_t>(y);
        uint8_t* to = image.rgb.data() + 3 * static_cast<size_t>(image.width) * static_cast<size_t>(y);
        for (int i = 0; i < 3 * image.width; ++i) to[i] = static_cast<uint8_t>(from[i] >> 8);
      }
    } else if (picture.data != image.rgb.data()) {
      undecodable(name);
    }
  } catch (const cv::Exception& e) {
    if (e.code == cv::Error::StsNoMem) throw std::bad_alloc();
    undecodable(name);
  }
  swapRedAndBlue(image.rgb);
  return image;
}

Image pasteOnCanvas(const Image& picture, const Container& container) {
  Image canvas{container.canvasWidth, container.canvasHeight, {}};
  const size_t stride = 3 * static_cast<size_t>(canvas.width);
  canvas.rgb.resize(stride * static_cast<size_t>(canvas.height));
  const size_t row = 3 * static_cast<size_t>(picture.width);
  for (size_t y = 0; y < static_cast<size_t>(picture.height); ++y) {
    std::copy_n(picture.rgb.begin() + static_cast<std::ptrdiff_t>(y * row), row,
                canvas.rgb.begin() + static_cast<std::ptrdiff_t>((y + static_cast<size_t>(container.y)) * stride +
                                                                 3 * static_cast<size_t>(container.x)));
  }
  return canvas;
}

// Turns and mirrors by EXIF's orientation 2 … 8.
Image makeUpright(const Image& image, int orientation) {
  const int64_t w = image.width, h = image.height;
  const bool turned = orientation >= 5;
  Image out{turned ? image.height : image.width, turned ? image.width : image.height, {}};
  out.rgb.resize(image.rgb.size());
  // Where output pixel (0, 0) comes from, and the steps in the input for a step to the right and down.
  int64_t start = 0, right = 1, down = w;
  switch (orientation) {
    case 2: start = w - 1, right = -1, down = w; break;
    case 3: start = w * h - 1, right = -1, down = -w; break;
    case 4: start = w * (h - 1), right = 1, down = -w; break;
    case 5: start = 0, right = w, down = 1; break;
    case 6: start = w * (h - 1), right = -w, down = 1; break;
    case 7: start = w * h - 1, right = -w, down = -1; break;
    case 8: start = w - 1, right = w, down = -1; break;
    default: break;
  }
  uint8_t* to = out.rgb.data();
  for (int64_t y = 0; y < out.height; ++y) {
    for (int64_t x = 0; x < out.width; ++x, to += 3) {
      const uint8_t* from = image.rgb.data() + 3 * (start + x * right + y * down);
      to[0] = from[0], to[1] = from[1], to[2] = from[2];
    }
  }
  return out;
}

Image decodeContainer(const Container& container, std::string_view name) {
  Image image = decodeStream(container, name);
  if (container.canvasWidth > 0) image = pasteOnCanvas(image, container);
  if (container.orientation > 1) image = makeUpright(image, container.orientation);
  return image;
}

bool isPnm(const ByteView& file) {
  if (!file.has(0, 3) || file.u8(0) != 'P' || file.u8(1) < '1' || file.u8(1) > '6') return false;
  const uint8_t c = file.u8(2);
  return c == ' ' || c == '#' || (c >= 9 && c <= 13);
}

bool isForeign(const ByteView& file) {
  for (const char* signature : {"GIF8", "8BPS", "%PDF", "<svg", "<?xml", "\xFF\x0A", "v/1\x01", "#?RADIANCE"}) {
    if (file.startsWith(0, signature)) return true;
  }
  return file.startsWith(4, "ftyp") || file.startsWith(4, "jP  ") || file.startsWith(4, "JXL ");
}

cv::Mat toBgr(const Image& image) {
  if (image.width < 1 || image.height < 1 ||
      image.rgb.size() != 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height)) {
    throw Error(ErrorCode::Invalid, "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                                        " with " + std::to_string(image.rgb.size()) + " bytes cannot be encoded");
  }
  cv::Mat bgr(image.height, image.width, CV_8UC3);
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    bgr.data[i] = image.rgb[i + 2];
    bgr.data[i + 1] = image.rgb[i + 1];
    bgr.data[i + 2] = image.rgb[i];
  }
  return bgr;
}

std::vector<uint8_t> encode(const Image& image, const char* extension, const std::vector<int>& options) {
  prepareOpenCv();
  std::vector<uint8_t> out;
  bool good = false;
  try {
    good = cv::imencode(extension, toBgr(image), out, options);
  } catch (const cv::Exception& e) {
    if (e.code == cv::Error::StsNoMem) throw std::bad_alloc();
  }
  if (!good) {
    throw Error(ErrorCode::Invalid, "an image of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                                        " cannot be encoded as " + extension);
  }
  return out;
}

}  // namespace

Image decodeImage(std::span<const std::byte> bytes, const std::string& name) {
  const ByteView file({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, name);
  if (file.size() == 0) file.corrupt("the file is empty; an image was expected");
  if (file.size() > static_cast<size_t>(INT32_MAX)) file.corrupt("the file is too large; images of at most 2 GB are decoded");
  if (file.startsWith(0, "\xFF\xD8\xFF")) return decodeContainer(parseJpeg(file), name);
  if (file.startsWith(0, "\x89PNG\r\n\x1A\n")) return decodeContainer(parsePng(file), name);
  if (file.startsWith(0, "RIFF") && file.startsWith(8, "WEBP")) return decodeContainer(parseWebp(file), name);
  if (file.startsWith(0, std::string_view("II*\0", 4)) || file.startsWith(0, std::string_view("MM\0*", 4)) ||
      file.startsWith(0, std::string_view("II+\0", 4)) || file.startsWith(0, std::string_view("MM\0+", 4))) {
    return decodeContainer(parseTiff(file), name);
  }
  if (file.startsWith(0, "BM")) return decodeBmp(file);
  if (isPnm(file)) return decodePnm(file);
  if (isForeign(file)) {
    file.unsupported("an image of a format that is not read; JPEG, PNG, WebP, BMP, TIFF and PNM are");
  }
  file.corrupt("not an image: no JPEG, PNG, WebP, BMP, TIFF or PNM file starts like this");
}

Image decodeImage(const std::filesystem::path& path) {
  const std::string text = readTextFile(path, INT32_MAX);
  return decodeImage(std::as_bytes(std::span(text)), path.string());
}

std::vector<uint8_t> encodeJpeg(const Image& image, int quality) {
  if (quality < 1 || quality > 100) {
    throw Error(ErrorCode::Invalid, "JPEG quality " + std::to_string(quality) + "; 1 to 100 was expected");
  }
  return encode(image, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

std::vector<uint8_t> encodePng(const Image& image) { return encode(image, ".png", {}); }

Image makeThumbnail(const Image& image, int side) {
  if (side < 1) throw Error(ErrorCode::Invalid, "a thumbnail of " + std::to_string(side) + " pixels; at least 1 was expected");
  if (image.width <= side && image.height <= side && image.width > 0 && image.height > 0) return image;
  const double scale = static_cast<double>(side) / std::max(image.width, image.height);
  const auto scaled = [&](int length) { return std::clamp(static_cast<int>(length * scale + 0.5), 1, side); };
  return resizeImage(image, scaled(image.width), scaled(image.height), Resample::Bicubic);
}

}  // namespace sememe
