// sweep: a whole experiment from one file.
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "app/headless/score_rows.h"
#include "core/pipeline/sweep.h"

namespace sememe::cli {

namespace {

std::map<std::string, std::string> definitions(const std::vector<std::string>& given) {
  std::map<std::string, std::string> result;
  for (const std::string& text : given) {
    const size_t at = text.find('=');
    if (at == 0 || at == std::string::npos || at + 1 == text.size()) throw UsageError("--define takes NAME=PATH, not " + text);
    result[text.substr(0, at)] = text.substr(at + 1);
  }
  return result;
}

Json saeJson(const SweepSae& s) {
  return {{"run", s.run},   {"layer", s.layer}, {"type", s.type}, {"k", s.k},       {"expansion", s.expansion}, {"latents", s.dictSize},
          {"l0", s.l0}, {"explained_variance", s.fve}, {"dead", s.dead}, {"validated", s.validated}, {"dictionary", s.dictionary.string()}};
}

}  // namespace

void addSweep(CommandLine& line) {
  CLI::App& app = line.add("sweep", "A whole experiment from one JSON file, ending in the paper's table; the same call goes on",
                           "sememe-cli sweep resources/experiments/paper-monosemanticity.json --define IMAGENET=/data/imagenet "
                           "--define CLIP=clip-vit-large-patch14 --define DINOV2=dinov2-base --out results");
  struct Arguments {
    std::string file, out;
    std::vector<std::string> definitions;
  };
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->file, "The experiment")->required()->type_name("");
  app.add_option("--define", arguments->definitions, "What $NAME in the file stands for; without it: the environment's. Repeatable")
      ->take_all()
      ->expected(1)
      ->type_name("NAME=PATH");
  app.add_option("--out", arguments->out, "Folder for the workspace, the SAEs and the tables")->required()->type_name("DIR");

  line.onRun([arguments](const Session& session) {
    SweepParams params;
    params.experiment = readExperiment(arguments->file, definitions(arguments->definitions));
    params.out = arguments->out;
    params.device = session.common.device;
    const SweepResult r = sweep(params, session.stop, session.progress);
    Json saes = Json::array(), scores = Json::array();
    for (const SweepSae& sae : r.saes) saes.push_back(saeJson(sae));
    for (const ScoreRow& row : r.scores) scores.push_back(scoreRowJson(row));
    Outcome outcome;
    outcome.json = {{"workspace", r.workspace.string()}, {"scores", scores}, {"saes", saes}, {"failed_images", r.failedImages}, {"files", r.files}};
    outcome.text = r.table + "\nworkspace " + r.workspace.string() + "\n";
    for (const std::string& file : r.files) outcome.text += "wrote " + file + "\n";
    if (r.failedImages > 0) outcome.text += count(r.failedImages, "image", "images") + " could not be read and were left out\n";
    return outcome;
  });
}

}  // namespace sememe::cli
