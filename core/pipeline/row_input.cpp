// Stored rows as the later steps read them.
#include "core/pipeline/row_input.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/parallel.h"
#include "core/pipeline/row_output.h"
#include "core/pipeline/workspace_output.h"

namespace sememe {

namespace {

// Number of the first value that is NaN or infinite; that of all values without one. float32, contiguous.
int64_t firstNotFinite(const at::Tensor& rows) {
  const float* data = rows.const_data_ptr<float>();
  const auto notFinite = [data](int64_t i) { return (std::bit_cast<uint32_t>(data[i]) & 0x7f800000U) == 0x7f800000U; };
  std::atomic<bool> any = false;
  parallelFor(0, rows.numel(), int64_t{1} << 18, [&](int64_t from, int64_t to) {
    bool here = false;  // a branch at each would take longer
    for (int64_t i = from; i < to; ++i) here |= notFinite(i);
    if (here) any = true;
  });
  int64_t first = any ? 0 : rows.numel();
  while (first < rows.numel() && !notFinite(first)) ++first;
  return first;
}

}  // namespace

std::unique_ptr<RowInput> RowInput::open(const std::string& spec, OpenMode mode) {
  std::unique_ptr<RowInput> input(new RowInput);
  input->m_spec = spec;
  WorkspaceRun named;
  if (parseWorkspaceRun(spec, named)) {
    input->m_workspace.emplace(Workspace::open(named.path, mode));
    input->m_run = input->m_workspace->runs().get(named.run);
    const RunInfo& run = *input->m_run;
    if (run.state != RunState::Complete)
      throw Error(ErrorCode::Mismatch,
                  "the run is unfinished (" + std::to_string(run.rowsDone) + " of " + std::to_string(run.rows) +
                      " rows); run the command that makes it again",
                  spec);
    input->m_rows = run.rows;
    input->m_dim = run.dim;
    input->m_rowsPerImage = run.rowsPerImage;
    for (const RunFailure& f : input->m_workspace->runs().failures(run.id))
      input->m_failures.push_back({f.image, run.dataset ? input->m_workspace->datasets().image(run.dataset, f.image).path : "", f.reason});
  } else {
    input->m_source = TensorSource::open(spec);
    input->m_rows = input->m_source->rows();
    input->m_dim = input->m_source->dim();
    RowRecord record;
    if (readRowRecord(spec, record) && record.rows == input->m_rows) {
      input->m_rowsPerImage = record.rowsPerImage;
      input->m_failures = std::move(record.failed);
    }
  }
  std::sort(input->m_failures.begin(), input->m_failures.end(),
            [](const FailedImage& a, const FailedImage& b) { return a.index < b.index; });
  if (input->m_rows < 1 || input->m_dim < 1) throw Error(ErrorCode::Mismatch, "there are no rows", spec);
  return input;
}

std::string RowInput::where(int64_t row) const { return m_source ? m_source->where(row) : m_spec + ", row " + std::to_string(row); }

std::string RowInput::fingerprint() const { return m_run ? m_run->key : m_source->fingerprint(); }

std::vector<RowInput::Range> RowInput::goodRanges(int64_t begin, int64_t count) const {
  std::vector<Range> ranges;
  const int64_t end = begin + count;
  int64_t from = begin;
  auto at = std::lower_bound(m_failures.begin(), m_failures.end(), begin / m_rowsPerImage,
                             [](const FailedImage& f, int64_t image) { return f.index < image; });
  for (; at != m_failures.end(); ++at) {
    const int64_t bad = at->index * m_rowsPerImage;
    if (bad >= end) break;
    if (bad > from) ranges.push_back({from, bad - from});
    from = bad + m_rowsPerImage;
  }
  if (from < end) ranges.push_back({from, end - from});
  return ranges;
}

at::Tensor RowInput::read(int64_t begin, int64_t count) {
  at::Tensor rows;
  if (m_source) {
    rows = m_source->read(begin, count);
  } else {
    rows = at::empty({count, m_dim});
    m_workspace->activations().readRows(m_run->id, begin, count, {rows.mutable_data_ptr<float>(), size_t(rows.numel())});
  }
  if (const int64_t bad = firstNotFinite(rows); bad < rows.numel())
    throw Error(ErrorCode::Corrupt, "a value is NaN or infinite", where(begin + bad / m_dim) + ", column " + std::to_string(bad % m_dim));
  return rows;
}

SparseRows RowInput::readSparse(int64_t begin, int64_t count) { return m_workspace->activations().readSparse(m_run->id, begin, count); }

int64_t RowInput::pieceRows() const { return std::clamp<int64_t>((int64_t{8} << 20) / m_dim, 1, m_rows); }

void RowInput::requireRowPerImage() const {
  if (m_rowsPerImage != 1)
    throw Error(ErrorCode::Mismatch,
                "there are " + std::to_string(m_rowsPerImage) +
                    " rows for each image, and one was expected; extract with tokens cls or mean",
                m_spec);
}

}  // namespace sememe
