// An image in memory: decoded from the formats that image sets are made of, encoded for storage and display.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace sememe {

// 8-bit RGB, upright. `rgb` has 3 * width * height bytes, row-major, top row first, no padding.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;
};

// An image of more pixels than this is refused before it is decoded: a decompression bomb, not a photograph.
inline constexpr int64_t kMaxImagePixels = int64_t{256} * 1024 * 1024;

// Decodes JPEG (also grey, CMYK, YCCK), PNG, WebP, BMP, TIFF and PBM/PGM/PPM to what Pillow's
// `exif_transpose(open(path)).convert("RGB")` gives:
//  - the EXIF orientation is applied (JPEG, PNG, WebP; TIFF's own tag);
//  - alpha is dropped, not blended; palettes are looked up; of several frames or pages the first is taken;
//  - 16-bit channels keep their high byte. Pillow does so for 16-bit RGB; 16-bit grey it clips at 255, which we do not
//    follow, because it turns nearly every such image white;
//  - CMYK becomes (255 - C) * (255 - K) / 255 and so on, as Adobe writes it (inverted) or not; no colour profile is used.
// Pixels equal Pillow's for lossless formats. JPEG may differ by a level or two a channel where the two programs' JPEG
// libraries differ.
// Throws Error: NotFound or Io when the file cannot be read; Unsupported for a format not listed here; Corrupt for an
// empty, broken, truncated or oversized (kMaxImagePixels) image. Any thread.
Image decodeImage(const std::filesystem::path& path);

// The same from bytes; `name` stands for the file in errors.
Image decodeImage(std::span<const std::byte> bytes, const std::string& name);

// Width and height as stored (before the EXIF orientation), from the header alone. Throws as decodeImage does. Any thread.
struct ImageSize {
  int width = 0;
  int height = 0;
};
ImageSize readImageSize(std::span<const std::byte> bytes, const std::string& name);

// Whole files. `quality` 1 … 100. Throws Error (Invalid) for an empty image or one whose `rgb` has the wrong size. Any thread.
std::vector<uint8_t> encodeJpeg(const Image& image, int quality);
std::vector<uint8_t> encodePng(const Image& image);

// The image scaled down, antialiased, to fit into side x side with its aspect ratio kept (no edge below one pixel); an
// image that fits already comes back as it is. Throws Error (Invalid) for side < 1 or an empty image. Any thread.
Image makeThumbnail(const Image& image, int side);

}  // namespace sememe
