// What the image tests share: golden files, drawn images, comparisons.
#pragma once

#include <QByteArray>
#include <QTest>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/image/image.h"

namespace sememe::fixture {

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(GOLDEN_DIR) / "image" / name;
}

inline std::string readBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void writeBytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string toString(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

inline Image decodeBytes(const std::string& bytes, const std::string& name = "bytes") {
  return decodeImage(std::as_bytes(std::span(bytes)), name);
}

// The golden PPM as the script writes it: three header lines, then the pixels.
inline Image readPpm(const std::string& name) {
  const std::string bytes = readBytes(golden(name));
  std::istringstream text(bytes);
  std::string magic;
  Image image;
  int most = 0;
  text >> magic >> image.width >> image.height >> most;
  const size_t size = 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  if (magic != "P6" || bytes.size() < size) qFatal("no golden file %s", name.c_str());
  image.rgb.assign(bytes.end() - static_cast<std::ptrdiff_t>(size), bytes.end());
  return image;
}

// The largest difference of a channel; 999 for images of different sizes.
inline int difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 999;
  int most = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) most = std::max(most, std::abs(int{a.rgb[i]} - int{b.rgb[i]}));
  return most;
}

// A smooth picture whose colours depend on the seed.
inline Image drawn(int width, int height, unsigned seed = 1) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.rgb.push_back(static_cast<uint8_t>(255 * x / width));
      image.rgb.push_back(static_cast<uint8_t>(255 * y / height));
      image.rgb.push_back(static_cast<uint8_t>(seed * 37 + static_cast<unsigned>(x + y)));
    }
  }
  return image;
}

// Runs `body` and gives the Error it throws; fails the test when there is none.
template <class Body>
Error caught(Body&& body) {
  try {
    body();
  } catch (const Error& e) {
    return e;
  }
  qFatal("an Error was expected");
  std::abort();
}

}  // namespace sememe::fixture
