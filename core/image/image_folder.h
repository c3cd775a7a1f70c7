// A data set as a folder of image files: which files, of which classes, in which order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sememe {

struct ImageEntry {
  std::string path;     // relative to ImageFolder::root (so it starts with the split, if there is one), '/' between folders, UTF-8
  int classIndex = -1;  // into ImageFolder::classes; -1 = the folder has no classes
};

struct ImageFolder {
  std::filesystem::path root;        // as given
  std::string split;                 // the sub-folder of root that was listed; empty = root itself
  std::vector<std::string> classes;  // names of the class folders, sorted
  std::vector<ImageEntry> images;    // in the order that every result refers to
  std::string fingerprint;           // of the relative paths and file sizes, in order; not of root, so a moved set stays the same

  // Where image `index` lies. Throws Error (Invalid) outside 0 … images.size() - 1.
  std::filesystem::path file(int64_t index) const;
};

// Lists root/split (root itself when `split` is empty). Files count by their ending, whatever its case: .jpg .jpeg .png
// .ppm .bmp .pgm .tif .tiff .webp.
//  - Sub-folders without images beside them are classes, in torchvision's ImageFolder order: classes by name; inside a
//    class its folders by their path, and in each the files by name (bytes compared, as Python compares text). A class
//    folder without an image keeps its number, and a hidden folder (".git") is no class.
//  - With images directly in the folder there are no classes: all images below it, sorted by relative path.
// Symbolic links are followed; a link back to a folder above it is skipped, and a link to nothing too. Sub-folders that
// cannot be read, and names that are not UTF-8, are left out with a warning in the log.
// With `split` empty and root holding nothing but split folders (train, val, test and the like), it throws and names them.
// A million files take seconds and about 100 bytes each. Any thread.
// Throws Error: NotFound when the folder or split is not there or holds no image, Io when it cannot be read, Invalid for
// a split that leads out of root.
ImageFolder listImageFolder(const std::filesystem::path& root, const std::string& split = "");

}  // namespace sememe
