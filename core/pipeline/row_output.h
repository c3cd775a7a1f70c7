// A matrix written to the paper's part files, or to one file, that survives being killed between any two rows.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/pipeline/extract.h"

namespace sememe {

struct RowLayout {
  std::filesystem::path folder;  // made when absent
  std::string prefix;            // {prefix}_part{N}.pt; {prefix}.pt when rowsPerPart is 0
  int64_t rowsPerPart = 0;       // 0: one file
  int64_t rows = 0;              // in all
  int64_t dim = 0;
  int64_t rowsPerImage = 1;
  std::string key;               // what the rows are made of
};

// What {prefix}_run.json says of finished or unfinished files, for those who read them later.
struct RowRecord {
  std::string key;
  int64_t rowsPerImage = 1;
  int64_t done = 0, rows = 0, dim = 0;
  std::vector<FailedImage> failed;  // their rows are zero and count nowhere
};

// Rows so far lie in {prefix}.rows (raw float32) until they make a part; {prefix}_run.json is replaced at each commit and
// says how many of them count. One process at a time: the .rows file is locked. One thread.
class RowOutput {
 public:
  // Takes up what an earlier, unfinished writer with the same layout left.
  // Throws Error (Mismatch: files of another run are there; Busy; Io, DiskFull, Corrupt).
  explicit RowOutput(RowLayout layout);
  ~RowOutput();
  RowOutput(const RowOutput&) = delete;
  RowOutput& operator=(const RowOutput&) = delete;

  int64_t done() const { return m_record.done; }  // rows that are safe
  bool complete() const { return m_record.done == m_layout.rows; }
  const std::vector<FailedImage>& failed() const { return m_record.failed; }
  std::vector<std::string> files() const;  // of all rows, whether written yet or not

  // Adds rows, float32 [n, dim] on the CPU, that do not reach over the end of a part. They count only once commit()
  // returned. Throws Error (Invalid; Io, DiskFull).
  void append(const at::Tensor& rows);
  // Makes everything appended count, together with the failures among it. Ends a part when it is full.
  void commit(const std::vector<FailedImage>& failed = {});

 private:
  void checkParts() const;
  void recover();
  void writeRecord() const;
  std::filesystem::path recordPath() const { return m_layout.folder / (m_layout.prefix + "_run.json"); }
  std::filesystem::path rowsPath() const { return m_layout.folder / (m_layout.prefix + ".rows"); }
  std::filesystem::path partPath(int64_t number) const;
  int64_t partRows() const { return m_layout.rowsPerPart > 0 ? m_layout.rowsPerPart : m_layout.rows; }

  RowLayout m_layout;
  RowRecord m_record;
  int m_fd = -1;
  int64_t m_pending = 0;  // rows in the .rows file, those not committed included
  int64_t m_written = 0;  // rows in all, those not committed included
};

// The record beside a tensor argument's files (a folder of parts, or x.pt); false when there is none: files of others.
// Throws Error (Corrupt; Mismatch when the run behind it is unfinished).
bool readRowRecord(const std::filesystem::path& path, RowRecord& record);

}  // namespace sememe
