// What each type's file gives to the table of types. Internal to core/sae.
#pragma once

#include <memory>

#include "core/sae/dictionary.h"
#include "core/sae/trainer.h"

namespace sememe {

class DictionaryState;

// What a training starts from.
struct TrainerSetup {
  double normFactor = 1;  // what activations are divided by, above zero
  at::Device device = at::kCPU;
  const Dictionary* initial = nullptr;  // weights to start from, in normalised units; null: random ones
};

// Read a state dict that has the type's keys. Throw Error (Mismatch, Invalid, Corrupt) naming file and key.
std::unique_ptr<Dictionary> readStandard(const DictionaryState& state);
std::unique_ptr<Dictionary> readGated(const DictionaryState& state);
std::unique_ptr<Dictionary> readTopK(const DictionaryState& state);
std::unique_ptr<Dictionary> readBatchTopK(const DictionaryState& state);
std::unique_ptr<Dictionary> readMatryoshka(const DictionaryState& state);
std::unique_ptr<Dictionary> readJumpRelu(const DictionaryState& state);

// Parameters are checked already. Throw Error (Mismatch: initial weights of another type or size).
std::unique_ptr<Trainer> makeStandardTrainer(const TrainParams& params, const TrainerSetup& setup);
std::unique_ptr<Trainer> makeGatedTrainer(const TrainParams& params, const TrainerSetup& setup);
std::unique_ptr<Trainer> makeTopKTrainer(const TrainParams& params, const TrainerSetup& setup);  // the three TopK types
std::unique_ptr<Trainer> makeJumpReluTrainer(const TrainParams& params, const TrainerSetup& setup);

}  // namespace sememe
