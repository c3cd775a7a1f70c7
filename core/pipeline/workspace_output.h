// A run of a workspace that is being written from images, and how runs are named on the command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/image/image_folder.h"
#include "core/pipeline/image_run.h"
#include "core/store/workspace.h"

namespace sememe {

// "a/b.sememe#12". False when `spec` has no such form. Throws Error (Invalid) for a workspace without a run's number.
struct WorkspaceRun {
  std::filesystem::path path;
  int64_t run = 0;
};
bool parseWorkspaceRun(const std::string& spec, WorkspaceRun& result);

// Blocks of images into a run: rows, failures, what was seen of the images and their thumbnails commit together.
class WorkspaceOutput {
 public:
  // Opens or makes the workspace, its data set and the run; `info.dataset` and `info.rows` are filled in here.
  // Throws Error as the store does.
  WorkspaceOutput(const std::filesystem::path& path, const ImageFolder& images, RunInfo info);

  const RunInfo& run() const { return m_run; }
  int64_t imagesDone() const { return m_run.rowsDone / m_run.rowsPerImage; }
  bool complete() const { return m_run.state == RunState::Complete; }
  // Whether the data set lacks thumbnails of images that can be read.
  bool needsThumbnails() const;

  void add(const ImageBlock& block);  // the last one completes the run
  std::vector<FailedImage> failed() const;

 private:
  Workspace m_workspace;
  RunInfo m_run;
};

}  // namespace sememe
