// What a check of an SAE on activations says. Free of LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sememe {

struct SaeFit {
  int64_t rows = 0;
  double l0 = 0;         // mean non-zero latents of a row
  int64_t k = 0;         // that it was trained for; 0: unknown
  double fve = 0;        // 1 − |x − x̂|² / |x − mean|²; NaN where the rows are all the same (and it does not count as fitting)
  int64_t dead = 0;      // latents that fire on none of the rows
  bool fits = false;
  std::string verdict;   // a sentence
  std::vector<std::string> hints;  // what may be wrong, the likeliest first; empty where it fits well
};

}  // namespace sememe
