// What an image file's structure says, checked before any decoder sees it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/image/byte_view.h"
#include "core/image/image.h"

namespace sememe {

// A file taken apart: its size, how to turn it upright, and a stream for the decoder that carries the pixels alone (no
// profiles, comments, previews), so that decoders neither warn nor parse what nobody asked for.
struct Container {
  int width = 0;   // of the picture to decode, as stored; both at least 1, product at most kMaxImagePixels
  int height = 0;
  int orientation = 1;          // EXIF's 1 … 8
  std::vector<uint8_t> stream;  // what the decoder gets
  // An animation's first picture may be a part of the whole: where it lies on the black canvas.
  int canvasWidth = 0;  // 0 = the picture is the whole
  int canvasHeight = 0;
  int x = 0;
  int y = 0;
};

// Each throws Error (Corrupt, Unsupported) for a file that is broken, cut off or too large. All structure is checked, and
// the CRCs of PNG; errors inside compressed data remain for the decoder.
Container parseJpeg(const ByteView& file);
Container parsePng(const ByteView& file);
Container parseWebp(const ByteView& file);
Container parseTiff(const ByteView& file);

// Formats that are decoded here, whole; equal to Pillow.
Image decodeBmp(const ByteView& file);
Image decodePnm(const ByteView& file);

// Throws Error (Corrupt) unless 1 <= width, height and width * height <= kMaxImagePixels.
void checkImageSize(const ByteView& file, int64_t width, int64_t height);

// The orientation in an EXIF block (with or without its "Exif\0\0" in front); 0 = none, or the block is broken.
int exifOrientation(std::span<const uint8_t> block);
// The orientation in an XMP packet's text; 0 = none.
int xmpOrientation(std::span<const uint8_t> packet);

}  // namespace sememe
