// scores: the table and the curves of all that a workspace has scored.
#include <algorithm>
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "app/headless/score_rows.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/store/workspace.h"
#ifdef SEMEME_UI
#include "app/headless/figure.h"
#endif

namespace sememe::cli {

namespace {

std::string rowText(const ScoreRow& r) {
  const ScoreSummary& s = r.summary;
  std::string text = r.name + ", by " + r.encoder + ": " + count(s.neurons, "neuron", "neurons") + ", " + grouped(s.dead) + " dead, mean " +
                     fixed(s.mean, 3) + " ± " + fixed(s.deviation, 3);
  if (!s.best.empty()) text += ", best " + fixed(s.best.front().score, 3) + ", worst " + fixed(s.worst.front().score, 3);
  text += ", quantiles";
  for (const double q : s.quantiles) text += " " + fixed(q, 3);
  return text + "\n";
}

}  // namespace

void addScores(CommandLine& line) {
  CLI::App& app = line.add("scores", "The scores of a workspace: a table over layers, SAEs and encoders, and the sorted curves",
                           "sememe-cli scores vision.sememe --encoder DINOv2 --table ms.csv --curves ms.svg");
  struct Arguments {
    std::string workspace, encoder, table, curves;
    std::vector<int64_t> runs;
  };
  const auto a = std::make_shared<Arguments>();
  app.add_option("WORKSPACE", a->workspace, "A *.sememe file")->required()->type_name("");
  app.add_option("--encoder", a->encoder, "The scores by this encoder alone")->type_name("NAME");
  app.add_option("--run", a->runs, "Those of these runs alone")->delimiter(',')->type_name("RUN");
  app.add_option("--table", a->table, "Write the table: .csv, or .md as in the paper")->type_name("FILE");
  app.add_option("--curves", a->curves, "Write every neuron's score, sorted: .csv, or as a figure .svg or .png")->type_name("FILE");

  line.onRun([a](const Session&) {
    Workspace workspace = Workspace::open(a->workspace, OpenMode::ReadOnly);
    std::vector<ScoreRow> rows = scoreTable(workspace);
    std::erase_if(rows, [&](const ScoreRow& r) {
      return (!a->encoder.empty() && r.encoder != a->encoder) ||
             (!a->runs.empty() && std::find(a->runs.begin(), a->runs.end(), r.run) == a->runs.end());
    });
    if (rows.empty()) throw Error(ErrorCode::NotFound, "there are no such scores; `sememe-cli score` makes them", a->workspace);
    Outcome outcome;
    Json list = Json::array(), files = Json::array();
    for (const ScoreRow& row : rows) {
      list.push_back(scoreRowJson(row));
      outcome.text += rowText(row);
    }
    const auto wrote = [&](const std::string& file) {
      files.push_back(file);
      outcome.text += "wrote " + file + "\n";
    };
    if (!a->table.empty()) {
      const std::string ending = std::filesystem::path(a->table).extension().string();
      if (ending != ".csv" && ending != ".md") throw UsageError("--table takes a name that ends in .csv or .md");
      writeTextFile(a->table, ending == ".csv" ? scoreTableCsv(rows) : paperTable(rows));
      wrote(a->table);
    }
    if (!a->curves.empty()) {
      const std::string ending = std::filesystem::path(a->curves).extension().string();
      if (ending == ".csv") {
        writeTextFile(a->curves, scoreCurvesCsv(workspace, rows));
#ifdef SEMEME_UI
      } else if (ending == ".svg" || ending == ".png") {
        writeScoreFigure(a->curves, workspace, rows);
#endif
      } else {
        throw UsageError("--curves takes a name that ends in .csv, .svg or .png");
      }
      wrote(a->curves);
    }
    outcome.json = {{"scores", list}, {"files", files}};
    return outcome;
  });
}

}  // namespace sememe::cli
