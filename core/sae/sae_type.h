// The kinds of sparse autoencoders and their names. Free of LibTorch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sememe {

enum class SaeType { Standard, Gated, TopK, BatchTopK, MatryoshkaBatchTopK, JumpRelu };

// One row of what is known of each type: names, and how dictionary_learning writes it.
struct SaeTypeInfo {
  SaeType type;
  const char* name;                    // "matryoshka_batch_topk": the command line, the workspace
  const char* title;                   // "Matryoshka BatchTopK": for people
  std::vector<std::string> keys;       // that its state dict always has
  std::vector<std::string> classes;    // `dict_class` in config.json; the first is the current spelling
  bool supported;                      // loadDictionary and makeTrainer know it
};

const std::vector<SaeTypeInfo>& saeTypes();
const SaeTypeInfo& saeTypeInfo(SaeType type);

// By `name`, or by any of `classes`. Throws Error (Invalid) listing the names.
SaeType parseSaeType(std::string_view text);

// "batch_topk, matryoshka_batch_topk"
std::string supportedSaeTypes();

}  // namespace sememe
