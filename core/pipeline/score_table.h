// The scores of a workspace's neurons as tables and curves: one row for each layer, SAE and encoder. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/analysis/score_summary.h"
#include "core/store/workspace.h"

namespace sememe {

// What one encoder says of the neurons of one run.
struct ScoreRow {
  int64_t run = 0, embeddings = 0;
  std::string name;     // of the run
  std::string model;    // whose activations these are
  std::string point;    // of the tap
  int layer = -1;       // 0-based; -1 at the image embedding
  std::string tokens;
  std::string saeType;  // empty: raw neurons
  int64_t k = 0;        // active latents of a row; 0: none given
  double expansion = 0; // latents for each activation; 0: raw neurons
  std::string encoder;
  ScoreSummary summary;
};

// Of every run that was indexed and scored, in the order of their making. Throws Error as the store does.
std::vector<ScoreRow> scoreTable(Workspace& workspace);

// The rows as CSV with a head.
std::string scoreTableCsv(const std::vector<ScoreRow>& rows);

// The paper's table as Markdown, for each encoder: a line for each layer and SAE type, a column for each expansion; in the
// cells the best and the worst score, and in a second table the mean and the standard deviation.
std::string paperTable(const std::vector<ScoreRow>& rows);

// The sorted scores of each row, highest first, as CSV: run, name, encoder, rank (from 0), share (0 … 1), ms.
std::string scoreCurvesCsv(Workspace& workspace, const std::vector<ScoreRow>& rows);

// "layer 22", "image embedding".
std::string layerName(int layer);
// "Matryoshka BatchTopK ×8", "raw neurons".
std::string saeName(const ScoreRow& row);

}  // namespace sememe
