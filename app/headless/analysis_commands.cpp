// The commands that measure neurons together: uniqueness and hierarchy.
#include <cmath>
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/pipeline/neuron_sets.h"
#include "core/pipeline/refinements.h"

namespace sememe::cli {

namespace {

struct TopArguments {
  std::string top, worst, run;
  TopImagesInput input() const { return {top, worst, run}; }
};

void addTopOptions(CLI::App& app, TopArguments& arguments) {
  CLI::Option* top = app.add_option("--top", arguments.top, "hai_indices_16.npy")->type_name("FILE");
  app.add_option("--worst", arguments.worst, "hai_indices_16_worst.npy; without it: the file of that name beside --top")->needs(top)->type_name("FILE");
  app.add_option("--run", arguments.run, "Instead: workspace.sememe#RUN, indexed")->excludes(top)->type_name("RUN");
}

}  // namespace

void addUniqueness(CommandLine& line) {
  CLI::App& app = line.add("uniqueness", "How many pairs of neurons share their strongest images",
                           "sememe-cli uniqueness --top latents/hai_indices_16.npy");
  const auto arguments = std::make_shared<TopArguments>();
  addTopOptions(app, *arguments);

  line.onRun([arguments](const Session& session) {
    const UniquenessResult r = measureUniqueness(arguments->input(), session.stop, session.progress);
    Json above = Json::object(), similar = Json::array();
    Outcome outcome;
    outcome.text = count(r.neurons, "neuron", "neurons") + ", " + grouped(r.dead) + " dead or nearly dead left out, " +
                   count(r.pairs, "pair", "pairs") + "\n";
    for (size_t i = 0; i < r.above.size(); ++i) {
      const std::string bound = "0." + std::to_string(i);
      above[bound] = r.above[i];
      outcome.text += "Jaccard index above " + bound + ": " + grouped(r.above[i]) + " (" +
                      fixed(r.pairs > 0 ? 100 * double(r.above[i]) / double(r.pairs) : 0, 4) + " %)\n";
    }
    for (const UniquenessResult::Pair& pair : r.mostSimilar) {
      similar.push_back({{"first", pair.first}, {"second", pair.second}, {"jaccard", pair.jaccard}});
      outcome.text += "most similar: " + std::to_string(pair.first) + " and " + std::to_string(pair.second) + ", " + fixed(pair.jaccard, 4) + "\n";
    }
    outcome.json = {{"neurons", r.neurons}, {"dead", r.dead}, {"pairs", r.pairs}, {"counts_above", above}, {"most_similar", similar}};
    return outcome;
  });
}

void addHierarchy(CommandLine& line) {
  CLI::App& app = line.add("hierarchy", "How deep in a tree of classes the strongest images of each Matryoshka group agree",
                           "sememe-cli hierarchy --top latents/hai_indices_16.npy --images inat2021 --split train "
                           "--group-fractions 0.002 0.009 0.035 0.189 0.765");
  const auto arguments = std::make_shared<TopArguments>();
  const auto paths = std::make_shared<std::pair<std::string, std::string>>();
  const auto refined = std::make_shared<std::string>();
  const auto p = std::make_shared<HierarchyParams>();
  addTopOptions(app, *arguments);
  app.add_option("--images", paths->first, "Image folder that the neurons were indexed on; with --run the workspace knows it")->type_name("DIR");
  app.add_option("--split", p->split, "Its sub-folder, such as train")->type_name("S");
  app.add_option("--tree", paths->second, "Lines child,parent by class folder; without it: iNaturalist's names, or nested folders")->type_name("CSV");
  app.add_option("--group-fractions", p->groupFractions, "Matryoshka groups; with --run the SAE knows them")->type_name("X");

  app.add_option("--refinements", *refined, "With --run: write which coarser neuron each one refines")->type_name("CSV");

  line.onRun([arguments, paths, refined, p](const Session& session) {
    HierarchyParams params = *p;
    params.input = arguments->input();
    params.images = paths->first;
    params.tree = paths->second;
    if (!refined->empty()) {
      if (arguments->run.empty()) throw UsageError("--refinements needs --run");
      writeRefinements(*refined, refinements(arguments->run, session.stop, session.progress));
    }
    const HierarchyResult r = measureHierarchy(params, session.stop, session.progress);
    const auto number = [](double value) { return std::isnan(value) ? Json() : Json(value); };
    Json groups = Json::array();
    Outcome outcome;
    outcome.text = "classes by " + r.classes + "\n";
    for (size_t i = 0; i < r.groups.size(); ++i) {
      const HierarchyResult::Group& g = r.groups[i];
      groups.push_back({{"size", g.size}, {"excluded", g.excluded}, {"depth_mean", number(g.depthMean)}, {"depth_majority", number(g.depthMajority)}});
      outcome.text += "group " + std::to_string(i) + ": " + count(g.size, "neuron", "neurons") + ", " + grouped(g.excluded) +
                      " left out, depth " + fixed(g.depthMean, 3) + " (mean), " + fixed(g.depthMajority, 3) + " (most common)\n";
    }
    outcome.json = {{"classes", r.classes}, {"groups", groups}};
    return outcome;
  });
}

}  // namespace sememe::cli
