// Writes the archives that tests read.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <QtGlobal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace sememe {

// A .tar, by its ending compressed with gzip, of files with a name and a content.
inline void writeTar(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& files) {
  archive* writer = archive_write_new();
  if (path.extension() == ".gz") archive_write_add_filter_gzip(writer);
  archive_write_set_format_pax_restricted(writer);
  bool fine = archive_write_open_filename(writer, path.c_str()) == ARCHIVE_OK;
  for (const auto& [name, content] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, la_int64_t(content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    fine = fine && archive_write_header(writer, entry) == ARCHIVE_OK &&
           archive_write_data(writer, content.data(), content.size()) == la_ssize_t(content.size());
    archive_entry_free(entry);
  }
  fine = archive_write_close(writer) == ARCHIVE_OK && fine;
  archive_write_free(writer);
  if (!fine) qFatal("cannot write %s", path.c_str());
}

}  // namespace sememe
