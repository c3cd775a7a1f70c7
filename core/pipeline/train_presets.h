// The paper's trainings by name. Free of LibTorch.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/pipeline/train.h"

namespace sememe {

struct TrainPreset {
  const char* name;         // "paper-matryoshka": the command line
  const char* title;        // for people
  const char* description;  // what the paper did with it
  void (*apply)(TrainJobParams& params);  // sets what the preset says; expansion among it
};

std::span<const TrainPreset> trainPresets();
// Throws Error (Invalid) listing the names.
const TrainPreset& trainPreset(std::string_view name);

}  // namespace sememe
