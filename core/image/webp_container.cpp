// WebP files: chunks, size, orientation, and an animation's first picture.
#include <string_view>

#include "core/image/container.h"

namespace sememe {
namespace {

void append(std::vector<uint8_t>& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void appendLe32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

// One chunk's place in the file, its payload padded to an even length.
struct Chunk {
  ByteView name;     // four characters
  ByteView payload;
  ByteView whole;    // with its header, without padding
  size_t next;       // where the following chunk starts
};

Chunk chunkAt(const ByteView& data, size_t pos) {
  const size_t length = data.le32(pos + 4);
  const ByteView whole = data.part(pos, length > data.size() ? data.size() + 1 : length + 8);
  return {data.part(pos, 4), whole.part(8, length), whole, pos + 8 + length + (length & 1)};
}

// Reads the size of a coded picture ("VP8 " or "VP8L") and adds it to the stream. False for another chunk.
bool takePicture(const ByteView& file, const Chunk& chunk, Container& result) {
  const ByteView& p = chunk.payload;
  if (chunk.name.startsWith(0, "VP8 ")) {
    if (!p.has(0, 10)) file.truncated();
    if ((p.u8(0) & 1) != 0 || p.u8(3) != 0x9D || p.u8(4) != 0x01 || p.u8(5) != 0x2A) {
      file.corrupt("broken WebP file: no key frame");
    }
    result.width = static_cast<int>(p.le16(6) & 0x3FFF);
    result.height = static_cast<int>(p.le16(8) & 0x3FFF);
  } else if (chunk.name.startsWith(0, "VP8L")) {
    if (!p.has(0, 5)) file.truncated();
    if (p.u8(0) != 0x2F) file.corrupt("broken WebP file: wrong signature of its lossless picture");
    const uint32_t bits = p.le32(1);
    result.width = static_cast<int>((bits & 0x3FFF) + 1);
    result.height = static_cast<int>(((bits >> 14) & 0x3FFF) + 1);
  } else {
    return false;
  }
  checkImageSize(file, result.width, result.height);
  append(result.stream, chunk.whole.bytes());
  if (chunk.payload.size() & 1) result.stream.push_back(0);
  return true;
}

// An animation's frame: its place and size, then chunks of its own.
void takeFrame(const ByteView& file, const ByteView& frame, Container& result) {
  result.x = static_cast<int>(frame.le24(0)) * 2;
  result.y = static_cast<int>(frame.le24(3)) * 2;
  size_t pos = 16;
  while (frame.has(pos, 8)) {
    const Chunk chunk = chunkAt(frame, pos);
    if (takePicture(file, chunk, result)) return;
    pos = chunk.next;
  }
  file.corrupt("broken WebP file: its first frame holds no picture");
}

}  // namespace

Container parseWebp(const ByteView& file) {
  const size_t declared = file.le32(4);
  if (declared < 12 || declared > file.size() - 8) file.truncated();
  const ByteView data = file.part(0, declared + 8);
  Container result;
  // Alpha is dropped, and with it the extended header: the picture alone is a valid file.
  for (size_t i = 0; i < 12; ++i) result.stream.push_back(file.u8(i));
  int exif = 0, xmp = 0;
  bool have = false;
  size_t pos = 12;
  while (data.has(pos, 8)) {
    const Chunk chunk = chunkAt(data, pos);
    if (chunk.name.startsWith(0, "VP8X")) {
      if (chunk.payload.size() < 10) file.corrupt("broken WebP file: its extended header is too short");
      if (chunk.payload.u8(0) & 0x02) {  // animated
        result.canvasWidth = static_cast<int>(chunk.payload.le24(4)) + 1;
        result.canvasHeight = static_cast<int>(chunk.payload.le24(7)) + 1;
        checkImageSize(file, result.canvasWidth, result.canvasHeight);
      }
    } else if (!have && result.canvasWidth > 0 && chunk.name.startsWith(0, "ANMF")) {
      takeFrame(file, chunk.payload, result);
      have = true;
    } else if (!have && result.canvasWidth == 0 && takePicture(file, chunk, result)) {
      have = true;
    } else if (chunk.name.startsWith(0, "EXIF")) {
      exif = exifOrientation(chunk.payload.bytes());
    } else if (chunk.name.startsWith(0, "XMP ")) {
      xmp = xmpOrientation(chunk.payload.bytes());
    }
    pos = chunk.next;
  }
  if (!have) file.corrupt("broken WebP file: it holds no picture");
  if (result.canvasWidth > 0 && (static_cast<int64_t>(result.x) + result.width > result.canvasWidth ||
                                 static_cast<int64_t>(result.y) + result.height > result.canvasHeight)) {
    file.corrupt("broken WebP file: its first frame does not fit the canvas");
  }
  std::vector<uint8_t> size;
  appendLe32(size, static_cast<uint32_t>(result.stream.size() - 8));
  std::copy(size.begin(), size.end(), result.stream.begin() + 4);
  result.orientation = exif ? exif : xmp ? xmp : 1;
  return result;
}

}  // namespace sememe
