// Stored rows as the later steps read them: a tensor argument or a run of a workspace, with its failed images known.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/pipeline/extract.h"
#include "core/store/workspace.h"
#include "core/weights/tensor_source.h"

namespace sememe {

// One thread.
class RowInput {
 public:
  // `spec`: FILE.sememe#RUN or what TensorSource reads. `mode` is that of the workspace.
  // Throws Error (NotFound, Corrupt, Unsupported; Mismatch: the rows are unfinished).
  static std::unique_ptr<RowInput> open(const std::string& spec, OpenMode mode = OpenMode::ReadOnly);

  int64_t rows() const { return m_rows; }
  int64_t dim() const { return m_dim; }
  int64_t rowsPerImage() const { return m_rowsPerImage; }
  const std::string& spec() const { return m_spec; }
  std::string where(int64_t row) const;  // for messages: the file that holds it, and its number there
  std::string fingerprint() const;

  // The images whose rows stand for nothing, by number.
  const std::vector<FailedImage>& failures() const { return m_failures; }
  // Of rows begin … begin + count - 1 the runs of rows that failed images have no part in, ascending.
  struct Range {
    int64_t begin = 0, count = 0;
  };
  std::vector<Range> goodRanges(int64_t begin, int64_t count) const;
  int64_t goodRowCount() const { return m_rows - int64_t(m_failures.size()) * m_rowsPerImage; }

  // float32 [count, dim]. Throws Error (Corrupt) for NaN and infinity, naming the file, the row in it and the column.
  at::Tensor read(int64_t begin, int64_t count);
  bool sparse() const { return m_run && m_run->kind == RunKind::Latents; }
  SparseRows readSparse(int64_t begin, int64_t count);  // sparse() only

  // Rows of about 32 MB of float32, for reading from the start to the end.
  int64_t pieceRows() const;

  // Of a workspace; null for files.
  Workspace* workspace() { return m_workspace ? &*m_workspace : nullptr; }
  const RunInfo& run() const { return *m_run; }

  // Throws Error (Mismatch) unless each image has one row.
  void requireRowPerImage() const;

 private:
  RowInput() = default;

  std::string m_spec;
  std::unique_ptr<TensorSource> m_source;
  std::optional<Workspace> m_workspace;
  std::optional<RunInfo> m_run;
  int64_t m_rows = 0, m_dim = 0, m_rowsPerImage = 1;
  std::vector<FailedImage> m_failures;
};

}  // namespace sememe
