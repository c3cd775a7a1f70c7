// Steering scores in their two tables.
#include "core/store/steering_scores.h"

#include <ctime>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr int kFirstVersion = 3;  // of the schema, that has the tables

bool hasTables(const Database& database) { return database.queryInt("PRAGMA user_version") >= kFirstVersion; }

std::string where(const Database& database, const char* what, int64_t id) {
  return database.path().string() + ", " + what + " " + std::to_string(id);
}

}  // namespace

std::vector<SteeringScoreSet> SteeringScores::list() const {
  std::vector<SteeringScoreSet> sets;
  if (!hasTables(m_database)) return sets;
  Statement rows(m_database,
                 "SELECT id, run, key, test, value, pre_zero, question, model, words, tap, images, failed, mean, deviation, before_mean,"
                 " before_deviation, control, created, (SELECT count(*) FROM steered_neurons WHERE steering_set = id)"
                 " FROM steering_sets ORDER BY created DESC, id DESC");
  while (rows.step()) {
    SteeringScoreSet& s = sets.emplace_back();
    s.id = rows.integer(0);
    s.run = rows.integer(1);
    s.key = rows.text(2);
    const int64_t test = rows.integer(3);
    if (test < 0 || test > int64_t(SteeringTest::Suppressed))
      throw Error(ErrorCode::Corrupt, "the test is none of the known ones", where(m_database, "steering scores", s.id));
    s.test = SteeringTest(test);
    s.value = rows.real(4);
    s.preZero = rows.integer(5) != 0;
    s.question = rows.text(6);
    s.model = rows.text(7);
    s.words = rows.text(8);
    s.tap = rows.text(9);
    s.images = rows.integer(10);
    s.failed = rows.integer(11);
    s.score = {rows.real(12), rows.real(13)};
    s.before = {rows.real(14), rows.real(15)};
    s.control = rows.real(16);
    s.created = rows.integer(17);
    s.neurons = rows.integer(18);
  }
  return sets;
}

std::vector<SteeredNeuron> SteeringScores::neurons(int64_t set) const {
  std::vector<SteeredNeuron> neurons;
  const auto missing = [&] { return Error(ErrorCode::NotFound, "no such steering scores", where(m_database, "steering scores", set)); };
  if (!hasTables(m_database)) throw missing();
  Statement rows(m_database,
                 "SELECT n.neuron, n.ms, n.score, n.before, n.control, n.label, n.labelled, n.images, coalesce(l.label, '')"
                 " FROM steered_neurons AS n JOIN steering_sets AS s ON s.id = n.steering_set JOIN runs AS r ON r.id = s.run"
                 " LEFT JOIN labels AS l ON l.subject = r.subject AND l.neuron = n.neuron WHERE n.steering_set = ?1 ORDER BY n.neuron",
                 set);
  while (rows.step())
    neurons.push_back({rows.integer(0), rows.real(1), rows.real(2), rows.real(3), rows.real(4), rows.text(5), rows.integer(6), rows.integer(7), rows.text(8)});
  if (neurons.empty()) throw missing();
  return neurons;
}

int64_t SteeringScores::save(const SteeringScoreSet& s, const std::vector<SteeredNeuron>& neurons) {
  if (s.key.empty() || neurons.empty())
    throw Error(ErrorCode::Invalid, "steering scores need a key and at least one neuron", where(m_database, "run", s.run));
  Transaction transaction(m_database);
  Statement run(m_database, "SELECT 1 FROM runs WHERE id = ?1", s.run);
  if (!run.step()) throw Error(ErrorCode::NotFound, "no such run", where(m_database, "run", s.run));
  Statement(m_database, "DELETE FROM steering_sets WHERE run = ?1 AND key = ?2", s.run, s.key).run();
  Statement(m_database,
            "INSERT INTO steering_sets (run, key, test, value, pre_zero, question, model, words, tap, images, failed, mean, deviation, before_mean,"
            " before_deviation, control, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            s.run, s.key, s.test, s.value, s.preZero, s.question, s.model, s.words, s.tap, s.images, s.failed, s.score.mean, s.score.deviation,
            s.before.mean, s.before.deviation, s.control, std::time(nullptr))
      .run();
  const int64_t id = m_database.queryInt("SELECT last_insert_rowid()");
  Statement insert(m_database,
                   "INSERT INTO steered_neurons (steering_set, neuron, ms, score, before, control, label, labelled, images)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  for (const SteeredNeuron& n : neurons) insert.with(id, n.neuron, n.ms, n.score, n.before, n.control, n.label, n.labelled, n.images).run();
  transaction.commit();
  return id;
}

void SteeringScores::remove(int64_t set) {
  Statement(m_database, "DELETE FROM steering_sets WHERE id = ?1", set).run();
  if (m_database.changes() == 0) throw Error(ErrorCode::NotFound, "no such steering scores", where(m_database, "steering scores", set));
}

}  // namespace sememe
