// Tokens of texts through a text tower.
#include "core/pipeline/text_embeddings.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/models/text_model.h"
#include "core/text/tokenizer.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

// What SigLIP's texts are filled up with.
int64_t padding(const fs::path& model, const Tokenizer& tokenizer) {
  const fs::path file = model / "tokenizer_config.json";
  const auto json = nlohmann::json::parse(readTextFile(file, 64 << 20), nullptr, false);
  const auto found = json.is_object() ? json.find("pad_token") : json.end();
  if (json.is_object() && found != json.end()) {
    const auto& token = found->is_object() && found->contains("content") ? (*found)["content"] : *found;
    if (token.is_string()) {
      if (const auto id = tokenizer.tokenToId(token.get<std::string>())) return *id;
    }
  }
  throw Error(ErrorCode::Corrupt, "expected a pad_token of the vocabulary", file.string());
}

}  // namespace

at::Tensor embedTexts(const fs::path& folder, const std::vector<std::string>& texts, const std::string& what, at::Device device,
                      const std::stop_token& stop, const ProgressFn& progress) {
  const at::NoGradGuard noGrad;
  LoadOptions options;
  options.device = device;
  options.stop = stop;
  const auto model = loadTextModel(folder, options);
  const auto tokenizer = Tokenizer::load(folder);
  const TextInfo& info = model->info();
  const int64_t pad = info.family == "siglip" ? padding(folder, *tokenizer) : 0;
  ProgressMeter meter(progress, "Embedding " + what, int64_t(texts.size()));
  std::vector<at::Tensor> rows;
  for (const std::string& text : texts) {
    throwIfStopped(stop);
    std::vector<int64_t> ids = tokenizer->encode(text);
    if (ids.empty()) throw Error(ErrorCode::Invalid, "a text has no token", "\"" + text + "\"");
    if (int64_t(ids.size()) > info.positions) {
      ids[size_t(info.positions) - 1] = ids.back();  // the end-of-text token stays
      ids.resize(size_t(info.positions));
    }
    if (info.family == "siglip") ids.resize(size_t(info.positions), pad);
    rows.push_back(model->embed(at::tensor(ids, at::kLong).unsqueeze(0).to(device)).to(at::kCPU, at::kFloat));
    meter.advance();
  }
  meter.finish();
  return rows.empty() ? at::zeros({0, info.embeddingDim}) : at::cat(rows);
}

}  // namespace sememe
