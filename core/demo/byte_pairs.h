// What byte-pair tokenizers are made of: the printable bytes, and merges trained on a list of words. Internal to
// core/demo.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sememe {

// GPT-2's printable characters for the 256 bytes, in the order in which CLIP numbers them: the printable
// bytes first.
std::vector<std::string> byteAlphabet();

using BytePair = std::pair<std::string, std::string>;

// Byte-pair training (Sennrich et al. 2016) until nothing is left to merge: the same merges, applied in the
// same order to the same words, then always end in one token a word. `words`: each split into its first parts.
std::vector<BytePair> trainBytePairs(std::vector<std::vector<std::string>> words);

}  // namespace sememe
