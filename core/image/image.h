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

// Decodes JPEG (also grey, CMYK, YCCK), PNG, WebP, BMP, TIFF and PBM/PGM/PPM, whatever the file's ending, to what
// Pillow's `exif_transpose(open(path)).convert("RGB")` gives:
//  - the EXIF orientation is applied (JPEG, PNG, WebP; TIFF's own tag; an XMP packet's where there is none in EXIF);
//  - alpha is dropped, not blended; palettes are looked up; of several frames or pages the first is taken;
//  - 16-bit channels keep their high byte (PNM's are scaled). Pillow does so for colours; 16-bit grey it clips at 255,
//    which we do not follow, because it turns nearly every such image white;
//  - CMYK is taken as inverted, as Adobe writes it; no colour profile is used.
// BMP, PNM and lossless PNG, WebP and TIFF equal Pillow's pixels. JPEG and lossy WebP equal them where OpenCV's and Pillow's
// codec libraries are alike, else to a level or two; CMYK to two. TIFF with premultiplied alpha keeps it multiplied in.
// Throws Error: NotFound or Io when the file cannot be read; Unsupported for another kind of image; Corrupt for an empty,
// broken, truncated or oversized (kMaxImagePixels) one. A JPEG whose end is missing counts as truncated, as with Pillow;
// damage inside compressed data without a checksum (JPEG, lossy WebP, TIFF) may pass as wrong pixels, as everywhere.
// Any thread.
Image decodeImage(const std::filesystem::path& path);

// The same from bytes; `name` stands for the file in errors.
Image decodeImage(std::span<const std::byte> bytes, const std::string& name);

// Whole files. `quality` 1 … 100. Throws Error (Invalid) for an empty image or one whose `rgb` has the wrong size. Any thread.
std::vector<uint8_t> encodeJpeg(const Image& image, int quality);
std::vector<uint8_t> encodePng(const Image& image);

// The image scaled down, antialiased, to fit into side x side with its aspect ratio kept (no edge below one pixel); an
// image that fits already comes back as it is. Throws Error (Invalid) for side < 1 or an empty image. Any thread.
Image makeThumbnail(const Image& image, int side);

}  // namespace sememe
