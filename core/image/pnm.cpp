// PBM, PGM and PPM files, plain and binary, decoded whole, as Pillow reads them.
#include <algorithm>
#include <cmath>

#include "core/image/container.h"

namespace sememe {
namespace {

bool isSpace(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }

// Whole numbers between white space and comments ("#" to the end of the line).
class Tokens {
 public:
  Tokens(const ByteView& file, size_t pos) : m_file(file), m_pos(pos) {}

  size_t position() const { return m_pos; }

  int64_t number() {
    skipBlanks();
    int64_t value = 0;
    size_t digits = 0;
    while (m_file.has(m_pos, 1) && m_file.u8(m_pos) >= '0' && m_file.u8(m_pos) <= '9') {
      value = value * 10 + (m_file.u8(m_pos++) - '0');
      if (++digits > 10) m_file.corrupt("broken PNM file: a number of more than 10 digits");
    }
    if (digits == 0) bad();
    return value;
  }

  // Plain PBM: one digit a pixel, blanks between or not.
  int bit() {
    skipBlanks();
    const uint8_t c = m_file.u8(m_pos++);
    if (c != '0' && c != '1') bad();
    return c - '0';
  }

  // The one blank between a header and its binary data.
  void endHeader() {
    if (!isSpace(m_file.u8(m_pos))) bad();
    ++m_pos;
  }

 private:
  void skipBlanks() {
    while (m_file.has(m_pos, 1)) {
      const uint8_t c = m_file.u8(m_pos);
      if (c == '#') {
        while (m_file.has(m_pos, 1) && m_file.u8(m_pos) != '\n' && m_file.u8(m_pos) != '\r') ++m_pos;
      } else if (isSpace(c)) {
        ++m_pos;
      } else {
        return;
      }
    }
    m_file.truncated();
  }
  [[noreturn]] void bad() const {
    m_file.corrupt("broken PNM file: a number was expected at byte " + std::to_string(m_pos));
  }

  const ByteView& m_file;
  size_t m_pos;
};

}  // namespace

Image decodePnm(const ByteView& file) {
  const int kind = file.u8(1) - '0';  // 1 to 3 plain, 4 to 6 binary: bits, grey, colour
  const bool plain = kind <= 3;
  const bool bits = kind == 1 || kind == 4;
  const size_t channels = kind == 3 || kind == 6 ? 3 : 1;
  Tokens tokens(file, 2);
  const int64_t wide = tokens.number();
  const int64_t high = tokens.number();
  checkImageSize(file, wide, high);
  const int64_t most = bits ? 1 : tokens.number();
  if (most < 1 || most > 65535) file.corrupt("broken PNM file: a largest value of " + std::to_string(most));
  if (!plain) tokens.endHeader();

  const size_t width = static_cast<size_t>(wide), height = static_cast<size_t>(high);
  const size_t sample = most > 255 ? 2 : 1;
  const size_t stride = bits ? (width + 7) / 8 : width * channels * sample;
  const size_t start = tokens.position();
  // Plain images need at least a digit for each sample: a short file must not make us allocate a large image.
  if (!file.has(start, plain ? width * height * channels : stride * height)) file.truncated();

  Image image{static_cast<int>(wide), static_cast<int>(high), {}};
  image.rgb.resize(3 * width * height);
  uint8_t* to = image.rgb.data();
  const uint8_t* data = file.bytes().data() + start;
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x, to += 3) {
      for (size_t c = 0; c < channels; ++c) {
        if (bits) {
          const int ink = plain ? tokens.bit() : data[y * stride + x / 8] >> (7 - (x & 7)) & 1;
          to[c] = ink ? 0 : 255;
          continue;
        }
        int64_t value;
        if (plain) {
          value = tokens.number();
        } else {
          const uint8_t* p = data + y * stride + (x * channels + c) * sample;
          value = sample == 2 ? p[0] << 8 | p[1] : p[0];
        }
        if (plain && value > most) file.corrupt("broken PNM file: a value above the largest, " + std::to_string(most));
        to[c] = most == 255 ? static_cast<uint8_t>(value)
                            : static_cast<uint8_t>(std::min(255.0, std::nearbyint(static_cast<double>(value) /
                                                                                  static_cast<double>(most) * 255.0)));
      }
      if (channels == 1) to[1] = to[2] = to[0];
    }
  }
  return image;
}

}  // namespace sememe
