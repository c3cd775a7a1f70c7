// The runs of a workspace: one row for each result, saying what it was made of and how far it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/database.h"

namespace sememe {

enum class RunKind {
  Activations = 0,  // dense rows
  Latents = 1,      // sparse rows of an SAE
  Embeddings = 2,   // dense rows of an encoder, for scores
};
std::string_view runKindName(RunKind kind);  // "activations", "latents", "embeddings"

// How dense rows are stored, little-endian. Latents' values are float32 always.
enum class RowType { F16 = 0, BF16 = 1, F32 = 2 };
std::string_view rowTypeName(RowType type);   // "f16", "bf16", "f32"
RowType parseRowType(std::string_view name);  // throws Error (Invalid)
int64_t rowTypeBytes(RowType type);           // 2 or 4

enum class RunState { Partial = 0, Complete = 1 };

struct RunInfo {
  int64_t id = 0;    // given by the workspace
  std::string key;   // what it was made of, as a fingerprint: its identity
  std::string name;  // for people
  RunKind kind = RunKind::Activations;
  int64_t dataset = 0;  // 0: none (imported rows)

  std::string modelName, modelPath, modelFingerprint;
  std::string saePath, saeType, saeFingerprint;  // empty without an SAE
  int64_t saeDim = 0, saeSize = 0, saeK = 0;     // width of the activations d, latents F, k (0: none)
  std::string point;                             // a name of core/models/tap.h
  int layer = -1;                                // 0-based; -1 at post_projection
  std::string tokens;                            // the token selection's name

  RowType rowType = RowType::F16;
  int64_t rows = 0;  // when complete: images x rowsPerImage
  int64_t dim = 0;   // width of a row: d, F or D; for activations and latents the number of neurons
  int64_t rowsPerImage = 1;
  std::string params;  // JSON: everything else that made it

  // Kept by the workspace:
  RunState state = RunState::Partial;
  int64_t rowsDone = 0;       // rows 0 … rowsDone-1 are stored
  bool indexed = false;       // has statistics of every neuron (IndexWriter)
  int64_t indexedImages = 0;  // images that the statistics are about
  int64_t created = 0;        // seconds since 1970
};

// What labels and presets belong to: the same for every run of these neurons, whatever data set and token selection they are
// looked at with. The key of an SAE's, by RunInfo::saeFingerprint.
std::string saeSubject(const std::string& saeFingerprint);

// An image whose rows in a run are zero because it could not be read.
struct RunFailure {
  int64_t image = 0;
  std::string reason;
};

// A part of Workspace; same thread. Throws Error (NotFound: no such run; Invalid), and as Database does.
class Runs {
 public:
  explicit Runs(Database& database) : m_database(database) {}

  // The run with this key as it stands (to go on with), or a new, empty one. Throws Mismatch when the one
  // stored differs in kind, data set, row type or shape; Invalid for an empty key, a negative or absurd
  // shape.
  RunInfo ensure(const RunInfo& info);

  std::vector<RunInfo> list() const;  // in the order of their making
  std::vector<RunInfo> list(RunKind kind) const;
  std::vector<RunInfo> explorable() const;  // those with neurons to show: indexed
  RunInfo get(int64_t run) const;
  std::optional<RunInfo> find(const std::string& key) const;

  void rename(int64_t run, const std::string& name);
  void setComplete(int64_t run);  // throws Mismatch while rows are missing
  void remove(
      int64_t run);  // with its rows, statistics and scores; labels stay, for the next run of these neurons

  void addFailure(int64_t run, int64_t image, const std::string& reason);
  std::vector<RunFailure> failures(int64_t run) const;  // by image

 private:
  Database& m_database;
};

}  // namespace sememe
