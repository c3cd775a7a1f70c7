// The paper's trainings, as its scripts set them.
#include "core/pipeline/train_presets.h"

#include <array>

#include "core/base/error.h"

namespace sememe {
namespace {

void paper(TrainJobParams& p) {
  p.k = 20;
  p.auxkAlpha = 0.03;
  p.batch = 4096;
  p.steps = 110'000;
  p.warmup = 1000;
  p.decayStart = 109'999;
  p.lr = 0;
  p.saveEvery = 20'000;
  p.validateEvery = 10'000;
  p.dictSize = 0;
}

void matryoshka(TrainJobParams& p) {
  paper(p);
  p.type = "matryoshka_batch_topk";
  p.groupFractions = {0.0625, 0.125, 0.25, 0.5625};
}

constexpr std::array<TrainPreset, 4> kPresets = {{
    {"paper-matryoshka", "Paper: Matryoshka BatchTopK",
     "The paper's scores on ImageNet: k 20, four nested groups, 110,000 steps. Expansions 1 to 64; 8 here.",
     [](TrainJobParams& p) {
       matryoshka(p);
       p.expansion = 8;
     }},
    {"paper-batchtopk", "Paper: BatchTopK", "The paper's comparison without nested groups: k 20, 110,000 steps. Expansions 1 to 64; 8 here.",
     [](TrainJobParams& p) {
       paper(p);
       p.type = "batch_topk";
       p.expansion = 8;
     }},
    {"paper-hierarchy", "Paper: hierarchy on iNaturalist", "Five groups of growing size that mirror the levels of the tree of life; expansion 2.",
     [](TrainJobParams& p) {
       matryoshka(p);
       p.groupFractions = {0.002, 0.009, 0.035, 0.189, 0.765};
       p.expansion = 2;
     }},
    {"paper-steering", "Paper: steering LLaVA", "For two random patch tokens an image at layer 22 of LLaVA's vision tower; expansion 64.",
     [](TrainJobParams& p) {
       matryoshka(p);
       p.expansion = 64;
     }},
}};

}  // namespace

std::span<const TrainPreset> trainPresets() { return kPresets; }

const TrainPreset& trainPreset(std::string_view name) {
  std::string names;
  for (const TrainPreset& preset : kPresets) {
    if (preset.name == name) return preset;
    names += (names.empty() ? "" : ", ") + std::string(preset.name);
  }
  throw Error(ErrorCode::Invalid, "no such preset; there are " + names, std::string(name));
}

}  // namespace sememe
