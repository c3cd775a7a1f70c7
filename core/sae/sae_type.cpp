// The table of dictionary types.
#include "core/sae/sae_type.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/sae/dictionary.h"
#include "core/sae/dictionary_state.h"
#include "core/sae/type_functions.h"

namespace sememe {

const std::vector<SaeTypeInfo>& saeTypes() {
  // The classes without a current namesake are the spellings of the paper's older copy of the library.
  static const std::vector<SaeTypeInfo> types = {
      {SaeType::Standard, "standard", "Standard", "StandardTrainer", {"AutoEncoder"},
       {"encoder.weight", "encoder.bias", "decoder.weight", "bias"},
       false, false, 1e-3, readStandard, makeStandardTrainer},
      {SaeType::Gated, "gated", "Gated", "GatedSAETrainer", {"GatedAutoEncoder"},
       {"decoder_bias", "encoder.weight", "r_mag", "gate_bias", "mag_bias", "decoder.weight"},
       false, false, 5e-5, readGated, makeGatedTrainer},
      {SaeType::TopK, "topk", "TopK", "TopKTrainer", {"AutoEncoderTopK"},
       {"encoder.weight", "encoder.bias", "decoder.weight", "b_dec", "k"},
       true, false, 0, readTopK, makeTopKTrainer},
      {SaeType::BatchTopK, "batch_topk", "BatchTopK", "BatchTopKTrainer", {"BatchTopKSAE"},
       {"encoder.weight", "encoder.bias", "decoder.weight", "b_dec", "k", "threshold"},
       true, false, 0, readBatchTopK, makeTopKTrainer},
      {SaeType::MatryoshkaBatchTopK, "matryoshka_batch_topk", "Matryoshka BatchTopK", "MatryoshkaBatchTopKTrainer",
       {"MatryoshkaBatchTopKSAE", "MatroyshkaBatchTopKSAE"},
       {"W_enc", "b_enc", "W_dec", "b_dec", "k", "threshold", "group_sizes"},
       true, true, 0, readMatryoshka, makeTopKTrainer},
      {SaeType::JumpRelu, "jumprelu", "JumpReLU", "JumpReluTrainer", {"JumpReluAutoEncoder"},
       {"W_enc", "b_enc", "W_dec", "b_dec", "threshold"},
       false, false, 7e-5, readJumpRelu, makeJumpReluTrainer},
  };
  return types;
}

const SaeTypeInfo& saeTypeInfo(SaeType type) {
  const auto& types = saeTypes();
  return *std::find_if(types.begin(), types.end(), [&](const SaeTypeInfo& info) { return info.type == type; });
}

SaeType parseSaeType(std::string_view text) {
  for (const SaeTypeInfo& info : saeTypes()) {
    if (text == info.name || std::find(info.classes.begin(), info.classes.end(), text) != info.classes.end()) {
      return info.type;
    }
  }
  throw Error(ErrorCode::Invalid, "no such SAE type; there are " + saeTypeNames(), std::string(text.substr(0, 80)));
}

std::string saeTypeNames() {
  std::string names;
  for (const SaeTypeInfo& info : saeTypes()) names += (names.empty() ? "" : ", ") + std::string(info.name);
  return names;
}

}  // namespace sememe
