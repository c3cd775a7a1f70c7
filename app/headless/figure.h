// The figure of sorted scores as a file, drawn without a screen.
#pragma once

#include <filesystem>
#include <vector>

#include "core/pipeline/score_table.h"

namespace sememe::cli {

// .svg or .png. Main thread. Throws as writeFigure() and the store do.
void writeScoreFigure(const std::filesystem::path& path, Workspace& workspace, const std::vector<ScoreRow>& rows);

}  // namespace sememe::cli
