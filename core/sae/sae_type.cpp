// The table of dictionary types.
#include "core/sae/sae_type.h"

#include <algorithm>

#include "core/base/error.h"

namespace sememe {

const std::vector<SaeTypeInfo>& saeTypes() {
  // The classes without a current namesake are the spellings of the paper's older copy of the library.
  static const std::vector<SaeTypeInfo> types = {
      {SaeType::Standard, "standard", "Standard",
       {"encoder.weight", "encoder.bias", "decoder.weight", "bias"},
       {"AutoEncoder"}, false},
      {SaeType::Gated, "gated", "Gated",
       {"decoder_bias", "encoder.weight", "r_mag", "gate_bias", "mag_bias", "decoder.weight"},
       {"GatedAutoEncoder"}, false},
      {SaeType::TopK, "topk", "TopK",
       {"encoder.weight", "encoder.bias", "decoder.weight", "b_dec", "k"},
       {"AutoEncoderTopK"}, false},
      {SaeType::BatchTopK, "batch_topk", "BatchTopK",
       {"encoder.weight", "encoder.bias", "decoder.weight", "b_dec", "k", "threshold"},
       {"BatchTopKSAE"}, true},
      {SaeType::MatryoshkaBatchTopK, "matryoshka_batch_topk", "Matryoshka BatchTopK",
       {"W_enc", "b_enc", "W_dec", "b_dec", "k", "threshold", "group_sizes"},
       {"MatryoshkaBatchTopKSAE", "MatroyshkaBatchTopKSAE"}, true},
      {SaeType::JumpRelu, "jumprelu", "JumpReLU",
       {"W_enc", "b_enc", "W_dec", "b_dec", "threshold"},
       {"JumpReluAutoEncoder"}, false},
  };
  return types;
}

const SaeTypeInfo& saeTypeInfo(SaeType type) {
  const auto& types = saeTypes();
  return *std::find_if(types.begin(), types.end(), [&](const SaeTypeInfo& info) { return info.type == type; });
}

SaeType parseSaeType(std::string_view text) {
  std::string names;
  for (const SaeTypeInfo& info : saeTypes()) {
    if (text == info.name || std::find(info.classes.begin(), info.classes.end(), text) != info.classes.end()) {
      return info.type;
    }
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  throw Error(ErrorCode::Invalid, "no such SAE type; there are " + names, std::string(text.substr(0, 80)));
}

std::string supportedSaeTypes() {
  std::string names;
  for (const SaeTypeInfo& info : saeTypes()) {
    if (info.supported) names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return names;
}

}  // namespace sememe
