// Dictionaries in saev's files.
#include "core/sae/saev.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/sae/dictionary_state.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kHeaderBytes = 1 << 20;
constexpr int64_t kNewestSchema = 5, kFirstWithoutSubtraction = 2;

// The first line; nothing where it is no JSON object or does not end within kHeaderBytes.
std::optional<Json> readHeader(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes().first(std::min(kHeaderBytes, file->bytes().size()));
  if (bytes.empty() || bytes[0] != std::byte{'{'}) return std::nullopt;
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  const void* end = std::memchr(begin, '\n', bytes.size());
  if (!end) return std::nullopt;
  Json json = Json::parse(begin, static_cast<const char*>(end), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

struct Header {
  int64_t schema = 0;      // 0: from before there was one
  std::string activation;  // "Relu", "TopK", "BatchTopK"
  int64_t k = 32;          // saev's default
};

Header parseHeader(const Json& json, const std::string& where) {
  Header header;
  try {
    if (!json.contains("schema")) {
      header.activation = "Relu";
      return header;
    }
    header.schema = json.at("schema").get<int64_t>();
    if (header.schema < 1 || header.schema > kNewestSchema) {
      throw Error(ErrorCode::Unsupported,
                  "saev's schema " + std::to_string(header.schema) + " is not read; there are 1 to " + std::to_string(kNewestSchema), where);
    }
    const Json& config = json.at("cfg");
    const std::string kind = json.value("cls", "");
    if (header.schema == 1 && !kind.empty() && kind != "SparseAutoencoderConfig") {
      header.activation = kind;
      header.k = config.value("top_k", header.k);
      return header;
    }
    if (!config.contains("activation") && header.schema == 1) {
      header.activation = "Relu";
      return header;
    }
    header.activation = config.at("activation").at("cls").get<std::string>();
    header.k = config.at("activation").at("params").value("top_k", header.k);
  } catch (const Json::exception&) {
    throw Error(ErrorCode::Corrupt, "the header is not as saev writes it", where);
  }
  return header;
}

}  // namespace

bool isSaevFile(const fs::path& path) {
  try {
    const std::optional<Json> json = readHeader(path);
    return json && (json->contains("schema") || json->contains("d_vit"));
  } catch (const Error&) {
    return false;
  }
}

std::unique_ptr<Dictionary> loadSaev(const fs::path& path) {
  const at::NoGradGuard noGrad;
  const std::string where = path.string() + ", header";
  const std::optional<Json> json = readHeader(path);
  if (!json) throw Error(ErrorCode::Corrupt, "expected a line of JSON before the weights", where);
  const Header header = parseHeader(*json, where);
  if (header.activation != "Relu" && header.activation != "TopK" && header.activation != "BatchTopK") {
    throw Error(ErrorCode::Unsupported, "activation \"" + header.activation + "\" is not read; there are Relu, TopK and BatchTopK", where);
  }
  const DictionaryState state(path);
  const at::Tensor wEnc = state.real("W_enc", 2), wDec = state.real("W_dec", 2), bDec = state.real("b_dec", 1);
  at::Tensor bEnc = state.real("b_enc", 1);
  if (wEnc.size(0) != bDec.numel() || wDec.size(1) != bDec.numel() || wDec.size(0) != wEnc.size(1) || bEnc.numel() != wEnc.size(1)) {
    throw Error(ErrorCode::Mismatch, "W_enc, W_dec, b_enc and b_dec do not fit together", path.string());
  }
  // What x W_enc is more than (x − b_dec) W_enc, in double: b_dec may be large.
  if (header.schema >= kFirstWithoutSubtraction) {
    bEnc = (bEnc.to(at::kDouble) + at::mv(wEnc.t().to(at::kDouble), bDec.to(at::kDouble))).to(at::kFloat);
  }
  std::map<std::string, at::Tensor> tensors = {{"encoder.weight", wEnc.t()}, {"encoder.bias", bEnc}, {"decoder.weight", wDec.t()}};
  SaeType type = SaeType::Standard;
  if (header.activation == "Relu") {
    tensors.emplace("bias", bDec);
  } else {
    type = header.activation == "TopK" ? SaeType::TopK : SaeType::BatchTopK;
    tensors.emplace("b_dec", bDec);
    tensors.emplace("k", at::scalar_tensor(std::clamp<int64_t>(header.k, 0, wEnc.size(1)), at::kLong));
    if (type == SaeType::BatchTopK && state.has("activation.threshold")) {
      tensors.emplace("threshold", at::scalar_tensor(state.number("activation.threshold"), at::kFloat));
    } else if (type == SaeType::BatchTopK) {
      log(LogLevel::Warning, "this BatchTopK was saved without a threshold; the k largest latents of each row are taken: " + path.string());
      type = SaeType::TopK;
    }
  }
  for (const std::string& key : state.keys()) {
    if (!key.starts_with("W_") && !key.starts_with("b_") && key != "activation.threshold") {
      log(LogLevel::Warning, "unused key of a dictionary: " + state.where(key));
    }
  }
  return saeTypeInfo(type).read(DictionaryState(path, std::move(tensors), /*keepsScale=*/true));
}

}  // namespace sememe
