// Writes an SAE in another library's layout.
#include "core/pipeline/export_sae.h"

#include <torch/torch.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/sae/dictionary.h"
#include "core/sae/saelens.h"

namespace sememe {

ExportSaeResult exportSae(const ExportSaeParams& params) {
  if (params.out.empty()) throw Error(ErrorCode::Invalid, "a folder has to be given for the SAE");
  if (params.format != "saelens" && params.format != "dictionary_learning") {
    throw Error(ErrorCode::Invalid, "no such format; there are saelens and dictionary_learning", params.format);
  }
  const auto dictionary = loadDictionary(params.sae);
  const SaeTypeInfo& info = saeTypeInfo(dictionary->type());
  ExportSaeResult result{info.name, {}, dictionary->activationDim(), dictionary->dictSize(), {}};
  if (params.format == "saelens") {
    saveSaeLens(*dictionary, params.out, {params.modelName, params.hookName});
    const auto config = nlohmann::json::parse(readTextFile(params.out / "cfg.json"));
    result.written = config["architecture"].get<std::string>();
    result.files = {(params.out / "cfg.json").string(), (params.out / "sae_weights.safetensors").string()};
  } else {
    // TopK and BatchTopK have the same keys: config.json says which it is.
    nlohmann::ordered_json config;
    config["trainer"] = {{"trainer_class", info.trainerClass},
                         {"dict_class", info.classes.front()},
                         {"activation_dim", dictionary->activationDim()},
                         {"dict_size", dictionary->dictSize()}};
    if (info.hasK) config["trainer"]["k"] = dictionary->k();
    if (info.hasGroups) config["trainer"]["group_sizes"] = dictionary->groupSizes();
    writeTextFile(params.out / "config.json", config.dump(4) + "\n");
    dictionary->save(params.out / "ae.pt");
    result.written = info.classes.front();
    result.files = {(params.out / "config.json").string(), (params.out / "ae.pt").string()};
  }
  return result;
}

}  // namespace sememe
