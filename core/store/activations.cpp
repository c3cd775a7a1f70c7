// The rows of runs: dense blocks, sparse latents by image and, once indexed, by neuron.
#include "core/store/activations.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/base/error.h"
#include "core/store/blobs.h"
#include "core/store/half.h"

namespace sememe {
namespace {

constexpr int64_t kBlockBytes = 8 << 20;
// Small enough that the neurons of one image are read in a fraction of a millisecond.
constexpr int64_t kSparseBlockValues = 1 << 16;

void toFloat(std::span<const std::byte> bytes, RowType type, float* out) {
  if (type == RowType::F32) {
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    return;
  }
  const size_t count = bytes.size() / 2;
  for (size_t i = 0; i < count; ++i) {
    uint16_t value;
    std::memcpy(&value, bytes.data() + 2 * i, 2);
    out[i] = type == RowType::F16 ? halfToFloat(value) : bfloat16ToFloat(value);
  }
}

void fromFloat(std::span<const float> values, RowType type, std::byte* out) {
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t value = type == RowType::F16 ? floatToHalf(values[i]) : floatToBfloat16(values[i]);
    std::memcpy(out + 2 * i, &value, 2);
  }
}

std::string blockKey(const char* table, int64_t run, int64_t firstRow) {
  return std::string("table ") + table + ", run " + std::to_string(run) + ", row " + std::to_string(firstRow);
}

}  // namespace

struct Activations::Shape {
  RunKind kind;
  RowType rowType;
  int64_t rows, dim, rowsDone;
};

Activations::Shape Activations::shape(int64_t run) const {
  const RunInfo info = Runs(m_database).get(run);
  return {info.kind, info.rowType, info.rows, info.dim, info.rowsDone};
}

int64_t Activations::blockRows(int64_t dim, RowType type) {
  return std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(1, dim * rowTypeBytes(type)));
}

int64_t Activations::nextRow(int64_t run) const { return shape(run).rowsDone; }

void Activations::checkAppend(const Shape& shape, int64_t run, int64_t firstRow, int64_t rows) const {
  const std::string where = m_database.path().string() + ", run " + std::to_string(run);
  if (firstRow < 0 || rows < 0 || firstRow > shape.rows - rows) {
    throw Error(ErrorCode::Invalid,
                std::to_string(rows) + " rows from " + std::to_string(firstRow) +
                    " are not within the run's " + std::to_string(shape.rows),
                where);
  }
  if (firstRow != shape.rowsDone) {
    throw Error(ErrorCode::Busy,
                "row " + std::to_string(shape.rowsDone) + " comes next, not " + std::to_string(firstRow) +
                    ": another program is writing this run",
                where);
  }
}

void Activations::advance(int64_t run, int64_t rowsDone) {
  Statement(m_database, "UPDATE runs SET rows_done = ?2 WHERE id = ?1", run, rowsDone).run();
}

void Activations::appendBlock(int64_t run, int64_t firstRow, int64_t rows, std::span<const std::byte> bytes) {
  Transaction transaction(m_database);
  appendDense(shape(run), run, firstRow, rows, bytes);
  transaction.commit();
}

void Activations::appendRows(int64_t run, int64_t firstRow, int64_t rows, std::span<const float> values) {
  Transaction transaction(m_database);
  const Shape shape = this->shape(run);
  if (shape.rowType == RowType::F32) {
    appendDense(shape, run, firstRow, rows, std::as_bytes(values));
  } else {
    std::vector<std::byte> bytes(values.size() * 2);
    fromFloat(values, shape.rowType, bytes.data());
    appendDense(shape, run, firstRow, rows, bytes);
  }
  transaction.commit();
}

void Activations::appendDense(const Shape& shape, int64_t run, int64_t firstRow, int64_t rows,
                              std::span<const std::byte> bytes) {
  const std::string where = m_database.path().string() + ", run " + std::to_string(run);
  if (shape.kind == RunKind::Latents)
    throw Error(ErrorCode::Invalid, "latents are stored as sparse rows", where);
  checkAppend(shape, run, firstRow, rows);
  const int64_t rowBytes = shape.dim * rowTypeBytes(shape.rowType);
  if (bytes.size() != uint64_t(rows * rowBytes)) {
    throw Error(ErrorCode::Invalid,
                std::to_string(rows) + " rows of this run are " + std::to_string(rows * rowBytes) +
                    " bytes, given were " + std::to_string(bytes.size()),
                where);
  }
  m_cache.id = 0;  // after a roll-back the same id is given to another block
  const int64_t blockRows = Activations::blockRows(shape.dim, shape.rowType);
  Statement insert(m_database,
                   "INSERT INTO dense_blocks (run, first_row, row_count, data) VALUES (?1, ?2, ?3, ?4)");
  for (int64_t done = 0; done < rows; done += blockRows) {
    const int64_t count = std::min(blockRows, rows - done);
    insert.with(run, firstRow + done, count, bytes.subspan(size_t(done * rowBytes), size_t(count * rowBytes)))
        .run();
  }
  advance(run, firstRow + rows);
}

void Activations::appendSparse(int64_t run, int64_t firstRow, const SparseRows& rows) {
  Transaction transaction(m_database);
  const Shape shape = this->shape(run);
  const std::string where = m_database.path().string() + ", run " + std::to_string(run);
  if (shape.kind != RunKind::Latents) throw Error(ErrorCode::Invalid, "only latents have sparse rows", where);
  if (rows.offsets.empty() || rows.offsets.front() != 0 || rows.offsets.back() != rows.neurons.size() ||
      rows.neurons.size() != rows.values.size() ||
      !std::is_sorted(rows.offsets.begin(), rows.offsets.end())) {
    throw Error(ErrorCode::Invalid, "offsets, neurons and values of the sparse rows do not fit together",
                where);
  }
  checkAppend(shape, run, firstRow, rows.rows());
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (uint32_t i = rows.offsets[size_t(row)]; i < rows.offsets[size_t(row) + 1]; ++i) {
      const bool rises = i == rows.offsets[size_t(row)] || rows.neurons[i] > rows.neurons[i - 1];
      if (rises && rows.neurons[i] < shape.dim) continue;
      throw Error(ErrorCode::Invalid,
                  "neurons of a row must rise and be below " + std::to_string(shape.dim) + "; row " +
                      std::to_string(firstRow + row) + " has " + std::to_string(rows.neurons[i]),
                  where);
    }
  }

  Statement insert(m_database,
                   "INSERT INTO sparse_blocks (run, first_row, row_count, offsets, neurons, activations)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  std::vector<uint32_t> offsets;
  for (int64_t begin = 0; begin < rows.rows();) {
    const uint32_t base = rows.offsets[size_t(begin)];
    offsets.assign(1, 0);
    int64_t end = begin;
    do {
      ++end;
      offsets.push_back(rows.offsets[size_t(end)] - base);
    } while (end < rows.rows() && end - begin < kSparseBlockValues &&
             rows.offsets[size_t(end) + 1] - base <= kSparseBlockValues);
    const size_t count = offsets.back();
    insert
        .with(run, firstRow + begin, end - begin, offsets, std::span(rows.neurons).subspan(base, count),
              std::span(rows.values).subspan(base, count))
        .run();
    begin = end;
  }
  advance(run, firstRow + rows.rows());
  transaction.commit();
}

namespace {

void checkRange(const Database& database, int64_t run, int64_t begin, int64_t count, int64_t rowsDone) {
  if (begin >= 0 && count >= 0 && begin <= rowsDone - count) return;
  throw Error(ErrorCode::Invalid,
              "rows " + std::to_string(begin) + " to " + std::to_string(begin + count) +
                  " were asked for, stored are " + std::to_string(rowsDone),
              database.path().string() + ", run " + std::to_string(run));
}

// The part of a stored block that falls on rows [row, end): checks that the block holds `row`.
int64_t rowsOfBlock(const Database& database, const char* table, int64_t run, int64_t firstRow,
                    int64_t rowCount, int64_t row, int64_t end) {
  if (firstRow < 0 || firstRow > row || rowCount <= row - firstRow || rowCount > (int64_t(1) << 32)) {
    throwCorruptBlob(database, "no stored block holds row " + std::to_string(row),
                     blockKey(table, run, firstRow));
  }
  return std::min(end, firstRow + rowCount) - row;
}

}  // namespace

void Activations::readRows(int64_t run, int64_t begin, int64_t count, std::span<float> out) const {
  Transaction view(m_database, Transaction::Kind::Read);
  const Shape shape = this->shape(run);
  checkRange(m_database, run, begin, count, shape.rowsDone);
  if (out.size() / size_t(shape.dim) != uint64_t(count) || out.size() % size_t(shape.dim) != 0) {
    throw Error(ErrorCode::Invalid,
                std::to_string(count) + " rows of " + std::to_string(shape.dim) + " values do not fit into " +
                    std::to_string(out.size()),
                m_database.path().string() + ", run " + std::to_string(run));
  }
  if (shape.kind == RunKind::Latents) {
    const SparseRows sparse = readSparse(run, begin, count);
    std::fill(out.begin(), out.end(), 0.0f);
    for (int64_t row = 0; row < count; ++row) {
      for (uint32_t i = sparse.offsets[size_t(row)]; i < sparse.offsets[size_t(row) + 1]; ++i) {
        out[size_t(row * shape.dim + sparse.neurons[i])] = sparse.values[i];
      }
    }
    return;
  }

  const int64_t rowBytes = shape.dim * rowTypeBytes(shape.rowType);
  const int64_t end = begin + count;
  Statement find(m_database,
                 "SELECT id, first_row, row_count FROM dense_blocks WHERE run = ?1 AND first_row <= ?2"
                 " ORDER BY first_row DESC LIMIT 1");
  Statement load(m_database, "SELECT data FROM dense_blocks WHERE id = ?1");
  for (int64_t row = begin; row < end;) {
    const bool found = find.with(run, row).step();
    const int64_t id = found ? find.integer(0) : 0, firstRow = found ? find.integer(1) : 0;
    const int64_t rowCount = found ? find.integer(2) : 0;
    const int64_t take = rowsOfBlock(m_database, "dense_blocks", run, firstRow, rowCount, row, end);
    if (m_cache.id != id) {
      m_cache.id = 0;
      load.with(id).step();
      m_cache.bytes = fromBlob<std::byte>(m_database, load.blob(0), rowCount * rowBytes,
                                          blockKey("dense_blocks", run, firstRow));
      m_cache.id = id;
    }
    toFloat(std::span(m_cache.bytes).subspan(size_t((row - firstRow) * rowBytes), size_t(take * rowBytes)),
            shape.rowType, out.data() + (row - begin) * shape.dim);
    row += take;
  }
}

std::vector<float> Activations::readRows(int64_t run, int64_t begin, int64_t count) const {
  const Shape shape = this->shape(run);
  checkRange(m_database, run, begin, count, shape.rowsDone);
  std::vector<float> out(size_t(count * shape.dim));
  readRows(run, begin, count, out);
  return out;
}

SparseRows Activations::readSparse(int64_t run, int64_t begin, int64_t count) const {
  Transaction view(m_database, Transaction::Kind::Read);
  const Shape shape = this->shape(run);
  if (shape.kind != RunKind::Latents) {
    throw Error(ErrorCode::Invalid, "only latents have sparse rows",
                m_database.path().string() + ", run " + std::to_string(run));
  }
  checkRange(m_database, run, begin, count, shape.rowsDone);
  SparseRows out;
  const int64_t end = begin + count;
  Statement find(m_database,
                 "SELECT first_row, row_count, offsets, neurons, activations FROM sparse_blocks"
                 " WHERE run = ?1 AND first_row <= ?2 ORDER BY first_row DESC LIMIT 1");
  for (int64_t row = begin; row < end;) {
    const bool found = find.with(run, row).step();
    const int64_t firstRow = found ? find.integer(0) : 0, rowCount = found ? find.integer(1) : 0;
    const int64_t take = rowsOfBlock(m_database, "sparse_blocks", run, firstRow, rowCount, row, end);
    const std::string key = blockKey("sparse_blocks", run, firstRow);
    const auto offsets = fromBlob<uint32_t>(m_database, find.blob(2), rowCount + 1, key + ", offsets");
    if (offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end())) {
      throwCorruptBlob(m_database, "the offsets do not rise from 0", key);
    }
    const auto neurons = fromBlob<uint32_t>(m_database, find.blob(3), offsets.back(), key + ", neurons");
    const auto values = fromBlob<float>(m_database, find.blob(4), offsets.back(), key + ", activations");
    const uint32_t from = offsets[size_t(row - firstRow)], to = offsets[size_t(row - firstRow + take)];
    for (uint32_t i = from; i < to; ++i) {
      if (neurons[i] >= shape.dim) {
        throwCorruptBlob(m_database,
                         "neuron " + std::to_string(neurons[i]) + " of " + std::to_string(shape.dim), key);
      }
      if (!std::isfinite(values[i])) {
        const auto next = std::upper_bound(offsets.begin(), offsets.end(), i);
        throwCorruptBlob(m_database, "a value is NaN or infinite",
                         "table sparse_blocks, run " + std::to_string(run) + ", row " + std::to_string(firstRow + (next - offsets.begin()) - 1) +
                             ", neuron " + std::to_string(neurons[i]));
      }
    }
    if (out.neurons.size() + (to - from) > UINT32_MAX) {
      throw Error(ErrorCode::Invalid, "more values than one call can give back; ask for fewer rows", key);
    }
    const uint32_t shift = out.offsets.back();
    for (int64_t i = 1; i <= take; ++i)
      out.offsets.push_back(shift + offsets[size_t(row - firstRow + i)] - from);
    out.neurons.insert(out.neurons.end(), neurons.begin() + from, neurons.begin() + to);
    out.values.insert(out.values.end(), values.begin() + from, values.begin() + to);
    row += take;
  }
  return out;
}

SparseColumn Activations::readColumn(int64_t run, int64_t neuron) const {
  const RunInfo info = Runs(m_database).get(run);
  const std::string key =
      "table sparse_columns, run " + std::to_string(run) + ", neuron " + std::to_string(neuron);
  if (info.kind != RunKind::Latents || neuron < 0 || neuron >= info.dim) {
    throw Error(ErrorCode::Invalid, "only the neurons of latents have columns",
                m_database.path().string() + ", " + key);
  }
  if (!info.indexed)
    throw Error(ErrorCode::NotFound, "the run is not indexed", m_database.path().string() + ", " + key);
  SparseColumn column;
  Statement row(m_database,
                "SELECT row_numbers, activations FROM sparse_columns WHERE run = ?1 AND neuron = ?2", run,
                neuron);
  if (!row.step()) return column;
  column.rows = fromBlob<uint32_t>(m_database, row.blob(0), -1, key + ", row_numbers");
  column.values =
      fromBlob<float>(m_database, row.blob(1), int64_t(column.rows.size()), key + ", activations");
  for (size_t i = 0; i < column.rows.size(); ++i) {
    if (column.rows[i] >= info.rows || (i > 0 && column.rows[i] <= column.rows[i - 1])) {
      throwCorruptBlob(m_database, "the row numbers do not rise within the run", key);
    }
    if (!std::isfinite(column.values[i]))
      throwCorruptBlob(m_database, "a value is NaN or infinite", key + ", row " + std::to_string(column.rows[i]));
  }
  return column;
}

}  // namespace sememe
