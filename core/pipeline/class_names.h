// What class folders are called by people: "n01440764" is a tench.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sememe {

// Names by class folder, from what lies in `root` or beside it (its parent): ImageNet's LOC_synset_mapping.txt, torchvision's meta.bin, or
// class_names.csv with lines "folder,name". The first of several synonyms is taken. Empty where none is there; a file that
// cannot be read is left out with a warning.
std::map<std::string, std::string> readClassNames(const std::filesystem::path& root);

// Lines "folder,name" of a file; others are left out. Throws Error (NotFound, Io).
std::map<std::string, std::string> readNames(const std::filesystem::path& file);

// The name of each folder, empty where it is not known. Those of iNaturalist name themselves, by genus and
// species, and those of the demo world by their whole path.
std::vector<std::string> classLabels(const std::vector<std::string>& folders, const std::filesystem::path& root);

}  // namespace sememe
