// The kinds of sparse autoencoders: their names, how dictionary_learning writes them, and who reads and trains them.
// Free of LibTorch.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sememe {

class Dictionary;
class DictionaryState;
class Trainer;
struct TrainParams;
struct TrainerSetup;

enum class SaeType { Standard, Gated, TopK, BatchTopK, MatryoshkaBatchTopK, JumpRelu };

// All that is known of one type: a new type is one such row and a file with what its functions do.
struct SaeTypeInfo {
  SaeType type;
  const char* name;                  // "matryoshka_batch_topk": the command line, the workspace
  const char* title;                 // "Matryoshka BatchTopK": for people
  const char* trainerClass;          // `trainer_class` in dictionary_learning's config.json
  std::vector<std::string> classes;  // `dict_class` there; the first is the current spelling
  std::vector<std::string> keys;     // that its state dict always has
  bool hasK;                         // the number of latents of a row is set, and dead latents are revived
  bool hasGroups;
  double learningRate;               // the default; 0: 2e-4 / sqrt(latents / 16384)
  std::unique_ptr<Dictionary> (*read)(const DictionaryState& state);
  std::unique_ptr<Trainer> (*makeTrainer)(const TrainParams& params, const TrainerSetup& setup);
};

const std::vector<SaeTypeInfo>& saeTypes();
const SaeTypeInfo& saeTypeInfo(SaeType type);

// By `name`, or by any of `classes`. Throws Error (Invalid) listing the names.
SaeType parseSaeType(std::string_view text);

// "standard, gated, topk, …"
std::string saeTypeNames();

}  // namespace sememe
