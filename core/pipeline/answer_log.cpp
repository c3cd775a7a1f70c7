// Answers, one a line.
#include "core/pipeline/answer_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int64_t kLogBytes = int64_t{1} << 32;

}  // namespace

AnswerLog::AnswerLog(fs::path path, const std::string& key) : m_path(std::move(path)) {
  std::error_code error;
  fs::create_directories(m_path.parent_path(), error);
  if (error) throwErrno(error.value(), "cannot make the folder", m_path.parent_path().string());
  m_fd = ::open(m_path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (m_fd < 0) throwErrno(errno, "cannot open", m_path.string());
  try {
    if (::flock(m_fd, LOCK_EX | LOCK_NB) != 0) throw Error(ErrorCode::Busy, "another program writes these answers now", m_path.string());
    recover(key);
  } catch (...) {
    ::close(m_fd);
    throw;
  }
}

AnswerLog::~AnswerLog() { ::close(m_fd); }

void AnswerLog::recover(const std::string& key) {
  const std::string text = readTextFile(m_path, kLogBytes);
  size_t begin = 0, line = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    try {
      const Json json = Json::parse(text.begin() + std::ptrdiff_t(begin), text.begin() + std::ptrdiff_t(end));
      if (line++ > 0) {
        m_answers[{json.at("image").get<std::string>(), json.at("neuron").get<int64_t>()}] = json.at("label").get<std::string>();
      } else if (json.at("key").get<std::string>() != key) {
        throw Error(ErrorCode::Mismatch,
                    "the folder holds the answers of another set-up (other model, SAE, images, test, value, question or precision); choose another folder or delete "
                    "this file",
                    m_path.string());
      }
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorCode::Corrupt, "expected an answer as JSON; delete the file to start afresh", m_path.string() + ", line " + std::to_string(line + 1));
    }
  }
  if (begin < text.size() && ::ftruncate(m_fd, off_t(begin)) != 0) throwErrno(errno, "cannot shorten", m_path.string());
  if (line == 0) write(Json{{"key", key}}.dump() + "\n");
}

const std::string* AnswerLog::find(const std::string& image, int64_t neuron) const {
  const auto found = m_answers.find({image, neuron});
  return found == m_answers.end() ? nullptr : &found->second;
}

void AnswerLog::append(std::span<const LabelledAnswer> answers) {
  std::string text;
  for (const LabelledAnswer& a : answers) text += Json{{"image", a.image}, {"neuron", a.neuron}, {"label", a.label}}.dump() + "\n";
  write(text);
  for (const LabelledAnswer& a : answers) m_answers[{a.image, a.neuron}] = a.label;
}

void AnswerLog::write(const std::string& text) {
  const char* at = text.data();
  for (size_t left = text.size(); left > 0;) {
    const ssize_t n = ::write(m_fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throwErrno(errno, "cannot write", m_path.string());
    at += n;
    left -= size_t(n);
  }
}

}  // namespace sememe
