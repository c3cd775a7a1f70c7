// What the window needs to know about a workspace before it shows anything of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/store/workspace.h"

namespace sememe {

// A run that has neurons to show, with the encoders that scored it.
struct RunChoice {
  RunInfo run;
  std::vector<ScoreSet> scores;
  std::string dataset;  // its name; empty without one
};

struct WorkspaceSummary {
  std::filesystem::path path;
  bool readOnly = false;  // labels can not be saved
  std::vector<RunChoice> runs;
  std::vector<RunInfo> activations;  // complete: what an SAE can be trained on
  std::vector<RunInfo> embeddings;   // complete: what says how alike images are
};

// Any thread, with its own connection. Throws as Workspace does.
WorkspaceSummary summarize(Workspace& workspace);

// Opens for writing (bringing an older file up to date), or only for reading where the file can not be written.
// Throws as Workspace::open does.
WorkspaceSummary openSummary(const std::filesystem::path& path);

}  // namespace sememe
