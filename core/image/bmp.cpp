// BMP files, decoded whole: palettes, 16 to 32 bits, colour masks and run lengths, as Pillow reads them.
#include <array>
#include <bit>
#include <cstdlib>

#include "core/image/container.h"

namespace sememe {
namespace {

using Colour = std::array<uint8_t, 3>;

struct Header {
  int width = 0;
  int height = 0;
  bool topDown = false;
  uint32_t bits = 0;
  uint32_t compression = 0;  // 0 none, 1 RLE8, 2 RLE4, 3 and 6 masks
  std::array<uint32_t, 3> masks{};
  std::vector<Colour> palette;  // 256 entries when bits <= 8
  size_t pixels = 0;            // where they start
};

Header readHeader(const ByteView& file) {
  Header h;
  h.pixels = file.le32(10);
  const uint32_t size = file.le32(14);
  const bool core = size == 12;
  if (!core && (size < 40 || size > 4096)) file.corrupt("broken BMP file: a header of " + std::to_string(size) + " bytes");
  int64_t width, height;
  uint32_t colours = 0;
  if (core) {
    width = file.le16(18);
    height = file.le16(20);
    h.bits = file.le16(24);
  } else {
    width = static_cast<int32_t>(file.le32(18));
    height = static_cast<int32_t>(file.le32(22));
    h.bits = file.le16(28);
    h.compression = file.le32(30);
    colours = file.le32(46);
  }
  h.topDown = height < 0;
  if (h.topDown) height = -height;
  checkImageSize(file, width, height);
  h.width = static_cast<int>(width);
  h.height = static_cast<int>(height);

  const bool mask = h.compression == 3 || h.compression == 6;
  const bool known = (h.compression == 0 && (h.bits == 1 || h.bits == 4 || h.bits == 8 || h.bits == 16 ||
                                             h.bits == 24 || h.bits == 32)) ||
                     (h.compression == 1 && h.bits == 8) || (h.compression == 2 && h.bits == 4) ||
                     (mask && (h.bits == 16 || h.bits == 32));
  if (!known) {
    file.unsupported("a BMP file of " + std::to_string(h.bits) + " bits, compression " + std::to_string(h.compression));
  }
  // With the 40-byte header the masks follow it; later headers hold them at the same place.
  if (mask) {
    h.masks = {file.le32(54), file.le32(58), file.le32(62)};
  } else if (h.bits == 16) {
    h.masks = {0x7C00, 0x03E0, 0x001F};
  } else {
    h.masks = {0xFF0000, 0xFF00, 0xFF};
  }
  if (h.bits <= 8) {
    const size_t entry = core ? 3 : 4;
    const size_t start = 14 + size;
    size_t count = size_t{1} << h.bits;
    if (colours > 0 && colours < count) count = colours;
    if (h.pixels > start && (h.pixels - start) / entry < count) count = (h.pixels - start) / entry;
    h.palette.resize(256);
    for (size_t i = 0; i < count; ++i) {
      const size_t at = start + i * entry;
      h.palette[i] = {file.u8(at + 2), file.u8(at + 1), file.u8(at)};
    }
  }
  return h;
}

// The value under a mask, stretched to 0 … 255.
uint8_t masked(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint64_t most = mask >> std::countr_zero(mask);
  const uint64_t value = (pixel & mask) >> std::countr_zero(mask);
  return static_cast<uint8_t>(value * 255 / most);
}

// Palette indices of a run-length coded image, bottom row first; what no run reaches stays 0.
std::vector<uint8_t> expandRuns(const ByteView& file, const Header& h) {
  const size_t width = static_cast<size_t>(h.width);
  std::vector<uint8_t> out(width * static_cast<size_t>(h.height), 0);
  const bool nibbles = h.compression == 2;
  size_t x = 0, y = 0, pos = h.pixels;
  const auto put = [&](uint8_t value) {
    if (x < width && y < static_cast<size_t>(h.height)) out[y * width + x] = value;
    ++x;
  };
  while (y < static_cast<size_t>(h.height)) {
    const uint8_t count = file.u8(pos);
    const uint8_t code = file.u8(pos + 1);
    pos += 2;
    if (count > 0) {
      for (int i = 0; i < count; ++i) put(!nibbles ? code : i & 1 ? code & 15 : code >> 4);
    } else if (code == 0) {
      x = 0;
      ++y;
    } else if (code == 1) {
      break;
    } else if (code == 2) {
      x += file.u8(pos);
      y += file.u8(pos + 1);
      pos += 2;
    } else {
      for (size_t i = 0; i < code; ++i) {
        const uint8_t byte = file.u8(pos + (nibbles ? i / 2 : i));
        put(!nibbles ? byte : i & 1 ? byte & 15 : byte >> 4);
      }
      const size_t used = nibbles ? (size_t{code} + 1) / 2 : code;
      pos += used + (used & 1);
    }
  }
  return out;
}

}  // namespace

Image decodeBmp(const ByteView& file) {
  const Header h = readHeader(file);
  const size_t width = static_cast<size_t>(h.width), height = static_cast<size_t>(h.height);
  const size_t stride = (width * h.bits + 31) / 32 * 4;
  const bool runs = h.compression == 1 || h.compression == 2;
  if (h.pixels < 26 || (!runs && !file.has(h.pixels, stride * height))) file.truncated();
  std::vector<uint8_t> indices;
  if (runs) indices = expandRuns(file, h);

  Image image{h.width, h.height, {}};
  image.rgb.resize(3 * width * height);
  for (size_t row = 0; row < height; ++row) {
    uint8_t* to = image.rgb.data() + 3 * width * (h.topDown ? row : height - 1 - row);
    const uint8_t* from = runs ? indices.data() + row * width : file.bytes().data() + h.pixels + row * stride;
    for (size_t x = 0; x < width; ++x, to += 3) {
      if (h.bits <= 8) {
        const size_t index = runs || h.bits == 8 ? from[x]
                             : h.bits == 4       ? (from[x / 2] >> (x & 1 ? 0 : 4)) & 15
                                                 : (from[x / 8] >> (7 - (x & 7))) & 1;
        const Colour& colour = h.palette[index];
        to[0] = colour[0], to[1] = colour[1], to[2] = colour[2];
      } else if (h.bits == 24) {
        to[0] = from[3 * x + 2], to[1] = from[3 * x + 1], to[2] = from[3 * x];
      } else {
        const uint8_t* p = from + x * h.bits / 8;
        uint32_t pixel = static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8;
        if (h.bits == 32) pixel |= static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[3]) << 24;
        for (size_t c = 0; c < 3; ++c) to[c] = masked(pixel, h.masks[c]);
      }
    }
  }
  return image;
}

}  // namespace sememe
