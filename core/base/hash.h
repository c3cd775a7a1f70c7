// Fingerprints: what a result was made of, as a short hexadecimal text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace sememe {

// A 128-bit hash of everything added, in order (two FNV-1a lanes with a final mix). Stable across machines and versions;
// it tells things apart, it does not resist an attacker.
class Fingerprint {
 public:
  Fingerprint& add(std::string_view bytes);  // length-prefixed: add("ab").add("c") differs from add("a").add("bc")
  Fingerprint& add(int64_t value);
  // The file's size and its content (whole up to 1 MiB, else the first, middle and last 256 KiB): enough to tell
  // checkpoints apart without reading gigabytes. Throws Error when it cannot be read.
  Fingerprint& addFile(const std::filesystem::path& path);

  std::string hex() const;  // 32 digits

 private:
  void mix(const void* data, size_t size);

  uint64_t m_a = 0xcbf29ce484222325ULL;
  uint64_t m_b = 0x9ae16a3b2f90404fULL;
};

}  // namespace sememe
