// The orientation of an image, from EXIF and XMP blocks; and the size check that all containers share.
#include <algorithm>
#include <string>
#include <string_view>

#include "core/image/container.h"

namespace sememe {

void checkImageSize(const ByteView& file, int64_t width, int64_t height) {
  if (width < 1 || height < 1) file.corrupt("the image has no pixels: its header says " + std::to_string(width) + " x " + std::to_string(height));
  if (width > kMaxImagePixels / height) {
    file.corrupt("the image is too large: its header says " + std::to_string(width) + " x " + std::to_string(height) +
                 ", at most " + std::to_string(kMaxImagePixels) + " pixels are decoded");
  }
}

int exifOrientation(std::span<const uint8_t> block) {
  ByteView view(block, "EXIF");
  if (view.startsWith(0, std::string_view("Exif\0\0", 6))) view = view.part(6, view.size() - 6);
  const bool little = view.startsWith(0, "II");
  if (!little && !view.startsWith(0, "MM")) return 0;
  const auto u16 = [&](size_t at) { return little ? view.le16(at) : view.be16(at); };
  const auto u32 = [&](size_t at) { return little ? view.le32(at) : view.be32(at); };
  if (!view.has(0, 8)) return 0;
  const size_t directory = u32(4);
  if (!view.has(directory, 2)) return 0;
  const size_t entries = u16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (!view.has(entry, 12)) return 0;
    if (u16(entry) != 0x0112) continue;
    const uint32_t type = u16(entry + 2);
    const uint32_t value = type == 3 ? u16(entry + 8) : type == 4 ? u32(entry + 8) : 0;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
  }
  return 0;
}

int xmpOrientation(std::span<const uint8_t> packet) {
  // As an attribute, tiff:Orientation="6", or an element, <tiff:Orientation>6<.
  static constexpr std::string_view key = "tiff:Orientation";
  auto from = packet.begin();
  while (true) {
    from = std::search(from, packet.end(), key.begin(), key.end());
    if (from == packet.end()) return 0;
    from += static_cast<std::ptrdiff_t>(key.size());
    auto value = from;
    if (value != packet.end() && *value == '>') {
      ++value;
    } else if (packet.end() - value >= 2 && value[0] == '=' && value[1] == '"') {
      value += 2;
    } else {
      continue;
    }
    if (value != packet.end() && *value >= '1' && *value <= '8') return *value - '0';
  }
}

}  // namespace sememe
