// The rows of runs: dense blocks, sparse latents by image and, once indexed, by neuron.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/store/database.h"
#include "core/store/runs.h"

namespace sememe {

// Sparse rows (CSR). Row i holds neurons[offsets[i] … offsets[i+1]) and the values beside them; neurons
// ascend within a row.
struct SparseRows {
  std::vector<uint32_t> offsets = {0};  // [rows + 1], from 0
  std::vector<uint32_t> neurons;        // [non-zeros]
  std::vector<float> values;            // [non-zeros]
  int64_t rows() const { return int64_t(offsets.size()) - 1; }
};

// What one neuron does over all rows (images, where a run has one row for each); rows ascend.
struct SparseColumn {
  std::vector<uint32_t> rows;
  std::vector<float> values;
};

// A part of Workspace; same thread. Rows are written in order, each call a commit of its own (or part of the
// Transaction around it): the rows and the run's progress become durable together, so a writer that was
// killed goes on at nextRow(). Throws Error (NotFound: no such run; Invalid: a span of the wrong size, rows
// outside the run, the wrong kind of run; Busy: `firstRow` is not nextRow(), so somebody else writes this
// run; Corrupt: a stored block that does not fit, naming table and key), and as Database does.
class Activations {
 public:
  explicit Activations(Database& database) : m_database(database) {}

  // Rows that make a block of about 8 MiB; at least 1. Append this many at a time.
  static int64_t blockRows(int64_t dim, RowType type);

  int64_t nextRow(int64_t run) const;

  // Dense: `bytes` are rows x dim values of the run's row type, row-major, little-endian.
  void appendBlock(int64_t run, int64_t firstRow, int64_t rows, std::span<const std::byte> bytes);
  // The same from float32 [rows, dim], rounded to the run's row type (to nearest even).
  void appendRows(int64_t run, int64_t firstRow, int64_t rows, std::span<const float> values);
  // Latents. Values may be of any sign; zeros may be left out.
  void appendSparse(int64_t run, int64_t firstRow, const SparseRows& rows);

  // float32 [count, dim] into `out`, whatever the kind and row type of the run; latents are spread over
  // zeros. The last dense block read is kept in memory, so that reading on in small steps costs nothing
  // extra.
  void readRows(int64_t run, int64_t begin, int64_t count, std::span<float> out) const;
  std::vector<float> readRows(int64_t run, int64_t begin, int64_t count) const;

  // Latents: which neurons fire on these rows.
  SparseRows readSparse(int64_t run, int64_t begin, int64_t count) const;
  // Latents, indexed: on which rows this neuron fires.
  SparseColumn readColumn(int64_t run, int64_t neuron) const;

 private:
  struct Shape;
  Shape shape(int64_t run) const;
  void appendDense(const Shape& shape, int64_t run, int64_t firstRow, int64_t rows,
                   std::span<const std::byte> bytes);
  void checkAppend(const Shape& shape, int64_t run, int64_t firstRow, int64_t rows) const;
  void advance(int64_t run, int64_t rowsDone);

  struct CachedBlock {
    int64_t id = 0;  // 0: nothing. Ids of removed blocks are never given again
    std::vector<std::byte> bytes;
  };

  Database& m_database;
  mutable CachedBlock m_cache;
};

}  // namespace sememe
