// The one-word answers that LLaVA has given so far, in a file that survives being killed between any two of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>

namespace sememe {

constexpr int64_t kNoEdit = -1;          // instead of a neuron: LLaVA as it is
constexpr int64_t kReconstruction = -2;  // the SAE's reconstruction alone

struct LabelledAnswer {
  std::string image;   // relative to the image folder
  int64_t neuron = 0;  // that was edited, or one of the above
  std::string label;
};

// One JSON object a line: {"key": …}, then {"image": …, "neuron": …, "label": …}. One process at a time: the file is locked.
// One thread.
class AnswerLog {
 public:
  // Takes up what an earlier log with the same key left; a line cut off by a kill is dropped. Throws Error (Mismatch: answers
  // of another set-up; Busy; Corrupt; Io, DiskFull).
  AnswerLog(std::filesystem::path path, const std::string& key);
  ~AnswerLog();
  AnswerLog(const AnswerLog&) = delete;
  AnswerLog& operator=(const AnswerLog&) = delete;

  // Null where there is no answer yet.
  const std::string* find(const std::string& image, int64_t neuron) const;
  // Throws Error (Io, DiskFull).
  void append(std::span<const LabelledAnswer> answers);

 private:
  void recover(const std::string& key);
  void write(const std::string& text);

  std::filesystem::path m_path;
  int m_fd = -1;
  std::map<std::pair<std::string, int64_t>, std::string> m_answers;
};

}  // namespace sememe
