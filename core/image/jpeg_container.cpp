// JPEG files: markers, size, orientation, and whether the file is whole.
#include <algorithm>
#include <cstring>

#include "core/image/container.h"

namespace sememe {
namespace {

constexpr int kMaxScans = 500;  // more only slow a decoder down; real progressive files have about ten

void append(std::vector<uint8_t>& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Where the entropy-coded data from `pos` on ends: at the 0xFF of the next real marker.
size_t endOfScan(const ByteView& file, size_t pos) {
  const auto bytes = file.bytes();
  while (true) {
    if (pos >= bytes.size()) file.truncated();
    const void* found = std::memchr(bytes.data() + pos, 0xFF, bytes.size() - pos);
    if (!found) file.truncated();
    pos = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes.data());
    const uint8_t next = file.u8(pos + 1);
    if (next == 0xFF) {
      ++pos;  // fill byte
    } else if (next == 0x00 || (next >= 0xD0 && next <= 0xD7)) {
      pos += 2;  // a stuffed 0xFF, or a restart marker
    } else {
      return pos;
    }
  }
}

void readFrameHeader(const ByteView& file, const ByteView& segment, uint8_t marker, Container& result) {
  if (marker == 0xC3 || (marker >= 0xC5 && marker <= 0xC7) || marker == 0xCB || marker >= 0xCD) {
    file.unsupported("lossless and hierarchical JPEG are not read");
  }
  if (result.width > 0) file.corrupt("the JPEG file has two frame headers");
  if (segment.u8(0) != 8) {
    file.unsupported("a JPEG file of " + std::to_string(segment.u8(0)) + " bits a channel; 8 are read");
  }
  const int height = static_cast<int>(segment.be16(1));
  const int width = static_cast<int>(segment.be16(3));
  checkImageSize(file, width, height);
  const int channels = segment.u8(5);
  if (channels != 1 && channels != 3 && channels != 4) {
    file.unsupported("a JPEG file of " + std::to_string(channels) + " channels; 1, 3 and 4 are read");
  }
  result.width = width;
  result.height = height;
}

}  // namespace

Container parseJpeg(const ByteView& file) {
  Container result;
  auto& out = result.stream;
  out.reserve(file.size());
  out.push_back(0xFF);
  out.push_back(0xD8);
  int exif = 0, xmp = 0, scans = 0;
  size_t pos = 2;
  while (true) {
    if (file.u8(pos) != 0xFF) {
      if (scans == 0) file.corrupt("broken JPEG file: no marker at byte " + std::to_string(pos));
      ++pos;  // junk between scans: decoders step over it
      continue;
    }
    while (file.u8(pos) == 0xFF) ++pos;
    const uint8_t marker = file.u8(pos++);
    if (marker == 0xD9) break;
    if (marker == 0x00 || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
    if (marker == 0xD8) file.corrupt("broken JPEG file: an image starts inside an image");

    const size_t length = file.be16(pos);
    if (length < 2) file.corrupt("broken JPEG file: a segment of " + std::to_string(length) + " bytes");
    const ByteView whole = file.part(pos, length);
    const ByteView segment = whole.part(2, length - 2);
    pos += length;

    if (marker == 0xE1 && segment.startsWith(0, std::string_view("Exif\0\0", 6))) {
      if (exif == 0) exif = exifOrientation(segment.bytes());
    } else if (marker == 0xE1 && segment.startsWith(0, "http://ns.adobe.com/xap/1.0/")) {
      if (xmp == 0) xmp = xmpOrientation(segment.bytes());
    } else if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
      readFrameHeader(file, segment, marker, result);
    }
    // JFIF's and Adobe's own segments say which colours the channels are; the rest is not the picture.
    const bool application = marker >= 0xE0 && marker <= 0xEF;
    if ((application && marker != 0xE0 && marker != 0xEE) || marker == 0xFE) continue;
    out.push_back(0xFF);
    out.push_back(marker);
    append(out, whole.bytes());
    if (marker == 0xDA) {
      if (result.width == 0) file.corrupt("broken JPEG file: image data before the frame header");
      if (++scans > kMaxScans) file.corrupt("a JPEG file of more than " + std::to_string(kMaxScans) + " scans");
      const size_t end = endOfScan(file, pos);
      append(out, file.bytes().subspan(pos, end - pos));
      pos = end;
    }
  }
  if (scans == 0) file.corrupt("broken JPEG file: it holds no image data");
  out.push_back(0xFF);
  out.push_back(0xD9);
  result.orientation = exif ? exif : xmp ? xmp : 1;
  return result;
}

}  // namespace sememe
