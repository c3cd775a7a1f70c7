// PNG files: chunks with their checksums, size and orientation.
#include <array>
#include <string_view>

#include "core/image/container.h"

namespace sememe {
namespace {

uint32_t crc32(std::span<const uint8_t> bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t n = 0; n < 256; ++n) {
      uint32_t c = n;
      for (int k = 0; k < 8; ++k) c = c & 1 ? 0xEDB88320U ^ (c >> 1) : c >> 1;
      t[n] = c;
    }
    return t;
  }();
  uint32_t crc = 0xFFFFFFFFU;
  for (const uint8_t byte : bytes) crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8);
  return crc ^ 0xFFFFFFFFU;
}

void readHeader(const ByteView& file, const ByteView& header, Container& result, bool& palette) {
  if (header.size() != 13) file.corrupt("broken PNG file: a header of " + std::to_string(header.size()) + " bytes");
  checkImageSize(file, header.be32(0), header.be32(4));
  result.width = static_cast<int>(header.be32(0));
  result.height = static_cast<int>(header.be32(4));
  const int depth = header.u8(8);
  const int colour = header.u8(9);
  palette = colour == 3;
  const bool small = depth == 1 || depth == 2 || depth == 4;
  const bool good = colour == 0   ? small || depth == 8 || depth == 16
                    : colour == 3 ? small || depth == 8
                                  : (colour == 2 || colour == 4 || colour == 6) && (depth == 8 || depth == 16);
  if (!good || header.u8(10) != 0 || header.u8(11) != 0 || header.u8(12) > 1) {
    file.corrupt("broken PNG file: its header gives bit depth " + std::to_string(depth) + ", colour type " +
                 std::to_string(colour) + ", methods " + std::to_string(header.u8(10)) + " " +
                 std::to_string(header.u8(11)) + " " + std::to_string(header.u8(12)));
  }
}

// XMP as an uncompressed iTXt chunk: keyword, 0, compressed?, method, language, 0, translated keyword, 0, text.
int textOrientation(const ByteView& chunk) {
  static constexpr std::string_view key("XML:com.adobe.xmp\0", 18);
  return chunk.startsWith(0, key) && chunk.has(key.size(), 1) && chunk.u8(key.size()) == 0 ? xmpOrientation(chunk.bytes()) : 0;
}

}  // namespace

Container parsePng(const ByteView& file) {
  static constexpr std::array<uint8_t, 12> end{0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};
  Container result;
  auto& out = result.stream;
  out.reserve(file.size() + end.size());
  const auto bytes = file.bytes();
  out.assign(bytes.begin(), bytes.begin() + 8);
  int exif = 0, xmp = 0;
  bool needsPalette = false, hasPalette = false, hasData = false;
  size_t pos = 8;
  // A file that ends between chunks after its image data is whole enough: the decoder knows whether data are missing.
  while (file.has(pos, 1) || !hasData) {
    const size_t length = file.be32(pos);
    const bool isData = file.startsWith(pos + 4, "IDAT");
    if (!file.has(pos, 12) || length > file.size() - pos - 12) {
      if (hasData && !isData && file.has(pos, 8)) break;  // only trailing remarks are cut off
      file.truncated();
    }
    const ByteView chunk = file.part(pos + 8, length);
    const bool isHeader = file.startsWith(pos + 4, "IHDR");
    const bool isPalette = file.startsWith(pos + 4, "PLTE");
    if ((pos == 8) != isHeader) file.corrupt("broken PNG file: its header is missing or not at its place");
    if (file.startsWith(pos + 4, "IEND")) break;
    if (isHeader || isPalette || isData) {
      if (crc32(bytes.subspan(pos + 4, length + 4)) != file.be32(pos + 8 + length)) {
        file.corrupt("broken PNG file: wrong checksum of the chunk at byte " + std::to_string(pos));
      }
      if (isHeader) readHeader(file, chunk, result, needsPalette);
      if (isPalette) {
        if (length == 0 || length % 3 != 0 || length > 768 || hasPalette || hasData) {
          file.corrupt("broken PNG file: a wrong palette of " + std::to_string(length) + " bytes");
        }
        hasPalette = true;
      }
      hasData = hasData || isData;
      // A palette beside true colour is only a suggestion.
      if (!isPalette || needsPalette) {
        const auto whole = bytes.subspan(pos, length + 12);
        out.insert(out.end(), whole.begin(), whole.end());
      }
    } else if (file.startsWith(pos + 4, "eXIf")) {
      exif = exifOrientation(chunk.bytes());
    } else if (file.startsWith(pos + 4, "iTXt") && xmp == 0) {
      xmp = textOrientation(chunk);
    }
    pos += length + 12;
  }
  if (!hasData) file.corrupt("broken PNG file: it holds no image data");
  if (needsPalette && !hasPalette) file.corrupt("broken PNG file: its palette is missing");
  out.insert(out.end(), end.begin(), end.end());
  result.orientation = exif ? exif : xmp ? xmp : 1;
  return result;
}

}  // namespace sememe
