// Dictionaries of saev: a line of JSON, then a state dict of torch.save.
#include "core/sae/saev.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/sae/dictionary_state.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::streamsize kMaxHeader = 1 << 20;
constexpr int64_t kNewestSchema = 5;
constexpr const char* kThreshold = "activation.threshold";

struct Header {
  int64_t schema = 0;              // 0: from before there was one
  std::string activation = "Relu";
  int64_t k = 32;                  // saev's default
  int64_t activationDim = 0, dictSize = 0;  // 0: not said
};

Json readHeader(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::Io, "the file cannot be read", path.string());
  std::string line(size_t(kMaxHeader), '\0');
  file.read(line.data(), kMaxHeader);
  line.resize(size_t(file.gcount()));
  const size_t end = line.find('\n');
  if (end == std::string::npos) {
    throw Error(ErrorCode::Corrupt,
                file.gcount() == kMaxHeader ? "its header line has more than 1 MiB" : "it ends within its header line", path.string());
  }
  Json json = Json::parse(line.begin(), line.begin() + std::ptrdiff_t(end), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw Error(ErrorCode::Corrupt, "its header line is not a JSON object", path.string());
  return json;
}

const Json& object(const Json& parent, const char* key, const std::string& where) {
  const auto found = parent.find(key);
  if (found == parent.end() || !found->is_object()) {
    throw Error(ErrorCode::Corrupt, "expected a JSON object in the header", where + ", " + key);
  }
  return *found;
}

// 0 where the key is not there.
int64_t positive(const Json& parent, const char* key, const std::string& where) {
  const auto found = parent.find(key);
  if (found == parent.end()) return 0;
  const int64_t value = found->is_number_integer() ? found->get<int64_t>() : 0;
  if (value < 1 || value > 1'000'000'000) {
    throw Error(ErrorCode::Corrupt, "expected a positive whole number in the header", where + ", " + key);
  }
  return value;
}

std::string text(const Json& parent, const char* key, const std::string& where) {
  const auto found = parent.find(key);
  if (found == parent.end() || !found->is_string()) {
    throw Error(ErrorCode::Corrupt, "expected text in the header", where + ", " + key);
  }
  return found->get<std::string>();
}

Header parseHeader(const Json& json, const std::string& where) {
  Header header;
  const Json* config = &json;
  if (json.contains("schema")) {
    const Json& schema = json["schema"];
    if (!schema.is_number_integer() || schema < 1 || schema > kNewestSchema) {
      throw Error(ErrorCode::Unsupported, "schema " + schema.dump().substr(0, 40) + " of saev is not read; there are 1 to " +
                                              std::to_string(kNewestSchema) + ", and files without one",
                  where);
    }
    header.schema = schema.get<int64_t>();
    config = &object(json, "cfg", where);
    // Schema 1 names the activation, or the class of all configurations with the activation inside, as later ones do.
    const bool namesActivation = header.schema == 1 && json.contains("cls") && json["cls"] != "SparseAutoencoderConfig";
    int64_t k = 0;
    if (namesActivation) {
      header.activation = text(json, "cls", where);
      k = positive(*config, "top_k", where);
    } else if (header.schema > 1 || config->contains("activation")) {
      const Json& activation = object(*config, "activation", where);
      header.activation = text(activation, "cls", where);
      k = positive(object(activation, "params", where), "top_k", where);
    }
    if (k > 0) header.k = k;
  } else if (!json.contains("d_vit") && !json.contains("d_model")) {
    throw Error(ErrorCode::Unsupported, "the header is not that of saev: it has neither schema nor d_vit", where);
  }
  header.activationDim = positive(*config, config->contains("d_model") ? "d_model" : "d_vit", where);
  header.dictSize = positive(*config, "d_sae", where);
  const int64_t factor = positive(*config, "exp_factor", where);
  if (header.dictSize == 0) header.dictSize = header.activationDim * factor;
  if (header.activation != "Relu" && header.activation != "TopK" && header.activation != "BatchTopK") {
    throw Error(ErrorCode::Unsupported,
                "activation \"" + header.activation.substr(0, 80) + "\" of saev is not read; there are Relu, TopK and BatchTopK", where);
  }
  return header;
}

}  // namespace

bool isSaevFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() == '{';
}

std::unique_ptr<Dictionary> loadSaev(const fs::path& path) {
  const at::NoGradGuard noGrad;
  const std::string where = path.string();
  const Header header = parseHeader(readHeader(path), where);
  const DictionaryState state(path);
  const auto take = [&](const char* key, int64_t dims) {
    if (!state.has(key)) throw Error(ErrorCode::NotFound, "the file lacks a weight", state.where(key));
    return state.real(key, dims);
  };
  const at::Tensor wEnc = take("W_enc", 2), wDec = take("W_dec", 2), bDec = take("b_dec", 1);
  at::Tensor bEnc = take("b_enc", 1);
  const int64_t d = header.activationDim > 0 ? header.activationDim : wEnc.size(0);
  const int64_t latents = header.dictSize > 0 ? header.dictSize : wEnc.size(1);
  checkWeight(wEnc, {d, latents}, "W_enc", where);
  checkWeight(bEnc, {latents}, "b_enc", where);
  checkWeight(wDec, {latents, d}, "W_dec", where);
  checkWeight(bDec, {d}, "b_dec", where);

  // Our types subtract b_dec first: what x W_enc is more than (x − b_dec) W_enc goes into the bias.
  if (header.schema >= 2) {
    bEnc = at::mv(wEnc.to(at::kDouble).t(), bDec.to(at::kDouble)).add_(bEnc.to(at::kDouble)).to(at::kFloat);
  }
  std::map<std::string, at::Tensor> tensors = {
      {"encoder.weight", wEnc.t()}, {"encoder.bias", bEnc}, {"decoder.weight", wDec.t()}};
  SaeType type = SaeType::Standard;
  if (header.activation == "Relu") {
    tensors.emplace("bias", bDec);
  } else {
    tensors.emplace("b_dec", bDec);
    tensors.emplace("k", at::scalar_tensor(std::min(header.k, latents), at::kLong));
    type = SaeType::TopK;
    if (header.activation == "BatchTopK" && state.has(kThreshold)) {
      type = SaeType::BatchTopK;
      tensors.emplace("threshold", at::scalar_tensor(state.number(kThreshold), at::kFloat));
    } else if (header.activation == "BatchTopK") {
      if (header.schema == kNewestSchema) throw Error(ErrorCode::NotFound, "the file lacks a weight", state.where(kThreshold));
      log(LogLevel::Warning, "this BatchTopK of saev has no threshold: the largest latents are taken row by row: " + where);
    }
  }
  for (const std::string& key : state.keys()) {
    if (key != "W_enc" && key != "b_enc" && key != "W_dec" && key != "b_dec" &&
        (key != kThreshold || type != SaeType::BatchTopK)) {
      log(LogLevel::Warning, "unused key of a dictionary: " + state.where(key));
    }
  }
  return saeTypeInfo(type).read(DictionaryState(path, std::move(tensors), /*keepsScale=*/true));
}

}  // namespace sememe
