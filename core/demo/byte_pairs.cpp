// Byte-pair training.
#include "core/demo/byte_pairs.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace sememe {

namespace {

std::string utf8(uint32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
}

void mergeIn(std::vector<std::string>& parts, const BytePair& pair) {
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i] != pair.first || parts[i + 1] != pair.second) continue;
    parts[i] += parts[i + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

}  // namespace

std::vector<std::string> byteAlphabet() {
  std::vector<std::string> alphabet;
  const auto range = [&alphabet](uint32_t from, uint32_t to) {
    for (uint32_t c = from; c <= to; ++c) alphabet.push_back(utf8(c));
  };
  range('!', '~');
  range(0xa1, 0xac);
  range(0xae, 0xff);
  range(256, 256 + 67);  // the 68 others
  return alphabet;
}

std::vector<BytePair> trainBytePairs(std::vector<std::vector<std::string>> words) {
  std::vector<BytePair> merges;
  while (true) {
    std::map<BytePair, int> counts;
    for (const auto& parts : words) {
      for (size_t i = 0; i + 1 < parts.size(); ++i) ++counts[{parts[i], parts[i + 1]}];
    }
    if (counts.empty()) return merges;
    const auto best = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    merges.push_back(best->first);
    for (auto& parts : words) mergeIn(parts, merges.back());
  }
}

}  // namespace sememe
