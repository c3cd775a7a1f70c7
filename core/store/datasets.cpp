// The data sets of a workspace: image lists, classes, what became of each image, thumbnails.
#include "core/store/datasets.h"

#include <ctime>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr const char* kDatasetColumns =
    "SELECT id, name, root, split, fingerprint, images, created FROM datasets";
constexpr const char* kImageColumns = "SELECT image, path, class, status, reason, width, height FROM images";

DatasetInfo readDataset(const Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4), row.integer(5), row.integer(6)};
}

ImageRecord readImage(const Statement& row) {
  ImageRecord record;
  record.image = row.integer(0);
  record.path = row.text(1);
  record.classIndex = int(row.integer(2));
  const int64_t status = row.integer(3);
  record.status = status == 1 ? ImageStatus::Ok : status == 2 ? ImageStatus::Failed : ImageStatus::Unseen;
  record.reason = row.text(4);
  record.width = int(row.integer(5));
  record.height = int(row.integer(6));
  return record;
}

std::string key(const Database& database, int64_t dataset, int64_t image = -1) {
  return database.path().string() + ", data set " + std::to_string(dataset) +
         (image < 0 ? "" : ", image " + std::to_string(image));
}

void requireTouched(const Database& database, int64_t dataset, int64_t image) {
  if (database.changes() == 0)
    throw Error(ErrorCode::NotFound, "no such image", key(database, dataset, image));
}

}  // namespace

int64_t Datasets::ensure(const DatasetInfo& info, const std::vector<ClassInfo>& classes,
                         std::span<const ImageRecord> images) {
  if (info.fingerprint.empty()) {
    throw Error(ErrorCode::Invalid, "a data set needs a fingerprint", m_database.path().string());
  }
  for (size_t i = 0; i < images.size(); ++i) {
    if (images[i].classIndex < -1 || images[i].classIndex >= int64_t(classes.size())) {
      throw Error(ErrorCode::Invalid,
                  "class " + std::to_string(images[i].classIndex) + " of image " + std::to_string(i) +
                      " is not among the " + std::to_string(classes.size()) + " classes",
                  info.name);
    }
  }

  Transaction transaction(m_database);
  if (const auto stored = find(info.fingerprint)) {
    if (stored->images != int64_t(images.size())) {
      throw Error(ErrorCode::Mismatch,
                  "the stored data set has " + std::to_string(stored->images) + " images, this one " +
                      std::to_string(images.size()),
                  key(m_database, stored->id));
    }
    Statement(m_database, "UPDATE datasets SET name = ?2, root = ?3, split = ?4 WHERE id = ?1", stored->id,
              info.name, info.root, info.split)
        .run();
    transaction.commit();
    return stored->id;
  }

  Statement(m_database,
            "INSERT INTO datasets (name, root, split, fingerprint, images, created) VALUES (?1, ?2, ?3, ?4, "
            "?5, ?6)",
            info.name, info.root, info.split, info.fingerprint, images.size(), std::time(nullptr))
      .run();
  const int64_t dataset = m_database.lastInsertId();
  Statement insertClass(m_database,
                        "INSERT INTO classes (dataset, class, name, label) VALUES (?1, ?2, ?3, ?4)");
  for (size_t i = 0; i < classes.size(); ++i)
    insertClass.with(dataset, i, classes[i].name, classes[i].label).run();
  Statement insertImage(m_database,
                        "INSERT INTO images (dataset, image, path, class, status, reason, width, height)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  for (size_t i = 0; i < images.size(); ++i) {
    const ImageRecord& image = images[i];
    insertImage
        .with(dataset, i, image.path, image.classIndex, image.status, image.reason, image.width, image.height)
        .run();
  }
  transaction.commit();
  return dataset;
}

std::vector<DatasetInfo> Datasets::list() const {
  std::vector<DatasetInfo> found;
  Statement rows(m_database, std::string(kDatasetColumns) + " ORDER BY id");
  while (rows.step()) found.push_back(readDataset(rows));
  return found;
}

DatasetInfo Datasets::get(int64_t dataset) const {
  Statement row(m_database, std::string(kDatasetColumns) + " WHERE id = ?1", dataset);
  if (!row.step()) throw Error(ErrorCode::NotFound, "no such data set", key(m_database, dataset));
  return readDataset(row);
}

std::optional<DatasetInfo> Datasets::find(const std::string& fingerprint) const {
  Statement row(m_database, std::string(kDatasetColumns) + " WHERE fingerprint = ?1", fingerprint);
  if (!row.step()) return std::nullopt;
  return readDataset(row);
}

void Datasets::remove(int64_t dataset) {
  Transaction transaction(m_database);
  get(dataset);
  Statement used(m_database, "SELECT name FROM runs WHERE dataset = ?1 LIMIT 1", dataset);
  if (used.step()) {
    throw Error(ErrorCode::Invalid, "the data set is still used by the run \"" + used.text(0) + "\"",
                key(m_database, dataset));
  }
  Statement(m_database, "DELETE FROM datasets WHERE id = ?1", dataset).run();
  transaction.commit();
}

std::vector<ClassInfo> Datasets::classes(int64_t dataset) const {
  std::vector<ClassInfo> found;
  Statement rows(m_database, "SELECT name, label FROM classes WHERE dataset = ?1 ORDER BY class", dataset);
  while (rows.step()) found.push_back({rows.text(0), rows.text(1)});
  return found;
}

void Datasets::setClassLabel(int64_t dataset, int classIndex, const std::string& label) {
  Statement(m_database, "UPDATE classes SET label = ?3 WHERE dataset = ?1 AND class = ?2", dataset,
            classIndex, label)
      .run();
  if (m_database.changes() == 0) {
    throw Error(ErrorCode::NotFound, "no such class",
                key(m_database, dataset) + ", class " + std::to_string(classIndex));
  }
}

ImageRecord Datasets::image(int64_t dataset, int64_t image) const {
  Statement row(m_database, std::string(kImageColumns) + " WHERE dataset = ?1 AND image = ?2", dataset,
                image);
  if (!row.step()) throw Error(ErrorCode::NotFound, "no such image", key(m_database, dataset, image));
  return readImage(row);
}

std::vector<ImageRecord> Datasets::images(int64_t dataset, int64_t first, int64_t count) const {
  if (first < 0 || count < 0) throw Error(ErrorCode::Invalid, "a negative range", key(m_database, dataset));
  std::vector<ImageRecord> found;
  Statement rows(m_database,
                 std::string(kImageColumns) + " WHERE dataset = ?1 AND image >= ?2 ORDER BY image LIMIT ?3",
                 dataset, first, count);
  while (rows.step()) found.push_back(readImage(rows));
  return found;
}

std::filesystem::path Datasets::imageFile(int64_t dataset, int64_t image) const {
  return std::filesystem::path(get(dataset).root) / this->image(dataset, image).path;
}

void Datasets::setOk(int64_t dataset, int64_t image, int width, int height) {
  Statement(
      m_database,
      "UPDATE images SET status = 1, reason = '', width = ?3, height = ?4 WHERE dataset = ?1 AND image = ?2",
      dataset, image, width, height)
      .run();
  requireTouched(m_database, dataset, image);
}

void Datasets::setFailed(int64_t dataset, int64_t image, const std::string& reason) {
  Statement(m_database, "UPDATE images SET status = 2, reason = ?3 WHERE dataset = ?1 AND image = ?2",
            dataset, image, reason)
      .run();
  requireTouched(m_database, dataset, image);
}

std::vector<ImageRecord> Datasets::failed(int64_t dataset) const {
  std::vector<ImageRecord> found;
  Statement rows(m_database, std::string(kImageColumns) + " WHERE dataset = ?1 AND status = 2 ORDER BY image",
                 dataset);
  while (rows.step()) found.push_back(readImage(rows));
  return found;
}

void Datasets::setThumbnail(int64_t dataset, int64_t image, std::span<const uint8_t> jpeg) {
  Statement(m_database,
            "INSERT INTO thumbnails (dataset, image, jpeg) SELECT dataset, image, ?3 FROM images"
            " WHERE dataset = ?1 AND image = ?2 ON CONFLICT DO UPDATE SET jpeg = excluded.jpeg",
            dataset, image, jpeg)
      .run();
  requireTouched(m_database, dataset, image);
}

std::vector<uint8_t> Datasets::thumbnail(int64_t dataset, int64_t image) const {
  const auto found = thumbnails(dataset, {&image, 1});
  return found.empty() ? std::vector<uint8_t>() : found.front().jpeg;
}

std::vector<Thumbnail> Datasets::thumbnails(int64_t dataset, std::span<const int64_t> images) const {
  std::vector<Thumbnail> found;
  Statement row(m_database, "SELECT jpeg FROM thumbnails WHERE dataset = ?1 AND image = ?2");
  for (const int64_t image : images) {
    row.with(dataset, image);
    if (!row.step()) continue;
    const auto bytes = row.blob(0);
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    found.push_back({image, {data, data + bytes.size()}});
  }
  return found;
}

int64_t Datasets::thumbnailCount(int64_t dataset) const {
  Statement row(m_database, "SELECT count(*) FROM thumbnails WHERE dataset = ?1", dataset);
  row.step();
  return row.integer(0);
}

}  // namespace sememe
