// Fingerprints: what a result was made of.
#include "core/base/hash.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <vector>

#include "core/base/error.h"

namespace sememe {
namespace {
uint64_t avalanche(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}
}  // namespace

void Fingerprint::mix(const void* data, size_t size) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; ++i) {
    m_a = (m_a ^ p[i]) * 0x100000001b3ULL;
    m_b = (m_b ^ p[i]) * 0x00000100000001d3ULL + (m_b >> 47);
  }
}

Fingerprint& Fingerprint::add(std::string_view bytes) {
  add(static_cast<int64_t>(bytes.size()));
  mix(bytes.data(), bytes.size());
  return *this;
}

Fingerprint& Fingerprint::add(int64_t value) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(static_cast<uint64_t>(value) >> (8 * i));
  mix(bytes, sizeof bytes);
  return *this;
}

Fingerprint& Fingerprint::addFile(const std::filesystem::path& path) {
  constexpr int64_t kWhole = 1 << 20, kPiece = 256 << 10;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) throwErrno(errno, "cannot open", path.string());
  const int64_t size = in.tellg();
  add(size);
  std::vector<char> buffer(static_cast<size_t>(size <= kWhole ? size : kPiece));
  const auto piece = [&](int64_t at) {
    in.seekg(at);
    if (!in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())))
      throw Error(ErrorCode::Io, "cannot read", path.string());
    mix(buffer.data(), buffer.size());
  };
  piece(0);
  if (size > kWhole) {
    piece(size / 2);
    piece(size - kPiece);
  }
  return *this;
}

std::string Fingerprint::hex() const {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(avalanche(m_a)),
                static_cast<unsigned long long>(avalanche(m_b)));
  return text;
}

}  // namespace sememe
