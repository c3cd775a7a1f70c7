// Listing folders of images.
#include "core/image/image_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

constexpr std::array<std::string_view, 9> kEndings{".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"};
constexpr std::array<std::string_view, 7> kSplits{"train", "training", "val", "valid", "validation", "test", "testing"};
constexpr const char* kExpected =
    "images (.jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp) in it, or class folders that hold images";

bool isImageName(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot > 5) return false;
  std::string ending(name.substr(dot));
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

// Well-formed UTF-8, so that paths can go into databases, JSON and windows.
bool isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 4;
    if (more == 4 || i + more >= text.size()) return false;
    for (size_t j = 1; j <= more; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0) != 0x80) return false;
    }
    const unsigned second = more > 1 ? static_cast<unsigned char>(text[i + 1]) : 0x80;
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
        (c == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

struct FoundFile {
  std::string path;  // relative to root
  int64_t size = 0;
};

using FolderId = std::pair<dev_t, ino_t>;

struct Listing {
  std::vector<FoundFile> files;
  std::vector<std::string> folders;  // names
};

std::string join(const std::string& folder, std::string_view name) {
  return folder.empty() ? std::string(name) : folder + "/" + std::string(name);
}

// The images and sub-folders directly in root/relative; the images get a size. False, with errno, when it cannot be read.
bool listOne(const fs::path& root, const std::string& relative, Listing& out, FolderId& id) {
  const fs::path path = relative.empty() ? root : root / relative;
  DIR* const directory = ::opendir(path.c_str());
  if (!directory) return false;
  struct stat info {};
  if (::fstat(::dirfd(directory), &info) != 0) {
    const int error = errno;
    ::closedir(directory);
    errno = error;
    return false;
  }
  id = {info.st_dev, info.st_ino};
  try {
    while (const dirent* const entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const bool image = isImageName(name);
      bool folder = entry->d_type == DT_DIR;
      if (!image && !folder && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) continue;
      if (!folder) {
        if (::fstatat(::dirfd(directory), entry->d_name, &info, 0) != 0) continue;  // a link to nothing
        folder = S_ISDIR(info.st_mode);
        if (!folder && !(image && S_ISREG(info.st_mode))) continue;
      }
      if (!isUtf8(name)) {
        log(LogLevel::Warning, "left out, its name is not UTF-8: " + (path / name).string());
        continue;
      }
      if (folder) {
        out.folders.emplace_back(name);
      } else {
        out.files.push_back({join(relative, name), info.st_size});
      }
    }
  } catch (...) {
    ::closedir(directory);
    throw;
  }
  ::closedir(directory);
  return true;
}

// Adds the images of root/relative and below, folder by folder; `above` are the folders on the way down.
struct FolderFiles {
  std::string path;
  std::vector<FoundFile> files;
};
void walk(const fs::path& root, const std::string& relative, std::vector<FolderId>& above, std::vector<FolderFiles>& out) {
  Listing here;
  FolderId id;
  if (!listOne(root, relative, here, id)) {
    const int error = errno;
    log(LogLevel::Warning, "left out, cannot read the folder " + (root / relative).string() + ": " + std::strerror(error));
    return;
  }
  if (std::find(above.begin(), above.end(), id) != above.end()) return;  // a link back to a folder above
  if (!here.files.empty()) out.push_back({relative, std::move(here.files)});
  above.push_back(id);
  for (const std::string& name : here.folders) walk(root, join(relative, name), above, out);
  above.pop_back();
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < 8; ++i) text += (i ? ", " : "") + names[i];
  return names.size() > 8 ? text + ", …" : text;
}

// Moves the found files into the result, in their order.
void take(std::vector<FoundFile>& files, int classIndex, ImageFolder& result, Fingerprint& fingerprint) {
  for (FoundFile& file : files) {
    fingerprint.add(file.path).add(file.size);
    file.path.shrink_to_fit();
    result.images.push_back({std::move(file.path), classIndex});
  }
}

void checkSplit(const std::string& split) {
  const fs::path path(split);
  const bool out = std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
  if (path.is_absolute() || out) throw Error(ErrorCode::Invalid, "a split is the name of a sub-folder", split);
}

}  // namespace

fs::path ImageFolder::file(int64_t index) const {
  if (index < 0 || index >= static_cast<int64_t>(images.size())) {
    throw Error(ErrorCode::Invalid,
                "image " + std::to_string(index) + " is not in the folder; it has " + std::to_string(images.size()),
                root.string());
  }
  return root / images[static_cast<size_t>(index)].path;
}

ImageFolder listImageFolder(const fs::path& root, const std::string& split) {
  checkSplit(split);
  ImageFolder result;
  result.root = root;
  result.split = split;
  const fs::path base = split.empty() ? root : root / split;
  // "train/" and "./train" name the same files as "train".
  std::string start = split.empty() ? std::string() : fs::path(split).lexically_normal().string();
  while (!start.empty() && start.back() == '/') start.pop_back();
  if (start == ".") start.clear();

  Listing top;
  FolderId id;
  if (!listOne(root, start, top, id)) {
    const int error = errno;
    Listing beside;
    if (error == ENOENT && !split.empty() && listOne(root, "", beside, id)) {
      std::sort(beside.folders.begin(), beside.folders.end());
      throw Error(ErrorCode::NotFound,
                  "the image folder has no split '" + split + "'" +
                      (beside.folders.empty() ? "" : "; its sub-folders are " + list(beside.folders)),
                  root.string());
    }
    if (error == ENOTDIR) throw Error(ErrorCode::NotFound, "not a folder; a folder of images was expected", base.string());
    throwErrno(error, "cannot list the image folder", base.string());
  }
  std::erase_if(top.folders, [](const std::string& name) { return name.front() == '.'; });
  std::sort(top.folders.begin(), top.folders.end());

  Fingerprint fingerprint;
  std::vector<FolderId> above{id};
  if (!top.files.empty()) {
    std::vector<FolderFiles> found;
    for (const std::string& name : top.folders) walk(root, join(start, name), above, found);
    for (FolderFiles& folder : found) {
      std::move(folder.files.begin(), folder.files.end(), std::back_inserter(top.files));
      folder.files = {};
    }
    std::sort(top.files.begin(), top.files.end(), [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
    take(top.files, -1, result, fingerprint);
  } else {
    const bool splitsOnly = split.empty() && !top.folders.empty() &&
                            std::all_of(top.folders.begin(), top.folders.end(), [](const std::string& name) {
                              return std::find(kSplits.begin(), kSplits.end(), name) != kSplits.end();
                            });
    if (splitsOnly) {
      throw Error(ErrorCode::NotFound, "the image folder holds splits (" + list(top.folders) + "); name the one to use",
                  root.string());
    }
    result.classes = top.folders;
    for (size_t c = 0; c < top.folders.size(); ++c) {
      std::vector<FolderFiles> found;
      walk(root, join(start, top.folders[c]), above, found);
      std::sort(found.begin(), found.end(), [](const FolderFiles& a, const FolderFiles& b) { return a.path < b.path; });
      for (FolderFiles& folder : found) {
        std::sort(folder.files.begin(), folder.files.end(),
                  [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
        take(folder.files, static_cast<int>(c), result, fingerprint);
      }
    }
  }
  if (result.images.empty()) {
    throw Error(ErrorCode::NotFound, std::string("the folder holds no images; expected were ") + kExpected, base.string());
  }
  result.images.shrink_to_fit();
  result.fingerprint = fingerprint.hex();
  return result;
}

}  // namespace sememe
