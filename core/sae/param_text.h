// Training parameters as named texts: to compare a saved state with what is asked for, and for config.json.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/sae/trainer.h"

namespace sememe {

// Every parameter that a step's result depends on, exact (numbers read back as the same bits).
std::vector<std::pair<std::string, std::string>> trainParamTexts(const TrainParams& params);

// "k: 20 there, 10 asked for; lr: …"; empty when all agree.
std::string differences(const std::vector<std::pair<std::string, std::string>>& there,
                        const std::vector<std::pair<std::string, std::string>>& asked);

}  // namespace sememe
