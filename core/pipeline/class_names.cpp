// Names of classes from the files that come with data sets.
#include "core/pipeline/class_names.h"

#include "core/analysis/hierarchy.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, std::string>;

// Lines of a folder, `separator`, and a name.
Names readLines(const fs::path& path, char separator) {
  Names names;
  const std::string text = readTextFile(path, 64 << 20);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    const size_t cut = line.find(separator);
    if (cut == std::string::npos) continue;
    const std::string folder(fieldText(line.substr(0, cut))), name(fieldText(line.substr(cut + 1)));
    if (!folder.empty() && !name.empty()) names.emplace(folder, name);
  }
  return names;
}

// "tench, Tinca tinca" → "tench".
Names firstSynonyms(Names names) {
  for (auto& [folder, name] : names) name = std::string(trimmed(name.substr(0, name.find(','))));
  return names;
}

// torch.save of ({wnid: (name, …)}, [wnid of each validation image]).
Names readMetaBin(const fs::path& path) {
  Names names;
  const PickleValue meta = readTorchFile(path);
  const auto wrong = [&] { return Error(ErrorCode::Corrupt, "expected torchvision's names of ImageNet's classes", path.string()); };
  if (meta.kind() != PickleValue::Kind::Tuple || meta.asItems().empty() || meta.asItems()[0].kind() != PickleValue::Kind::Dict) throw wrong();
  for (const auto& [wnid, synonyms] : meta.asItems()[0].asPairs()) {
    if (wnid.kind() != PickleValue::Kind::String || synonyms.kind() != PickleValue::Kind::Tuple || synonyms.asItems().empty() ||
        synonyms.asItems()[0].kind() != PickleValue::Kind::String)
      throw wrong();
    names.emplace(wnid.asString(), synonyms.asItems()[0].asString());
  }
  return names;
}

}  // namespace

Names readClassNames(const fs::path& root) {
  std::error_code ignored;
  for (const fs::path& folder : {root, fs::absolute(root).lexically_normal().parent_path()}) {
    try {
      if (fs::exists(folder / "class_names.csv", ignored)) return readLines(folder / "class_names.csv", ',');
      if (fs::exists(folder / "LOC_synset_mapping.txt", ignored)) return firstSynonyms(readLines(folder / "LOC_synset_mapping.txt", ' '));
      if (fs::exists(folder / "meta.bin", ignored)) return readMetaBin(folder / "meta.bin");
    } catch (const Error& error) {
      log(LogLevel::Warning, std::string("the classes keep their folders' names: ") + error.what());
    }
  }
  return {};
}

Names readNames(const fs::path& file) { return readLines(file, ','); }

std::vector<std::string> classLabels(const std::vector<std::string>& folders, const fs::path& root) {
  const Names names = readClassNames(root);
  std::vector<std::string> labels;
  for (const std::string& folder : folders) {
    const auto found = names.find(folder);
    std::string label = found == names.end() ? std::string() : found->second;
    if (label.empty() && looksLikeInaturalist(folder)) {
      // Of the seven ranks down to the species the last two are its name; a shorter path is one as a whole.
      constexpr size_t kRanks = 7;
      const ClassPath path = inaturalistPath(folder);
      for (size_t i = path.size() < kRanks ? 0 : path.size() - 2; i < path.size(); ++i) label += (label.empty() ? "" : " ") + path[i];
    }
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace sememe
