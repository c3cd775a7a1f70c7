// The neurons of runs: details, labels, scores. Pages over them are in neuron_page.cpp.
#include "core/store/neurons.h"

#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>

#include "core/base/error.h"
#include "core/store/blobs.h"

namespace sememe {
namespace {

constexpr size_t kMostLabelBytes = 1'000;
constexpr size_t kMostNotesBytes = 100'000;

std::string where(const Database& database, int64_t run, int64_t neuron = -1) {
  return database.path().string() + ", run " + std::to_string(run) +
         (neuron < 0 ? "" : ", neuron " + std::to_string(neuron));
}

std::vector<TopImage> readTop(const Database& database, std::span<const std::byte> blob,
                              const std::string& key) {
  const auto words = fromBlob<uint32_t>(database, blob, -1, key);
  if (words.size() % 2 != 0 || words.size() > 2 * kTopImages) {
    throwCorruptBlob(database, "the list of strongest images has a wrong length", key);
  }
  std::vector<TopImage> top(words.size() / 2);
  for (size_t i = 0; i < top.size(); ++i) top[i] = {words[2 * i], std::bit_cast<float>(words[2 * i + 1])};
  return top;
}

}  // namespace

NeuronDetail Neurons::detail(int64_t run, int64_t neuron) const {
  Transaction view(m_database, Transaction::Kind::Read);
  Statement row(
      m_database,
      "SELECT n.firing_rate, n.max, n.mean, d.firing_count, d.min, d.histogram_min, d.histogram_max,"
      " d.histogram, d.top, coalesce(l.label, ''), coalesce(l.notes, ''), r.indexed_images"
      " FROM neurons n JOIN runs r ON r.id = n.run"
      " JOIN neuron_details d ON d.run = n.run AND d.neuron = n.neuron"
      " LEFT JOIN labels l ON l.subject = r.subject AND l.neuron = n.neuron"
      " WHERE n.run = ?1 AND n.neuron = ?2",
      run, neuron);
  if (!row.step()) {
    throw Error(ErrorCode::NotFound, "no such neuron, or its run is not indexed",
                where(m_database, run, neuron));
  }
  const std::string key =
      "table neuron_details, run " + std::to_string(run) + ", neuron " + std::to_string(neuron);
  NeuronDetail detail;
  detail.row.neuron = neuron;
  detail.row.ms = std::numeric_limits<double>::quiet_NaN();
  detail.row.firingRate = row.real(0);
  detail.row.max = row.real(1);
  detail.row.mean = row.real(2);
  detail.firingCount = row.integer(3);
  detail.min = row.real(4);
  detail.histogramMin = row.real(5);
  detail.histogramMax = row.real(6);
  detail.histogram = fromBlob<int64_t>(m_database, row.blob(7), -1, key + ", histogram");
  detail.top = readTop(m_database, row.blob(8), key + ", top");
  detail.row.label = detail.label = row.text(9);
  detail.notes = row.text(10);
  detail.images = row.integer(11);

  Statement scores(m_database,
                   "SELECT t.embeddings, e.name, s.ms FROM score_sets t JOIN runs e ON e.id = t.embeddings"
                   " JOIN scores s ON s.score_set = t.id AND s.neuron = ?2 WHERE t.run = ?1 ORDER BY t.id",
                   run, neuron);
  while (scores.step()) detail.scores.push_back({scores.integer(0), scores.text(1), scores.real(2)});
  if (!detail.scores.empty()) detail.row.ms = detail.scores.front().ms;
  return detail;
}

void Neurons::setLabel(int64_t run, int64_t neuron, const std::string& label, const std::string& notes) {
  if (label.size() > kMostLabelBytes || notes.size() > kMostNotesBytes) {
    throw Error(ErrorCode::Invalid,
                "a label may have " + std::to_string(kMostLabelBytes) + " bytes, notes " +
                    std::to_string(kMostNotesBytes),
                where(m_database, run, neuron));
  }
  Transaction transaction(m_database);
  Statement find(m_database, "SELECT subject, dim FROM runs WHERE id = ?1", run);
  if (!find.step()) throw Error(ErrorCode::NotFound, "no such run", where(m_database, run));
  const int64_t subject = find.integer(0), dim = find.integer(1);
  if (neuron < 0 || neuron >= dim) {
    throw Error(ErrorCode::NotFound, "no such neuron among " + std::to_string(dim),
                where(m_database, run, neuron));
  }
  if (label.empty() && notes.empty()) {
    Statement(m_database, "DELETE FROM labels WHERE subject = ?1 AND neuron = ?2", subject, neuron).run();
  } else {
    Statement(
        m_database,
        "INSERT OR REPLACE INTO labels (subject, neuron, label, notes, changed) VALUES (?1, ?2, ?3, ?4, ?5)",
        subject, neuron, label, notes, std::time(nullptr))
        .run();
  }
  transaction.commit();
}

void Neurons::setScores(int64_t run, int64_t embeddings, std::span<const double> ms) {
  Transaction transaction(m_database);
  const Runs runs(m_database);
  const RunInfo info = runs.get(run);
  runs.get(embeddings);
  if (ms.size() != uint64_t(info.dim)) {
    throw Error(ErrorCode::Invalid,
                std::to_string(ms.size()) + " scores for a run of " + std::to_string(info.dim) + " neurons",
                where(m_database, run));
  }
  int64_t unscored = 0;
  double sum = 0;
  for (const double value : ms) {
    if (std::isnan(value)) {
      ++unscored;
    } else {
      sum += value;
    }
  }
  Statement(m_database, "DELETE FROM score_sets WHERE run = ?1 AND embeddings = ?2", run, embeddings).run();
  Statement(m_database,
            "INSERT INTO score_sets (run, embeddings, neurons, unscored, mean) VALUES (?1, ?2, ?3, ?4, ?5)",
            run, embeddings, info.dim, unscored, sum / double(info.dim - unscored))
      .run();
  const int64_t set = m_database.lastInsertId();
  Statement insert(m_database, "INSERT INTO scores (score_set, neuron, ms) VALUES (?1, ?2, ?3)");
  for (size_t i = 0; i < ms.size(); ++i) insert.with(set, i, ms[i]).run();
  transaction.commit();
}

std::vector<double> Neurons::scores(int64_t run, int64_t embeddings) const {
  Transaction view(m_database, Transaction::Kind::Read);
  Statement set(m_database, "SELECT id, neurons FROM score_sets WHERE run = ?1 AND embeddings = ?2", run,
                embeddings);
  if (!set.step()) {
    throw Error(ErrorCode::NotFound, "the run has no scores under embeddings " + std::to_string(embeddings),
                where(m_database, run));
  }
  std::vector<double> ms;
  Statement rows(m_database, "SELECT neuron, ms FROM scores NOT INDEXED WHERE score_set = ?1 ORDER BY neuron",
                 set.integer(0));
  while (rows.step()) {
    if (rows.integer(0) != int64_t(ms.size())) break;
    ms.push_back(rows.real(1));
  }
  if (int64_t(ms.size()) != set.integer(1)) {
    throwCorruptBlob(m_database, "scores are missing", "table scores, run " + std::to_string(run));
  }
  return ms;
}

std::vector<ScoreSet> Neurons::scoreSets(int64_t run) const {
  std::vector<ScoreSet> found;
  Statement rows(m_database,
                 "SELECT t.embeddings, e.name, t.neurons, t.unscored, t.mean FROM score_sets t"
                 " JOIN runs e ON e.id = t.embeddings WHERE t.run = ?1 ORDER BY t.id",
                 run);
  while (rows.step()) {
    found.push_back({rows.integer(0), rows.text(1), rows.integer(2), rows.integer(3), rows.real(4)});
  }
  return found;
}

}  // namespace sememe
