// What the window needs to know about a workspace before it shows anything of it.
#include "ui/models/workspace_summary.h"

#include <utility>

#include "core/base/error.h"

namespace sememe {

WorkspaceSummary summarize(Workspace& workspace) {
  WorkspaceSummary summary;
  summary.path = workspace.path();
  summary.readOnly = workspace.readOnly();
  for (RunInfo& run : workspace.runs().explorable()) {
    RunChoice choice;
    choice.scores = workspace.neurons().scoreSets(run.id);
    if (run.dataset != 0) choice.dataset = workspace.datasets().get(run.dataset).name;
    choice.run = std::move(run);
    summary.runs.push_back(std::move(choice));
  }
  for (auto& [kind, list] : {std::pair(RunKind::Activations, &summary.activations), std::pair(RunKind::Embeddings, &summary.embeddings)}) {
    for (RunInfo& run : workspace.runs().list(kind)) {
      if (run.state == RunState::Complete) list->push_back(std::move(run));
    }
  }
  return summary;
}

WorkspaceSummary openSummary(const std::filesystem::path& path) {
  try {
    Workspace workspace = Workspace::open(path, OpenMode::ReadWrite);
    return summarize(workspace);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Io) throw;
  }
  Workspace workspace = Workspace::open(path, OpenMode::ReadOnly);
  return summarize(workspace);
}

}  // namespace sememe
