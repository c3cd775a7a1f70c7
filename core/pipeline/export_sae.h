// Writes an SAE in another library's layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sememe {

struct ExportSaeParams {
  std::filesystem::path sae;  // whatever loadDictionary reads
  std::filesystem::path out;  // folder to fill; files of the same names are replaced
  std::string format = "saelens";  // or "dictionary_learning"
  std::string modelName, hookName;  // SAELens: where the activations are from; only told on
};

struct ExportSaeResult {
  std::string type;  // "matryoshka_batch_topk"
  std::string written;  // the type in the other library's words: "jumprelu"
  int64_t activationDim = 0, dictSize = 0;
  std::vector<std::string> files;
};

// Throws Error (as loadDictionary does; Invalid: another format; Io, DiskFull).
ExportSaeResult exportSae(const ExportSaeParams& params);

}  // namespace sememe
