// The tables of a workspace file: making them, bringing older files up to date, refusing what is not ours.
#include "core/store/schema.h"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>

#include "core/base/error.h"

namespace sememe {
namespace {

// The pages of a workspace: rows of numbers by the megabyte, and thumbnails of a few kilobytes.
constexpr int kPageBytes = 16384;

// Version 1. Numbers of images, rows and neurons count from 0. Arrays are blobs, little-endian; NaN is NULL.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE datasets (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  root TEXT NOT NULL,
  split TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,
  images INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT;

CREATE TABLE classes (
  dataset INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
  class INTEGER NOT NULL,
  name TEXT NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (dataset, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE images (
  dataset INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
  image INTEGER NOT NULL,
  path TEXT NOT NULL,
  class INTEGER NOT NULL,               -- -1: none
  status INTEGER NOT NULL DEFAULT 0,    -- 0 unseen, 1 ok, 2 failed
  reason TEXT NOT NULL DEFAULT '',
  width INTEGER NOT NULL DEFAULT 0,
  height INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (dataset, image)
) STRICT, WITHOUT ROWID;
CREATE INDEX images_failed ON images (dataset, image) WHERE status = 2;

CREATE TABLE thumbnails (
  dataset INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
  image INTEGER NOT NULL,
  jpeg BLOB NOT NULL,
  PRIMARY KEY (dataset, image)
) STRICT;

-- What labels belong to: an SAE, or a tap of a model. Several runs may show the same neurons.
CREATE TABLE subjects (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,                -- 0 activations, 1 latents, 2 embeddings
  dataset INTEGER REFERENCES datasets,  -- NULL: none
  subject INTEGER NOT NULL REFERENCES subjects,
  model_name TEXT NOT NULL, model_path TEXT NOT NULL, model_fingerprint TEXT NOT NULL,
  sae_path TEXT NOT NULL, sae_type TEXT NOT NULL, sae_fingerprint TEXT NOT NULL,
  sae_dim INTEGER NOT NULL, sae_size INTEGER NOT NULL, sae_k INTEGER NOT NULL,
  point TEXT NOT NULL, layer INTEGER NOT NULL, tokens TEXT NOT NULL,
  row_type INTEGER NOT NULL,            -- 0 f16, 1 bf16, 2 f32
  row_count INTEGER NOT NULL, dim INTEGER NOT NULL, rows_per_image INTEGER NOT NULL,
  params TEXT NOT NULL,                 -- JSON
  state INTEGER NOT NULL DEFAULT 0,     -- 0 partial, 1 complete
  rows_done INTEGER NOT NULL DEFAULT 0, -- changes in the same transaction as the blocks
  indexed INTEGER NOT NULL DEFAULT 0,
  indexed_images INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_dataset ON runs (dataset);

CREATE TABLE run_failures (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  image INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (run, image)
) STRICT, WITHOUT ROWID;

CREATE TABLE dense_blocks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: what is cached by id can not be stale
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  first_row INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  data BLOB NOT NULL,                   -- [row_count, dim] of the run's row type
  UNIQUE (run, first_row)
) STRICT;

CREATE TABLE sparse_blocks (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  first_row INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  offsets BLOB NOT NULL,                -- u32 [row_count + 1]
  neurons BLOB NOT NULL,                -- u32 [non-zeros]
  activations BLOB NOT NULL,            -- f32 [non-zeros]
  UNIQUE (run, first_row)
) STRICT;

-- The same latents by neuron, from indexing; a neuron that never fires has no row.
CREATE TABLE sparse_columns (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  neuron INTEGER NOT NULL,
  row_numbers BLOB NOT NULL,            -- u32 [non-zeros]
  activations BLOB NOT NULL,            -- f32 [non-zeros]
  PRIMARY KEY (run, neuron)
) STRICT;

-- Narrow, with indexes that hold all a page shows: sorted pages never leave the index.
CREATE TABLE neurons (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  neuron INTEGER NOT NULL,
  firing_rate REAL,
  max REAL,
  mean REAL,
  PRIMARY KEY (run, neuron)
) STRICT, WITHOUT ROWID;
CREATE INDEX neurons_by_rate ON neurons (run, firing_rate, neuron, max, mean);
CREATE INDEX neurons_by_max ON neurons (run, max, neuron, firing_rate, mean);
CREATE INDEX neurons_by_mean ON neurons (run, mean, neuron, firing_rate, max);

CREATE TABLE neuron_details (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  neuron INTEGER NOT NULL,
  firing_count INTEGER NOT NULL,
  min REAL,
  histogram_min REAL,
  histogram_max REAL,
  histogram BLOB NOT NULL,              -- i64 [bins]
  top BLOB NOT NULL,                    -- (u32 image, f32 activation) [at most 16], strongest first
  PRIMARY KEY (run, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
  subject INTEGER NOT NULL REFERENCES subjects,
  neuron INTEGER NOT NULL,
  label TEXT NOT NULL COLLATE NOCASE,
  notes TEXT NOT NULL,
  changed INTEGER NOT NULL,
  PRIMARY KEY (subject, neuron)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_label ON labels (subject, label, neuron) WHERE label <> '';

CREATE TABLE score_sets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  embeddings INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  neurons INTEGER NOT NULL,
  unscored INTEGER NOT NULL,
  mean REAL,
  UNIQUE (run, embeddings)
) STRICT;
CREATE INDEX score_sets_by_embeddings ON score_sets (embeddings);

CREATE TABLE scores (
  score_set INTEGER NOT NULL REFERENCES score_sets ON DELETE CASCADE,
  neuron INTEGER NOT NULL,
  ms REAL,
  PRIMARY KEY (score_set, neuron)
) STRICT, WITHOUT ROWID;
CREATE INDEX scores_by_ms ON scores (score_set, ms, neuron);
)sql";

// Version 2: how neurons are steered, kept under a name.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE steering_presets (
  subject INTEGER NOT NULL REFERENCES subjects,
  name TEXT NOT NULL,
  json TEXT NOT NULL,
  changed INTEGER NOT NULL,
  PRIMARY KEY (subject, name)
) STRICT, WITHOUT ROWID;
)sql";

// Version 3: how well LLaVA's words fit the neurons that were steered.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE steering_sets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  key TEXT NOT NULL,
  test INTEGER NOT NULL,                -- 0 steered, 1 unsteered, 2 suppressed
  value REAL NOT NULL,
  pre_zero INTEGER NOT NULL,
  question TEXT NOT NULL,
  model TEXT NOT NULL, words TEXT NOT NULL, tap TEXT NOT NULL,
  images INTEGER NOT NULL, failed INTEGER NOT NULL,
  mean REAL, deviation REAL, before_mean REAL, before_deviation REAL, control REAL,
  created INTEGER NOT NULL,
  UNIQUE (run, key)
) STRICT;

CREATE TABLE steered_neurons (
  steering_set INTEGER NOT NULL REFERENCES steering_sets ON DELETE CASCADE,
  neuron INTEGER NOT NULL,
  ms REAL, score REAL, before REAL, control REAL,
  label TEXT NOT NULL,
  labelled INTEGER NOT NULL,
  images INTEGER NOT NULL,
  PRIMARY KEY (steering_set, neuron)
) STRICT, WITHOUT ROWID;
)sql";

// Step i turns version i into version i + 1. A step that was released is never changed again.
constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3};
static_assert(std::size(kMigrations) == kSchemaVersion);

struct Identity {
  int64_t application = 0, version = 0, tables = 0;
  bool empty() const { return application == 0 && version == 0 && tables == 0; }
};

// One view of the file, for another program may be making the workspace at this moment.
Identity identify(Database& database) {
  const Transaction view(database, Transaction::Kind::Read);
  return {database.queryInt("PRAGMA application_id"), database.queryInt("PRAGMA user_version"),
          database.queryInt("SELECT count(*) FROM sqlite_schema")};
}

void check(const Identity& found, OpenMode mode, const std::string& where) {
  if (found.empty()) {
    if (mode != OpenMode::Create)
      throw Error(ErrorCode::Corrupt, "not a workspace: the file is empty", where);
    return;
  }
  if (found.application != kApplicationId) {
    throw Error(ErrorCode::Unsupported, "not a workspace: an SQLite database of another program", where);
  }
  if (found.version > kSchemaVersion) {
    throw Error(ErrorCode::Unsupported,
                "made by a newer version of Sememe (workspace format " + std::to_string(found.version) +
                    "; this version reads up to " + std::to_string(kSchemaVersion) + ")",
                where);
  }
  if (found.version < 1) throw Error(ErrorCode::Corrupt, "the workspace says that it has no version", where);
  if (found.version < kOldestReadable && mode == OpenMode::ReadOnly) {
    throw Error(ErrorCode::Unsupported,
                "an older workspace (format " + std::to_string(found.version) +
                    "): open it once for writing, to bring it up to date",
                where);
  }
}

// SQLite fills a last page that was cut off with zeros; whole files end with a whole page. While there are
// changes in the -wal file, another program may be writing the page.
void checkLength(const Database& database) {
  const std::string where = database.path().string();
  const int64_t page = database.queryInt("PRAGMA page_size");
  std::error_code ignored;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto pending = std::filesystem::file_size(where + "-wal", ignored);
    if (!ignored && pending > 0) return;
    const auto size = std::filesystem::file_size(where, ignored);
    if (ignored || size % uint64_t(page) == 0) return;
  }
  throw Error(ErrorCode::Corrupt, "the file is cut short: it does not end with a whole page", where);
}

// The switch needs the file for itself, and SQLite does not wait for that as it waits for other locks.
void switchToWal(Database& database) {
  constexpr auto kPatience = std::chrono::seconds(10);
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    try {
      database.execute("PRAGMA journal_mode = WAL");
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Busy || std::chrono::steady_clock::now() - start > kPatience) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

void prepareSchema(Database& database, OpenMode mode) {
  const std::string where = database.path().string();
  const Identity found = identify(database);
  check(found, mode, where);
  checkLength(database);
  database.execute("PRAGMA foreign_keys = ON; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY");
  if (mode == OpenMode::ReadOnly) return;

  if (found.empty()) database.execute("PRAGMA page_size = " + std::to_string(kPageBytes));
  // Off: some builds of SQLite overwrite with zeros whatever is removed, which doubles the work of indexing
  // again.
  switchToWal(database);
  database.execute(
      "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF; PRAGMA journal_size_limit = 67108864");
  while (database.queryInt("PRAGMA user_version") < kSchemaVersion) {
    Transaction transaction(database);
    // Another program may have been quicker.
    const Identity now = identify(database);
    check(now, mode, where);
    if (now.version == kSchemaVersion) break;
    database.execute(kMigrations[now.version]);
    database.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    database.execute("PRAGMA user_version = " + std::to_string(now.version + 1));
    transaction.commit();
  }
}

}  // namespace sememe
