// Draws by the window's own painter.
#include "app/headless/figure.h"

#include <QGuiApplication>

#include "ui/scores/score_figure.h"

namespace sememe::cli {

void writeScoreFigure(const std::filesystem::path& path, Workspace& workspace, const std::vector<ScoreRow>& rows) {
  const ScoreFigure figure(readCurves(workspace, rows));
  qputenv("QT_QPA_PLATFORM", "offscreen");
  int argc = 1;
  char name[] = "sememe-cli";
  char* argv[] = {name, nullptr};
  const QGuiApplication fonts(argc, argv);
  writeFigure(path, figure);
}

}  // namespace sememe::cli
