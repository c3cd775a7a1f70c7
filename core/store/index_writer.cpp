// Writes the statistics of all neurons of a run in one transaction.
#include <bit>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/store/neurons.h"

namespace sememe {
namespace {

constexpr size_t kMostBins = 65'536;

std::string where(const Database& database, int64_t run, int64_t neuron = -1) {
  return database.path().string() + ", run " + std::to_string(run) +
         (neuron < 0 ? "" : ", neuron " + std::to_string(neuron));
}

}  // namespace

IndexWriter::IndexWriter(Database& database, int64_t run, int64_t images)
    : m_transaction(database),
      m_database(database),
      m_run(run),
      m_images(images),
      m_insert(database,
               "INSERT INTO neurons (run, neuron, firing_rate, max, mean) VALUES (?1, ?2, ?3, ?4, ?5)"),
      m_insertDetail(
          database,
          "INSERT INTO neuron_details (run, neuron, firing_count, min, histogram_min, histogram_max,"
          " histogram, top) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
      m_insertColumn(
          database,
          "INSERT INTO sparse_columns (run, neuron, row_numbers, activations) VALUES (?1, ?2, ?3, ?4)") {
  const RunInfo info = Runs(database).get(run);
  const std::string at = where(database, run);
  if (info.kind == RunKind::Embeddings) throw Error(ErrorCode::Invalid, "embeddings have no neurons", at);
  if (info.rowsDone != info.rows)
    throw Error(ErrorCode::Invalid, "only a run with all its rows can be indexed", at);
  if (images < 0 || images > info.rows) {
    throw Error(ErrorCode::Invalid, "the run has fewer than " + std::to_string(images) + " images", at);
  }
  m_neurons = info.dim;
  m_rows = info.rows;
  m_latents = info.kind == RunKind::Latents;
  for (const char* table : {"neurons", "neuron_details", "sparse_columns"}) {
    Statement(database, std::string("DELETE FROM ") + table + " WHERE run = ?1", run).run();
  }
}

void IndexWriter::add(const NeuronStatistics& s) {
  const std::string at = where(m_database, m_run, m_next);
  if (m_next >= m_neurons) throw Error(ErrorCode::Invalid, "more statistics than neurons", at);
  if (s.firingCount < 0 || s.histogram.size() > kMostBins || s.top.size() > kTopImages) {
    throw Error(ErrorCode::Invalid, "a negative count, too many bins, or more than 16 strongest images", at);
  }
  std::vector<uint32_t> top;
  for (const TopImage& image : s.top) {
    if (image.image < 0 || image.image >= m_rows) {
      throw Error(ErrorCode::Invalid, "image " + std::to_string(image.image) + " is not in the run", at);
    }
    top.push_back(uint32_t(image.image));
    top.push_back(std::bit_cast<uint32_t>(image.activation));
  }
  m_insert.with(m_run, m_next, s.firingRate, s.max, s.mean).run();
  m_insertDetail.with(m_run, m_next, s.firingCount, s.min, s.histogramMin, s.histogramMax, s.histogram, top)
      .run();
  ++m_next;
}

void IndexWriter::addColumn(int64_t neuron, std::span<const uint32_t> rows, std::span<const float> values) {
  const std::string at = where(m_database, m_run, neuron);
  if (!m_latents) throw Error(ErrorCode::Invalid, "only latents have columns", at);
  if (neuron < 0 || neuron >= m_neurons || rows.size() != values.size()) {
    throw Error(ErrorCode::Invalid, "no such neuron, or rows and values of different length", at);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= m_rows || (i > 0 && rows[i] <= rows[i - 1])) {
      throw Error(ErrorCode::Invalid, "the rows must rise and be within the run", at);
    }
  }
  if (!rows.empty()) m_insertColumn.with(m_run, neuron, rows, values).run();
}

void IndexWriter::commit() {
  if (m_next != m_neurons) {
    throw Error(ErrorCode::Mismatch,
                "statistics of " + std::to_string(m_next) + " of " + std::to_string(m_neurons) +
                    " neurons were given",
                where(m_database, m_run));
  }
  Statement(m_database, "UPDATE runs SET indexed = 1, indexed_images = ?2 WHERE id = ?1", m_run, m_images)
      .run();
  m_transaction.commit();
}

}  // namespace sememe
