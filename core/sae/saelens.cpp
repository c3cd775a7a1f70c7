// Dictionaries in SAELens' folders.
#include "core/sae/saelens.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/sae/dictionary_state.h"
#include "core/weights/safetensors.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kConfig = "cfg.json";
constexpr const char* kWeights = "sae_weights.safetensors";

// cfg.json with the names and defaults that SAELens gives to its older files.
struct Config {
  std::string architecture = "standard";
  bool subtractsBias = true;  // apply_b_dec_to_input
  bool rescales = false;      // rescale_acts_by_decoder_norm
  int64_t k = 0;
};

template <typename T>
T valueOr(const Json& json, const char* key, T otherwise, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return otherwise;
  try {
    return found->get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::Corrupt, "a value of the wrong kind", where + ", " + key);
  }
}

Config readConfig(const fs::path& path) {
  const std::string where = path.string();
  const Json json = Json::parse(readTextFile(path, 16 << 20), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw Error(ErrorCode::Corrupt, "expected a JSON object", where);
  Config config;
  config.architecture = valueOr<std::string>(json, "architecture", "standard", where);
  config.subtractsBias = valueOr(json, "apply_b_dec_to_input", true, where);
  config.rescales = valueOr(json, "rescale_acts_by_decoder_norm", false, where);
  config.k = valueOr<int64_t>(json, "k", 0, where);
  for (const char* name : {"activation_fn", "activation_fn_str"}) {  // before version 6
    if (json.contains(name) && json[name] == "topk") config.architecture = "topk";
  }
  if (const auto arguments = json.find("activation_fn_kwargs"); arguments != json.end() && arguments->is_object()) {
    config.k = valueOr<int64_t>(*arguments, "k", config.k, where);
  }
  if (valueOr(json, "finetuning_scaling_factor", false, where)) {
    throw Error(ErrorCode::Unsupported, "finetuning_scaling_factor is not read", where);
  }
  const auto normalisation = json.find("normalize_activations");
  if (normalisation != json.end() && !normalisation->is_null() && *normalisation != "none" && *normalisation != false) {
    if (*normalisation != "expected_average_only_in" && *normalisation != true) {
      throw Error(ErrorCode::Unsupported,
                  "normalize_activations " + normalisation->dump() + " is not read; there are none and expected_average_only_in",
                  where);
    }
    // As SAELens: a factor that belongs to it is folded into the weights already, or nowhere to be found.
    log(LogLevel::Warning, "normalize_activations is expected_average_only_in; activations are taken as they come: " + where);
  }
  return config;
}

// The weights as float32 copies, each of which must be there.
class Weights {
 public:
  explicit Weights(const fs::path& path) : m_file(SafetensorsFile::open(path)), m_path(path) {}

  at::Tensor take(const std::string& key, int64_t dims) {
    m_taken.push_back(key);
    const std::string where = m_path.string() + ", " + key;
    if (!m_file->contains(key)) throw Error(ErrorCode::NotFound, "the file lacks a weight", where);
    const at::Tensor t = m_file->tensor(key);
    if (!at::isFloatingType(t.scalar_type()) || t.dim() != dims) {
      throw Error(ErrorCode::Mismatch, "expected real numbers on " + std::to_string(dims) + " axes", where);
    }
    return t.to(at::TensorOptions().dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true).contiguous();
  }
  void warnOfUnused() const {
    for (const std::string& key : m_file->keys()) {
      if (std::find(m_taken.begin(), m_taken.end(), key) == m_taken.end()) {
        log(LogLevel::Warning, "unused key of a dictionary: " + m_path.string() + ", " + key);
      }
    }
  }

 private:
  std::shared_ptr<const SafetensorsFile> m_file;
  fs::path m_path;
  std::vector<std::string> m_taken;
};

}  // namespace

bool isSaeLensFolder(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kConfig, ignored) && fs::exists(folder / kWeights, ignored);
}

std::unique_ptr<Dictionary> loadSaeLens(const fs::path& folder) {
  const at::NoGradGuard noGrad;
  const Config config = readConfig(folder / kConfig);
  const fs::path path = folder / kWeights;
  if (config.architecture != "standard" && config.architecture != "gated" && config.architecture != "topk" &&
      config.architecture != "jumprelu") {
    throw Error(ErrorCode::Unsupported,
                "architecture \"" + config.architecture + "\" is not read; there are standard, gated, topk and jumprelu",
                (folder / kConfig).string());
  }
  Weights weights(path);
  at::Tensor wEnc = weights.take("W_enc", 2), wDec = weights.take("W_dec", 2), bDec = weights.take("b_dec", 1);
  if (wEnc.size(0) != bDec.numel() || wDec.size(1) != bDec.numel() || wDec.size(0) != wEnc.size(1)) {
    throw Error(ErrorCode::Mismatch, "W_enc, W_dec and b_dec do not fit together", path.string());
  }
  const auto biasLike = [&](const std::string& key) {
    at::Tensor bias = weights.take(key, 1);
    if (bias.numel() != wEnc.size(1)) {
      throw Error(ErrorCode::Mismatch, "expected " + std::to_string(wEnc.size(1)) + " numbers", path.string() + ", " + key);
    }
    return bias;
  };
  // What x W_enc is more than (x − b_dec) W_enc.
  const at::Tensor shift = at::mv(wEnc.t(), bDec);

  std::map<std::string, at::Tensor> tensors;
  SaeType type = SaeType::JumpRelu;
  if (config.architecture == "jumprelu") {
    at::Tensor bEnc = biasLike("b_enc");
    if (config.subtractsBias) bEnc.sub_(shift);
    tensors = {{"W_enc", wEnc}, {"b_enc", bEnc}, {"W_dec", wDec}, {"b_dec", bDec}, {"threshold", biasLike("threshold")}};
  } else if (config.architecture == "gated") {
    type = SaeType::Gated;
    const at::Tensor rMag = biasLike("r_mag");
    at::Tensor gate = biasLike("b_gate"), mag = biasLike("b_mag");
    if (!config.subtractsBias) {
      gate.add_(shift);
      mag.add_(shift * rMag.exp());
    }
    tensors = {{"encoder.weight", wEnc.t()}, {"r_mag", rMag},   {"gate_bias", gate},
               {"mag_bias", mag},            {"decoder.weight", wDec.t()}, {"decoder_bias", bDec}};
  } else {
    at::Tensor bEnc = biasLike("b_enc");
    if (!config.subtractsBias) bEnc.add_(shift);
    if (config.architecture == "topk" && config.rescales) {
      // Latents are chosen and given in units of the decoder's rows.
      const at::Tensor norms = wDec.norm(2, 1);
      wEnc.mul_(norms);
      bEnc.mul_(norms);
      wDec.div_(norms.clamp_min(1e-8).unsqueeze(1));
    }
    tensors = {{"encoder.weight", wEnc.t()}, {"encoder.bias", bEnc}, {"decoder.weight", wDec.t()}};
    type = config.architecture == "topk" ? SaeType::TopK : SaeType::Standard;
    tensors.emplace(type == SaeType::TopK ? "b_dec" : "bias", bDec);
    if (type == SaeType::TopK) tensors.emplace("k", at::scalar_tensor(config.k, at::kLong));
  }
  weights.warnOfUnused();
  return saeTypeInfo(type).read(DictionaryState(path, std::move(tensors), /*keepsScale=*/true));
}

void saveSaeLens(const Dictionary& dictionary, const fs::path& folder, const SaeLensOrigin& origin) {
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : dictionary.stateDict()) state.emplace(name, tensor);
  Json config;
  std::map<std::string, at::Tensor> weights;
  const auto linear = [&] {
    weights["W_enc"] = state.at("encoder.weight").t().contiguous();
    weights["W_dec"] = state.at("decoder.weight").t().contiguous();
  };
  bool subtractsBias = true;
  switch (dictionary.type()) {
    case SaeType::Standard:
      config["architecture"] = "standard";
      linear();
      weights["b_enc"] = state.at("encoder.bias");
      weights["b_dec"] = state.at("bias");
      break;
    case SaeType::Gated:
      config["architecture"] = "gated";
      linear();
      weights["b_gate"] = state.at("gate_bias");
      weights["b_mag"] = state.at("mag_bias");
      weights["r_mag"] = state.at("r_mag");
      weights["b_dec"] = state.at("decoder_bias");
      break;
    case SaeType::TopK:
      config["architecture"] = "topk";
      config["k"] = dictionary.k();
      linear();
      weights["b_enc"] = state.at("encoder.bias");
      weights["b_dec"] = state.at("b_dec");
      break;
    case SaeType::BatchTopK:
    case SaeType::MatryoshkaBatchTopK: {
      config["architecture"] = "jumprelu";
      if (state.contains("W_enc")) {
        weights["W_enc"] = state.at("W_enc");
        weights["W_dec"] = state.at("W_dec");
        weights["b_enc"] = state.at("b_enc");
      } else {
        linear();
        weights["b_enc"] = state.at("encoder.bias");
      }
      weights["b_dec"] = state.at("b_dec");
      weights["threshold"] = at::full({dictionary.dictSize()}, std::max(0.0, dictionary.threshold()), at::kFloat);
      break;
    }
    case SaeType::JumpRelu:
      config["architecture"] = "jumprelu";
      weights = {state.begin(), state.end()};
      subtractsBias = false;
      break;
  }
  config["d_in"] = dictionary.activationDim();
  config["d_sae"] = dictionary.dictSize();
  config["dtype"] = "float32";
  config["device"] = "cpu";
  config["apply_b_dec_to_input"] = subtractsBias;
  config["normalize_activations"] = "none";
  config["reshape_activations"] = "none";
  config["metadata"] = {{"sae_lens_version", "6.0.0"}, {"model_name", origin.modelName}, {"hook_name", origin.hookName}};
  writeSafetensors(folder / kWeights, weights, {{"format", "pt"}});
  writeTextFile(folder / kConfig, config.dump(2) + "\n");
}

}  // namespace sememe
