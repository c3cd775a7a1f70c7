// log.jsonl of a training: written line by line, read back whole.
#include "core/sae/training_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int64_t kLogBytes = int64_t{1} << 30;

// JSON has no NaN and no infinity: both are written as null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

double real(const Json& value) { return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(); }

Json toJson(const CodeStats& s) {
  return {{"l0", number(s.l0)}, {"l2", number(s.l2)}, {"fve", number(s.fve)}, {"dead", s.dead}};
}

CodeStats codeStats(const Json& json) {
  return {real(json.at("l0")), real(json.at("l2")), real(json.at("fve")), json.at("dead").get<int64_t>()};
}

// The whole lines of a log; what follows the last line end was cut off while it was written.
struct Lines {
  std::string text;
  std::vector<std::pair<size_t, size_t>> spans;  // begin and length of each, in `text`
};

Lines readLines(const fs::path& path) {
  Lines lines;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return lines;
  lines.text = readTextFile(path, kLogBytes);
  for (size_t begin = 0, end; (end = lines.text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.spans.emplace_back(begin, end - begin);
  }
  return lines;
}

TrainingPoint parseLine(const Lines& lines, size_t i, const fs::path& path) {
  try {
    return parseTrainingPoint(lines.text.substr(lines.spans[i].first, lines.spans[i].second));
  } catch (const Error& error) {
    throw Error(error.code(), error.message(), path.string() + ", line " + std::to_string(i + 1));
  }
}

}  // namespace

std::string trainingPointJson(const TrainingPoint& point) {
  const StepStats& s = point.step;
  Json json{{"step", s.step},
            {"seconds", number(point.seconds)},
            {"loss", number(s.loss)},
            {"l2", number(s.l2)},
            {"auxk", number(s.auxk)},
            {"sparsity", number(s.sparsity)},
            {"l0", number(s.l0)},
            {"fve", number(s.fve)},
            {"dead", s.dead}};
  if (point.validation) {
    const ValidationStats& v = *point.validation;
    Json& out = json["validation"] = {{"rows", v.rows}, {"inference", toJson(v.inference)}};
    if (v.otherRule) out["other_rule"] = toJson(*v.otherRule);
    if (v.ms) {
      out["ms"] = {{"scored", v.ms->scored}, {"mean", number(v.ms->mean)}, {"median", number(v.ms->median)}, {"best", number(v.ms->best)}};
    }
  }
  return json.dump();
}

TrainingPoint parseTrainingPoint(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    TrainingPoint point;
    point.step = {json.at("step").get<int64_t>(), real(json.at("loss")), real(json.at("l2")),  real(json.at("auxk")),
                  real(json.at("sparsity")),      real(json.at("l0")),   real(json.at("fve")), json.at("dead").get<int64_t>()};
    point.seconds = real(json.at("seconds"));
    if (json.contains("validation")) {
      const Json& v = json.at("validation");
      ValidationStats& out = point.validation.emplace();
      out.rows = v.at("rows").get<int64_t>();
      out.inference = codeStats(v.at("inference"));
      if (v.contains("other_rule")) out.otherRule = codeStats(v.at("other_rule"));
      if (v.contains("ms")) {
        const Json& ms = v.at("ms");
        out.ms = MsStats{ms.at("scored").get<int64_t>(), real(ms.at("mean")), real(ms.at("median")), real(ms.at("best"))};
      }
    }
    return point;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::Corrupt, "expected the figures of a training step as JSON");
  }
}

std::vector<TrainingPoint> readTrainingLog(const fs::path& path) {
  const Lines lines = readLines(path);
  std::vector<TrainingPoint> points;
  points.reserve(lines.spans.size());
  for (size_t i = 0; i < lines.spans.size(); ++i) points.push_back(parseLine(lines, i, path));
  return points;
}

TrainingLog::TrainingLog(const fs::path& path, int64_t firstStep) : m_path(path) {
  const Lines lines = readLines(path);
  size_t bytes = 0;
  for (size_t i = 0; i < lines.spans.size(); ++i) {
    const TrainingPoint point = parseLine(lines, i, path);
    if (point.step.step >= firstStep) break;
    m_secondsBefore = point.seconds;
    m_lastStep = point.step.step;
    bytes = lines.spans[i].first + lines.spans[i].second + 1;
  }
  writeTextFile(path, std::string_view(lines.text).substr(0, bytes));
}

void TrainingLog::append(const TrainingPoint& point) {
  const std::string line = trainingPointJson(point) + "\n";
  const int fd = ::open(m_path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) throwErrno(errno, "cannot open", m_path.string());
  const ssize_t written = ::write(fd, line.data(), line.size());
  const int error = written < 0 ? errno : ENOSPC;
  ::close(fd);
  if (written != static_cast<ssize_t>(line.size())) throwErrno(error, "cannot write", m_path.string());
}

}  // namespace sememe
