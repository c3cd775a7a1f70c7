// The runs of a workspace: one row for each result, saying what it was made of and how far it is.
#include "core/store/runs.h"

#include <ctime>
#include <limits>

#include "core/base/error.h"

namespace sememe {
namespace {

constexpr const char* kColumns =
    "SELECT id, key, name, kind, coalesce(dataset, 0), model_name, model_path, model_fingerprint,"
    " sae_path, sae_type, sae_fingerprint, sae_dim, sae_size, sae_k, point, layer, tokens,"
    " row_type, row_count, dim, rows_per_image, params, state, rows_done, indexed, indexed_images, created "
    "FROM runs";

// Rows are numbered with 32 bits in the blobs; 16 million neurons are far beyond any dictionary.
constexpr int64_t kMostRows = std::numeric_limits<uint32_t>::max();
constexpr int64_t kMostNeurons = 1 << 24;

std::string where(const Database& database, int64_t run) {
  return database.path().string() + ", run " + std::to_string(run);
}

RunInfo readRun(const Database& database, const Statement& row) {
  RunInfo run;
  run.id = row.integer(0);
  run.key = row.text(1);
  run.name = row.text(2);
  const int64_t kind = row.integer(3), rowType = row.integer(17);
  run.dataset = row.integer(4);
  run.modelName = row.text(5);
  run.modelPath = row.text(6);
  run.modelFingerprint = row.text(7);
  run.saePath = row.text(8);
  run.saeType = row.text(9);
  run.saeFingerprint = row.text(10);
  run.saeDim = row.integer(11);
  run.saeSize = row.integer(12);
  run.saeK = row.integer(13);
  run.point = row.text(14);
  run.layer = int(row.integer(15));
  run.tokens = row.text(16);
  run.rows = row.integer(18);
  run.dim = row.integer(19);
  run.rowsPerImage = row.integer(20);
  run.params = row.text(21);
  run.state = row.integer(22) == 1 ? RunState::Complete : RunState::Partial;
  run.rowsDone = row.integer(23);
  run.indexed = row.integer(24) == 1;
  run.indexedImages = row.integer(25);
  run.created = row.integer(26);
  // Sizes of buffers are made of these numbers.
  if (kind < 0 || kind > 2 || rowType < 0 || rowType > 2 || run.dim < 1 || run.dim > kMostNeurons ||
      run.rows < 0 || run.rows > kMostRows || run.rowsPerImage < 1 || run.rowsDone < 0 ||
      run.rowsDone > run.rows) {
    throw Error(ErrorCode::Corrupt, "the run's kind or shape is out of range",
                database.path().string() + ", table runs, run " + std::to_string(run.id));
  }
  run.kind = RunKind(kind);
  run.rowType = RowType(rowType);
  return run;
}

std::vector<RunInfo> readRuns(const Database& database, const std::string& condition) {
  std::vector<RunInfo> found;
  Statement rows(database, std::string(kColumns) + condition + " ORDER BY id");
  while (rows.step()) found.push_back(readRun(database, rows));
  return found;
}

std::string subjectKey(const RunInfo& run) {
  if (!run.saeFingerprint.empty()) return saeSubject(run.saeFingerprint);
  if (!run.modelFingerprint.empty()) {
    return "model " + run.modelFingerprint + " " + run.point + " " + std::to_string(run.layer);
  }
  return "run " + run.key;
}

void check(const RunInfo& run, const std::string& file) {
  const auto fail = [&](const std::string& message) { throw Error(ErrorCode::Invalid, message, file); };
  if (run.key.empty()) fail("a run needs a key");
  if (run.dim < 1 || run.dim > kMostNeurons)
    fail("a run's width must be 1 to " + std::to_string(kMostNeurons));
  if (run.rows < 0 || run.rows > kMostRows) fail("a run's rows must be 0 to " + std::to_string(kMostRows));
  if (run.rowsPerImage < 1 || run.rows % run.rowsPerImage != 0) {
    fail("a run's rows must be a multiple of the rows of one image, which is at least 1");
  }
}

}  // namespace

std::string saeSubject(const std::string& saeFingerprint) { return "sae " + saeFingerprint; }

std::string_view runKindName(RunKind kind) {
  switch (kind) {
    case RunKind::Activations:
      return "activations";
    case RunKind::Latents:
      return "latents";
    case RunKind::Embeddings:
      return "embeddings";
  }
  return "";
}

std::string_view rowTypeName(RowType type) {
  return type == RowType::F16 ? "f16" : type == RowType::BF16 ? "bf16" : "f32";
}

RowType parseRowType(std::string_view name) {
  for (const RowType type : {RowType::F16, RowType::BF16, RowType::F32}) {
    if (name == rowTypeName(type)) return type;
  }
  throw Error(ErrorCode::Invalid, "no such type of rows, expected f16, bf16 or f32", std::string(name));
}

int64_t rowTypeBytes(RowType type) { return type == RowType::F32 ? 4 : 2; }

RunInfo Runs::ensure(const RunInfo& info) {
  check(info, m_database.path().string());
  Transaction transaction(m_database);
  if (const auto stored = find(info.key)) {
    if (stored->kind != info.kind || stored->dataset != info.dataset || stored->rowType != info.rowType ||
        stored->rows != info.rows || stored->dim != info.dim || stored->rowsPerImage != info.rowsPerImage) {
      throw Error(ErrorCode::Mismatch,
                  "the stored run of this key is " + std::string(runKindName(stored->kind)) + " of " +
                      std::to_string(stored->rows) + " x " + std::to_string(stored->dim) + " in " +
                      std::string(rowTypeName(stored->rowType)) + ", expected " +
                      std::string(runKindName(info.kind)) + " of " + std::to_string(info.rows) + " x " +
                      std::to_string(info.dim) + " in " + std::string(rowTypeName(info.rowType)),
                  where(m_database, stored->id));
    }
    transaction.commit();
    return *stored;
  }
  const std::string subject = subjectKey(info);
  Statement(m_database, "INSERT INTO subjects (key) VALUES (?1) ON CONFLICT DO NOTHING", subject).run();
  Statement insert(m_database,
                   "INSERT INTO runs (key, name, kind, subject, model_name, model_path, model_fingerprint, "
                   "sae_path, sae_type,"
                   " sae_fingerprint, sae_dim, sae_size, sae_k, point, layer, tokens, row_type, row_count, "
                   "dim, rows_per_image,"
                   " params, created, dataset) VALUES (?1, ?2, ?3, (SELECT id FROM subjects WHERE key = ?4), "
                   "?5, ?6, ?7, ?8, ?9,"
                   " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, nullif(?23, 0))",
                   info.key, info.name, info.kind, subject, info.modelName, info.modelPath,
                   info.modelFingerprint, info.saePath, info.saeType, info.saeFingerprint, info.saeDim,
                   info.saeSize, info.saeK, info.point, info.layer, info.tokens, info.rowType, info.rows,
                   info.dim, info.rowsPerImage, info.params, std::time(nullptr), info.dataset);
  insert.run();
  const RunInfo made = get(m_database.lastInsertId());
  transaction.commit();
  return made;
}

std::vector<RunInfo> Runs::list() const { return readRuns(m_database, ""); }

std::vector<RunInfo> Runs::list(RunKind kind) const {
  return readRuns(m_database, " WHERE kind = " + std::to_string(int(kind)));
}

std::vector<RunInfo> Runs::explorable() const { return readRuns(m_database, " WHERE indexed = 1"); }

RunInfo Runs::get(int64_t run) const {
  Statement row(m_database, std::string(kColumns) + " WHERE id = ?1", run);
  if (!row.step()) throw Error(ErrorCode::NotFound, "no such run", where(m_database, run));
  return readRun(m_database, row);
}

std::optional<RunInfo> Runs::find(const std::string& key) const {
  Statement row(m_database, std::string(kColumns) + " WHERE key = ?1", key);
  if (!row.step()) return std::nullopt;
  return readRun(m_database, row);
}

void Runs::rename(int64_t run, const std::string& name) {
  Statement(m_database, "UPDATE runs SET name = ?2 WHERE id = ?1", run, name).run();
  if (m_database.changes() == 0) throw Error(ErrorCode::NotFound, "no such run", where(m_database, run));
}

void Runs::setComplete(int64_t run) {
  Transaction transaction(m_database);
  const RunInfo info = get(run);
  if (info.rowsDone != info.rows) {
    throw Error(
        ErrorCode::Mismatch,
        "the run has " + std::to_string(info.rowsDone) + " of its " + std::to_string(info.rows) + " rows",
        where(m_database, run));
  }
  Statement(m_database, "UPDATE runs SET state = 1 WHERE id = ?1", run).run();
  transaction.commit();
}

void Runs::remove(int64_t run) {
  Transaction transaction(m_database);
  get(run);
  Statement(m_database, "DELETE FROM runs WHERE id = ?1", run).run();
  transaction.commit();
}

void Runs::addFailure(int64_t run, int64_t image, const std::string& reason) {
  Transaction transaction(m_database);
  const RunInfo info = get(run);
  if (image < 0 || image >= info.rows / info.rowsPerImage) {
    throw Error(ErrorCode::Invalid, "no such image in the run: " + std::to_string(image),
                where(m_database, run));
  }
  Statement(m_database, "INSERT OR REPLACE INTO run_failures (run, image, reason) VALUES (?1, ?2, ?3)", run,
            image, reason)
      .run();
  transaction.commit();
}

std::vector<RunFailure> Runs::failures(int64_t run) const {
  std::vector<RunFailure> found;
  Statement rows(m_database, "SELECT image, reason FROM run_failures WHERE run = ?1 ORDER BY image", run);
  while (rows.step()) found.push_back({rows.integer(0), rows.text(1)});
  return found;
}

}  // namespace sememe
