// The data sets of a workspace: image lists, classes, what became of each image, thumbnails.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/store/database.h"

namespace sememe {

struct DatasetInfo {
  int64_t id = 0;           // given by the workspace
  std::string name;         // for people
  std::string root;         // folder that the image paths are relative to
  std::string split;        // "" or a sub-folder such as "val"
  std::string fingerprint;  // of the image list; the data set's identity
  int64_t images = 0;       // length of the list
  int64_t created = 0;      // seconds since 1970
};

struct ClassInfo {
  std::string name;   // of the folder: "n01440764"
  std::string label;  // for people: "tench"; may be empty
};

enum class ImageStatus { Unseen = 0, Ok = 1, Failed = 2 };

struct ImageRecord {
  int64_t image = 0;    // its number in the list, from 0
  std::string path;     // relative to the root, with '/'
  int classIndex = -1;  // -1: none
  ImageStatus status = ImageStatus::Unseen;
  std::string reason;         // why it failed
  int width = 0, height = 0;  // pixels; 0 until it was read
};

struct Thumbnail {
  int64_t image = 0;
  std::vector<uint8_t> jpeg;
};

// A part of Workspace; same thread. Throws Error (NotFound: no such data set or image; Invalid), and as
// Database does.
class Datasets {
 public:
  explicit Datasets(Database& database) : m_database(database) {}

  // The data set with this fingerprint, made when absent; its root, name and split are brought up to date (a
  // folder may have moved). `id`, `images`, `created` of `info` and `image` of the records are ignored: the
  // list's order counts. Throws Invalid for an empty fingerprint or a class index out of range, Mismatch when
  // the one stored has another number of images.
  int64_t ensure(const DatasetInfo& info, const std::vector<ClassInfo>& classes,
                 std::span<const ImageRecord> images);

  std::vector<DatasetInfo> list() const;
  DatasetInfo get(int64_t dataset) const;
  std::optional<DatasetInfo> find(const std::string& fingerprint) const;
  void remove(int64_t dataset);  // throws Invalid while a run uses it

  std::vector<ClassInfo> classes(int64_t dataset) const;
  void setClassLabel(int64_t dataset, int classIndex, const std::string& label);

  ImageRecord image(int64_t dataset, int64_t image) const;
  std::vector<ImageRecord> images(int64_t dataset, int64_t first, int64_t count) const;  // fewer at the end
  std::filesystem::path imageFile(int64_t dataset, int64_t image) const;                 // root / path

  void setOk(int64_t dataset, int64_t image, int width, int height);
  void setFailed(int64_t dataset, int64_t image, const std::string& reason);
  std::vector<ImageRecord> failed(int64_t dataset) const;

  void setThumbnail(int64_t dataset, int64_t image, std::span<const uint8_t> jpeg);
  std::vector<uint8_t> thumbnail(int64_t dataset, int64_t image) const;  // empty when there is none
  // Those of `images` that there are, in that order: a whole grid in one call.
  std::vector<Thumbnail> thumbnails(int64_t dataset, std::span<const int64_t> images) const;
  int64_t thumbnailCount(int64_t dataset) const;

 private:
  Database& m_database;
};

}  // namespace sememe
