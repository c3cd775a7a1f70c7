// Archives by libarchive; a folder's files by the same splitter of lines.
#include "core/base/text_members.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = size_t{1} << 20;

// Pieces of text to lines.
class LineSplitter {
 public:
  LineSplitter(const LineFn& take, std::string where) : m_take(take), m_where(std::move(where)) {}

  void add(std::string_view piece) {
    while (!piece.empty()) {
      const size_t end = piece.find('\n');
      if (end == std::string_view::npos) {
        keep(piece);
        return;
      }
      if (m_rest.empty()) {
        check(end);
        deliver(piece.substr(0, end));
      } else {
        keep(piece.substr(0, end));
        deliver(m_rest);
        m_rest.clear();
      }
      piece.remove_prefix(end + 1);
    }
  }
  void finish() {
    if (!m_rest.empty()) deliver(m_rest);
  }

 private:
  void check(size_t size) const {
    if (size > kLongestLine)
      throw Error(ErrorCode::Corrupt, "a line is longer than " + std::to_string(kLongestLine >> 20) + " MB", m_where + ", line " + std::to_string(m_number + 1));
  }
  void keep(std::string_view text) {
    check(m_rest.size() + text.size());
    m_rest += text;
  }
  void deliver(std::string_view line) {
    ++m_number;
    if (m_number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.ends_with('\r')) line.remove_suffix(1);
    m_take(m_number, line);
  }

  const LineFn& m_take;
  std::string m_where;
  std::string m_rest;
  int64_t m_number = 0;
};

void readPlain(const fs::path& path, const LineFn& take, const std::stop_token& stop) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throwErrno(errno, "cannot open", path.string());
  LineSplitter lines(take, path.string());
  std::vector<char> piece(kPiece);
  while (file) {
    throwIfStopped(stop);
    file.read(piece.data(), std::streamsize(piece.size()));
    lines.add({piece.data(), size_t(file.gcount())});
  }
  if (file.bad()) throw Error(ErrorCode::Io, "cannot be read to its end", path.string());
  lines.finish();
}

void readFolder(const fs::path& folder, const std::function<LineFn(const std::string&)>& member, const std::stop_token& stop) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored)) files.push_back(at->path());
  }
  if (error) throw Error(ErrorCode::Io, "the folder cannot be read: " + error.message(), folder.string());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    if (const LineFn take = member(file.filename().string())) readPlain(file, take, stop);
  }
}

void readArchive(const fs::path& path, const std::function<LineFn(const std::string&)>& member, const std::stop_token& stop,
                 const ProgressFn& progress) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  const auto broken = [&](const std::string& name) {
    const char* why = archive_error_string(reader.get());
    return Error(ErrorCode::Corrupt, std::string("this is no whole tar archive") + (why ? std::string(": ") + why : ""),
                 path.string() + (name.empty() ? "" : ", " + name));
  };
  if (archive_read_open_filename(reader.get(), path.c_str(), kPiece) != ARCHIVE_OK) throw broken({});
  std::error_code ignored;
  const auto size = int64_t(fs::file_size(path, ignored));
  ProgressMeter meter(progress, "Reading the archive", ignored ? 0 : size);
  int64_t counted = 0;
  std::vector<char> piece(kPiece);
  archive_entry* entry = nullptr;
  for (;;) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) throw broken({});
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    const char* raw = archive_entry_pathname(entry);
    const std::string name = fs::path(raw ? raw : "").filename().string();
    const LineFn take = member(name);
    if (!take) continue;
    LineSplitter lines(take, path.string() + ", " + name);
    for (;;) {
      throwIfStopped(stop);
      const la_ssize_t got = archive_read_data(reader.get(), piece.data(), piece.size());
      if (got < 0) throw broken(name);
      if (got == 0) break;
      lines.add({piece.data(), size_t(got)});
      const int64_t now = archive_filter_bytes(reader.get(), -1);
      if (now > counted) meter.advance(now - std::exchange(counted, now));
    }
    lines.finish();
  }
  meter.finish();
}

}  // namespace

void readTextMembers(const fs::path& path, const std::function<LineFn(const std::string&)>& member, const std::stop_token& stop,
                     const ProgressFn& progress) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) throw Error(ErrorCode::NotFound, "there is no such file or folder", path.string());
  if (fs::is_directory(path, ignored)) return readFolder(path, member, stop);
  if (path.extension() == ".csv") {
    if (const LineFn take = member(path.filename().string())) readPlain(path, take, stop);
    return;
  }
  readArchive(path, member, stop, progress);
}

}  // namespace sememe
