// Writes the demo world to a folder of ordinary image files with its table of attributes, and reads that
// table.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <exception>
#include <fstream>
#include <mutex>
#include <sstream>
#include <system_error>
#include <thread>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/demo/world.h"

namespace sememe {

namespace fs = std::filesystem;

namespace {

constexpr const char* kHeader =
    "path,seed,index,background,objects,shape1,colour1,texture1,size1,x1,y1,radius1,"
    "shape2,colour2,texture2,size2,x2,y2,radius2,caption";
constexpr const char* kTable = "attributes.csv";
constexpr const char* kMark = "world.txt";  // says whose images these are while the table is not yet there

std::string imagePath(const std::string& split, const Scene& scene, int64_t index) {
  char name[32];
  std::snprintf(name, sizeof name, "%06lld.%s", static_cast<long long>(index),
                index % 10 == 9 ? "png" : "jpg");
  return (split.empty() ? "" : split + "/") + worldClass(scene) + "/" + name;
}

// Whole or not there after a kill; a flush to the disk for each of thousands of small files would take
// minutes.
void writeImage(const fs::path& path, const std::vector<uint8_t>& bytes) {
  const fs::path part = path.string() + ".part";
  {
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.flush();
    if (!file) throwErrno(errno, "writing", part.string());
  }
  std::error_code error;
  fs::rename(part, path, error);
  if (error) throwErrno(error.value(), "renaming", path.string());
}

// True when the file was not there before.
bool writeOne(const fs::path& root, const std::string& split, uint64_t seed, int64_t index) {
  const Scene scene = sceneAt(seed, index);
  const fs::path path = root / imagePath(split, scene, index);
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (!error && size > 0) return false;
  fs::create_directories(path.parent_path(), error);
  if (error) throwErrno(error.value(), "creating", path.parent_path().string());
  const Image image = drawScene(scene).image;
  writeImage(path, path.extension() == ".png" ? encodePng(image) : encodeJpeg(image, 95));
  return true;
}

std::string tableRow(const std::string& split, uint64_t seed, int64_t index) {
  const Scene scene = sceneAt(seed, index);
  std::ostringstream row;
  row.setf(std::ios::fixed);
  row.precision(2);
  row << imagePath(split, scene, index) << ',' << seed << ',' << index << ','
      << worldBackground(scene.background) << ',' << scene.objects.size();
  for (size_t i = 0; i < 2; ++i) {
    if (i >= scene.objects.size()) {
      row << ",,,,,,,";
      continue;
    }
    const SceneObject& o = scene.objects[i];
    row << ',' << worldShape(o.shape) << ',' << worldColour(o.colour) << ',' << worldTexture(o.texture) << ','
        << (o.big ? "big" : "small") << ',' << o.x << ',' << o.y << ',' << o.radius;
  }
  row << ',' << caption(scene) << '\n';
  return row.str();
}

template <typename T>
T number(const std::string& text, const fs::path& path, size_t line) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::Corrupt, "expected a whole number, found '" + text + "'",
                path.string() + ", line " + std::to_string(line));
  }
  return value;
}

void checkMark(const fs::path& root, uint64_t seed) {
  const fs::path path = root / kMark;
  const std::string mark = "demo world, seed " + std::to_string(seed) + "\n";
  if (!fs::exists(path)) {
    writeTextFile(path, mark);
  } else if (readTextFile(path, 4096) != mark) {
    throw Error(ErrorCode::Mismatch,
                "the folder holds another demo world; expected seed " + std::to_string(seed), path.string());
  }
}

}  // namespace

WriteWorldResult writeWorld(const fs::path& root, const std::string& split, int64_t n, uint64_t seed,
                            const std::stop_token& stop, const ProgressFn& progress, int threads) {
  if (n <= 0) throw Error(ErrorCode::Invalid, "the demo world needs at least one image", std::to_string(n));
  checkMark(root, seed);
  if (fs::exists(root / kTable)) {
    const std::vector<WorldRow> rows = readWorld(root);
    const int64_t have = static_cast<int64_t>(rows.size());
    if (have >= n && rows[0].path == imagePath(split, rows[0].scene, 0)) return {have, 0};
  }

  ProgressMeter meter(progress, "Drawing the demo world", n);
  std::atomic<int64_t> next = 0, written = 0, finished = 0;
  std::atomic<bool> halt = false;
  std::exception_ptr failure;
  std::mutex mutex;
  // `report` is true on the calling thread alone, which draws as well.
  const auto work = [&](bool report) {
    int64_t reported = 0;
    try {
      for (int64_t i = next++; i < n && !halt; i = next++) {
        throwIfStopped(stop);
        if (writeOne(root, split, seed, i)) ++written;
        const int64_t now = ++finished;
        if (!report) continue;
        meter.advance(now - reported);
        reported = now;
      }
      if (report) meter.advance(n - reported);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      halt = true;
    }
  };
  if (threads <= 0) threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U));
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(work, false);
    work(true);
  }
  if (failure) std::rethrow_exception(failure);
  meter.finish();

  std::string table = std::string(kHeader) + "\n";
  for (int64_t i = 0; i < n; ++i) table += tableRow(split, seed, i);
  writeTextFile(root / kTable, table);
  return {n, written};
}

std::vector<WorldRow> readWorld(const fs::path& root) {
  const fs::path path = root / kTable;
  std::istringstream text(readTextFile(path));
  std::string line;
  if (!std::getline(text, line) || line != kHeader) {
    throw Error(ErrorCode::Corrupt, "the first line does not name the demo world's columns", path.string());
  }
  std::vector<WorldRow> rows;
  for (size_t lineNumber = 2; std::getline(text, line); ++lineNumber) {
    std::vector<std::string> cells;
    std::istringstream split(line);
    for (std::string cell; std::getline(split, cell, ',');) cells.push_back(cell);
    const std::string where = path.string() + ", line " + std::to_string(lineNumber);
    if (cells.size() != 20) {
      throw Error(ErrorCode::Corrupt, "expected 20 cells, found " + std::to_string(cells.size()), where);
    }
    WorldRow row;
    row.path = cells[0];
    row.seed = number<uint64_t>(cells[1], path, lineNumber);
    row.index = number<int64_t>(cells[2], path, lineNumber);
    row.scene = sceneAt(row.seed, row.index);
    // The scene is drawn anew from its seed; the words must say the same, or another program wrote the table.
    if (cells[19] != caption(row.scene)) {
      throw Error(ErrorCode::Corrupt, "the caption is not that of the scene of this seed and index", where);
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw Error(ErrorCode::Corrupt, "the table holds no image", path.string());
  return rows;
}

}  // namespace sememe
