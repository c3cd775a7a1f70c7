// The figures of a training while it runs: what a step saw, what validation found, and the file that keeps both.
// Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sememe {

// What one step saw, before its update. Losses in units of the normalised activations.
struct StepStats {
  int64_t step = 0;   // 0-based
  double loss = 0;    // l2 and the type's other terms with their weights
  double l2 = 0;      // squared error of a row, for Matryoshka the mean over groups of weight x error
  double auxk = 0;    // TopK types: the auxiliary loss, relative to the residual's variance, 0 without dead latents;
                      // gated: the squared error of a row from the gates alone
  double sparsity = 0;  // standard, gated: L1 norm of a row's latents (gates); JumpReLU: (l0 / targetL0 − 1)²
  double l0 = 0;      // mean non-zero latents of a row
  double fve = 0;     // fraction of the batch's variance explained
  int64_t dead = 0;   // latents that have not fired for deadAfterRows rows
};

// Figures of a dictionary on rows it was not trained on.
struct CodeStats {
  double l0 = 0;     // mean non-zero latents of a row
  double l2 = 0;     // mean squared error of a row, in units of the normalised activations
  double fve = 0;    // 1 − (variance of the error, summed over the d axes) / (variance of the rows); NaN without variance
  int64_t dead = 0;  // latents that fired on no row
};

// Monosemanticity of the latents on those rows (core/analysis/monosemanticity.h).
struct MsStats {
  int64_t scored = 0;  // latents that have a score
  double mean = 0, median = 0, best = 0;  // NaN when none has
};

struct ValidationStats {
  int64_t rows = 0;
  CodeStats inference;                // as the finished dictionary encodes: with its threshold
  // With the type's other way of choosing latents: BatchTopK types with the k·B largest of each batch, as in training,
  // TopK with its threshold. Types with one way have none.
  std::optional<CodeStats> otherRule;
  std::optional<MsStats> ms;          // of the latents at inference; where embeddings were given
};

// One line of the log.
struct TrainingPoint {
  StepStats step;
  double seconds = 0;  // of training until then, over all calls
  std::optional<ValidationStats> validation;  // after that step
};

// A point as one line of JSON without its end, and back. Throws Error (Corrupt).
std::string trainingPointJson(const TrainingPoint& point);
TrainingPoint parseTrainingPoint(const std::string& text);

// log.jsonl of a training's folder: one JSON object a line, steps ascending. A line cut off by a kill is
// left out. Throws Error (Io; Corrupt: any other line that is none). An absent file is an empty log.
std::vector<TrainingPoint> readTrainingLog(const std::filesystem::path& path);

// Appends to a log. One thread.
class TrainingLog {
 public:
  // Keeps the lines of steps below `firstStep` and drops the rest. Throws Error (Io, DiskFull, Corrupt).
  TrainingLog(const std::filesystem::path& path, int64_t firstStep);

  double secondsBefore() const { return m_secondsBefore; }  // of the last line kept; 0 without one
  int64_t lastStep() const { return m_lastStep; }           // of the last line kept; -1 without one
  void append(const TrainingPoint& point);  // throws Error (Io, DiskFull)

 private:
  std::filesystem::path m_path;
  double m_secondsBefore = 0;
  int64_t m_lastStep = -1;
};

}  // namespace sememe
