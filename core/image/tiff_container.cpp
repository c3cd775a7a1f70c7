// TIFF files: the first directory, its size and orientation, and whether all its pixels are in the file.
#include <optional>

#include "core/image/container.h"

namespace sememe {
namespace {

// Numbers of a file in its own byte order; 32-bit ("classic") TIFF alone has them at these widths.
class Reader {
 public:
  explicit Reader(const ByteView& file) : m_file(file), m_little(file.u8(0) == 'I') {}

  uint32_t u16(size_t at) const { return m_little ? m_file.le16(at) : m_file.be16(at); }
  uint32_t u32(size_t at) const { return m_little ? m_file.le32(at) : m_file.be32(at); }

  struct Field {
    uint32_t type = 0;
    size_t count = 0;
    size_t at = 0;  // where its values lie
    size_t width = 0;
  };

  std::optional<Field> field(uint32_t tag) const {
    const size_t directory = u32(4);
    const size_t entries = u16(directory);
    for (size_t i = 0; i < entries; ++i) {
      const size_t entry = directory + 2 + 12 * i;
      if (u16(entry) != tag) continue;
      Field f;
      f.type = u16(entry + 2);
      f.count = u32(entry + 4);
      f.width = f.type == 1 ? 1 : f.type == 3 ? 2 : f.type == 4 ? 4 : 0;
      if (f.width == 0 || f.count == 0) broken(tag);
      f.at = f.count > 4 / f.width ? u32(entry + 8) : entry + 8;
      if (f.count > m_file.size() || !m_file.has(f.at, f.count * f.width)) m_file.truncated();
      return f;
    }
    return std::nullopt;
  }

  uint32_t value(const Field& f, size_t index) const {
    const size_t at = f.at + index * f.width;
    return f.width == 1 ? m_file.u8(at) : f.width == 2 ? u16(at) : u32(at);
  }
  uint32_t number(uint32_t tag, uint32_t missing) const {
    const auto f = field(tag);
    return f ? value(*f, 0) : missing;
  }

  [[noreturn]] void broken(uint32_t tag) const {
    m_file.corrupt("broken TIFF file: tag " + std::to_string(tag) + " is missing or not what it must be");
  }

 private:
  const ByteView& m_file;
  bool m_little;
};

enum Tag : uint32_t {
  kWidth = 256, kHeight = 257, kBits = 258, kCompression = 259, kPhotometric = 262, kStripOffsets = 273,
  kOrientation = 274, kSamples = 277, kStripRows = 278, kStripBytes = 279, kPlanar = 284, kTileWidth = 322,
  kTileHeight = 323, kTileOffsets = 324, kTileBytes = 325, kExtraSamples = 338, kSampleFormat = 339
};

// Every strip or tile that the picture needs lies within the file, and an uncompressed one is complete.
void checkPixelsPresent(const ByteView& file, const Reader& tiff, const Container& result, int64_t bits, int64_t samples) {
  const bool tiled = tiff.field(kTileOffsets).has_value();
  const auto offsets = tiff.field(tiled ? kTileOffsets : kStripOffsets);
  const auto sizes = tiff.field(tiled ? kTileBytes : kStripBytes);
  if (!offsets) tiff.broken(tiled ? kTileOffsets : kStripOffsets);
  if (!sizes) tiff.broken(tiled ? kTileBytes : kStripBytes);
  int64_t blockWidth = result.width;
  int64_t blockHeight = tiff.number(kStripRows, 0xFFFFFFFFU);
  if (tiled) {
    blockWidth = tiff.number(kTileWidth, 0);
    blockHeight = tiff.number(kTileHeight, 0);
    checkImageSize(file, blockWidth, blockHeight);
  } else if (blockHeight == 0) {
    tiff.broken(kStripRows);
  } else if (blockHeight > result.height) {
    blockHeight = result.height;
  }
  const int64_t across = (result.width + blockWidth - 1) / blockWidth;
  const int64_t down = (result.height + blockHeight - 1) / blockHeight;
  const bool planes = tiff.number(kPlanar, 1) == 2;
  const int64_t blocks = across * down * (planes ? samples : 1);
  if (static_cast<int64_t>(offsets->count) < blocks || static_cast<int64_t>(sizes->count) < blocks) {
    file.corrupt("broken TIFF file: " + std::to_string(offsets->count) + " strips or tiles, " + std::to_string(blocks) +
                 " expected");
  }
  const bool plain = tiff.number(kCompression, 1) == 1 && tiff.number(kPhotometric, 1) != 6;
  const int64_t rowBytes = (blockWidth * bits * (planes ? 1 : samples) + 7) / 8;
  for (int64_t i = 0; i < blocks; ++i) {
    const size_t size = tiff.value(*sizes, static_cast<size_t>(i));
    if (size == 0 || !file.has(tiff.value(*offsets, static_cast<size_t>(i)), size)) file.truncated();
    const int64_t row = (i / across) % down;
    const int64_t rows = tiled || row + 1 < down ? blockHeight : result.height - row * blockHeight;
    if (plain && static_cast<int64_t>(size) < rows * rowBytes) file.truncated();
  }
}

}  // namespace

Container parseTiff(const ByteView& file) {
  if (!file.has(0, 8)) file.truncated();
  if (file.u8(2) == 43 || file.u8(3) == 43) file.unsupported("BigTIFF (files over 4 GB) is not read");
  const Reader tiff(file);
  Container result;
  if (!tiff.field(kWidth)) tiff.broken(kWidth);
  if (!tiff.field(kHeight)) tiff.broken(kHeight);
  if (!tiff.field(kPhotometric)) tiff.broken(kPhotometric);
  checkImageSize(file, tiff.number(kWidth, 0), tiff.number(kHeight, 0));
  result.width = static_cast<int>(tiff.number(kWidth, 0));
  result.height = static_cast<int>(tiff.number(kHeight, 0));
  const uint32_t samples = tiff.number(kSamples, 1);
  const uint32_t bits = tiff.number(kBits, 1);
  if (samples == 0 || samples > 16) tiff.broken(kSamples);
  if (bits == 0 || bits > 64) tiff.broken(kBits);
  if (bits > 16 || tiff.number(kSampleFormat, 1) != 1) {
    file.unsupported("a TIFF file of " + std::to_string(bits) + " bits a channel, sample format " +
                     std::to_string(tiff.number(kSampleFormat, 1)) + "; whole numbers of at most 16 bits are read");
  }
  checkPixelsPresent(file, tiff, result, bits, samples);

  const auto bytes = file.bytes();
  result.stream.assign(bytes.begin(), bytes.end());
  const auto patch = [&](const Reader::Field& f, uint8_t value) {
    for (size_t i = 0; i < f.width; ++i) result.stream[f.at + i] = 0;
    result.stream[file.u8(0) == 'I' ? f.at : f.at + f.width - 1] = value;
  };
  if (const auto f = tiff.field(kOrientation)) {
    const uint32_t orientation = tiff.value(*f, 0);
    if (orientation >= 1 && orientation <= 8) result.orientation = static_cast<int>(orientation);
    patch(*f, 1);  // decoders disagree about turning; the caller turns
  }
  if (const auto f = tiff.field(kExtraSamples)) {
    // Decoders multiply free alpha (2) into the colours. Called associated (1), it is left alone and can be dropped.
    patch(*f, 1);
  }
  return result;
}

}  // namespace sememe
