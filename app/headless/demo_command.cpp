// The command demo: the demo workspace, and the table of its most and least monosemantic neurons.
#include <algorithm>
#include <cmath>
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/base/error.h"
#include "core/demo/demo_workspace.h"
#include "core/demo/train_models.h"
#include "core/store/workspace.h"

namespace sememe::cli {

namespace {

constexpr int kListed = 10;

// A neuron at one end of a run's scores, with the property that most of its strongest images' main objects share.
struct Listed {
  NeuronRow row;
  std::string mostly;
  int images = 0, of = 0;
};

std::vector<Listed> listed(Workspace& workspace, const RunInfo& run, int64_t embeddings, bool best) {
  NeuronQuery query;
  query.run = run.id;
  query.embeddings = embeddings;
  query.descending = best;
  query.rateMin = rateOfFullTop(run.indexedImages);
  std::vector<Listed> rows;
  const std::vector<ClassInfo> classes = workspace.datasets().classes(run.dataset);
  for (NeuronRow& row : workspace.neurons().page(query, std::nullopt, kListed)) {
    if (std::isnan(row.ms)) break;
    Listed one{std::move(row), {}, 0, 0};
    std::vector<std::string> words;  // of the class names
    for (const TopImage& top : workspace.neurons().detail(run.id, one.row.neuron).top) {
      ++one.of;
      const int index = workspace.datasets().image(run.dataset, top.image).classIndex;
      if (index < 0) continue;
      // "00123_star_red_striped": each part is a property of the image's main object.
      const std::string& name = classes[size_t(index)].name;
      for (size_t begin = name.find('_'); begin != std::string::npos;) {
        const size_t end = name.find('_', begin + 1);
        words.push_back(name.substr(begin + 1, end == std::string::npos ? end : end - begin - 1));
        begin = end;
      }
    }
    std::sort(words.begin(), words.end());
    for (size_t i = 0; i < words.size();) {
      const auto last = std::upper_bound(words.begin() + int64_t(i), words.end(), words[i]);
      const int count = int(last - words.begin()) - int(i);
      if (count > one.images) {
        one.images = count;
        one.mostly = words[i];
      }
      i += size_t(count);
    }
    rows.push_back(std::move(one));
  }
  return rows;
}

Json listedJson(const std::vector<Listed>& rows) {
  Json list = Json::array();
  for (const Listed& r : rows)
    list.push_back({{"neuron", r.row.neuron},
                    {"ms", r.row.ms},
                    {"firing_rate", r.row.firingRate},
                    {"label", r.row.label},
                    {"mostly", r.mostly},
                    {"images", r.images},
                    {"of", r.of}});
  return list;
}

std::string listedText(const char* title, const std::vector<Listed>& rows) {
  std::string text = std::string("  ") + title + " (of those that fire on 16 images or more)\n    neuron      MS  fires on  strongest images\n";
  for (const Listed& r : rows) {
    char line[64];
    std::snprintf(line, sizeof line, "  %8lld  %6.3f  %6.2f %%  ", static_cast<long long>(r.row.neuron), r.row.ms,
                  100 * r.row.firingRate);
    text += line;
    text += r.row.label.empty() ? std::to_string(r.images) + " of " + std::to_string(r.of) + " " + r.mostly : r.row.label;
    text += "\n";
  }
  return text;
}

void addTable(const DemoResult& made, Outcome& outcome) {
  Workspace workspace = Workspace::open(made.workspace, OpenMode::ReadOnly);
  for (const DemoRun& run : made.runs) {
    const RunInfo info = workspace.runs().get(run.run);
    const std::vector<ScoreSet> sets = workspace.neurons().scoreSets(run.run);
    Json scores = Json::array();
    outcome.text += "\n" + run.name + ": " + count(run.neurons, "neuron", "neurons") + ", " + grouped(run.dead) + " dead";
    for (const ScoreSet& set : sets) {
      outcome.text += ", mean MS " + fixed(set.mean, 3) + " (" + set.encoder + ")";
      scores.push_back({{"encoder", set.encoder}, {"mean", set.mean}, {"unscored", set.unscored}});
    }
    outcome.text += "\n";
    Json json = {{"run", run.run}, {"name", run.name}, {"neurons", run.neurons}, {"dead", run.dead}, {"scores", scores}};
    if (!sets.empty()) {
      const auto best = listed(workspace, info, sets.front().embeddings, true);
      const auto worst = listed(workspace, info, sets.front().embeddings, false);
      outcome.text += listedText("most monosemantic", best) + listedText("least monosemantic", worst);
      json["best"] = listedJson(best);
      json["worst"] = listedJson(worst);
    }
    outcome.json["runs"].push_back(json);
  }
}

void addTrained(const TrainModelsResult& trained, const std::filesystem::path& folder, Outcome& outcome) {
  const auto scores = [](const ModelScores& s) {
    return Json{{"shape", s.shape}, {"colour", s.colour}, {"texture", s.texture}, {"background", s.background}, {"retrieval", s.retrieval}};
  };
  const auto answers = [](const AnswerScores& s) {
    return Json{{"shape", s.shape}, {"colour", s.colour}, {"texture", s.texture}, {"background", s.background}, {"caption", s.caption}};
  };
  outcome.json["models"] = {{"folder", folder.string()},
                            {"files", trained.files},
                            {"clip", scores(trained.clip)},
                            {"dinov2", scores(trained.dinov2)},
                            {"patch_sae_variance", trained.patchSaeVariance},
                            {"image_sae_variance", trained.imageSaeVariance},
                            {"llava", answers(trained.llava.seen)},
                            {"llava_reconstructed", answers(trained.llava.reconstructed)}};
  const auto line = [](const char* name, const auto& s) {
    return std::string(name) + ": shape " + fixed(s.shape, 3) + ", colour " + fixed(s.colour, 3) + ", texture " +
           fixed(s.texture, 3) + ", background " + fixed(s.background, 3);
  };
  outcome.text += "models in " + folder.string() + "\n  " + line("CLIP", trained.clip) + ", retrieval " +
                  fixed(trained.clip.retrieval, 3) + "\n  " + line("DINOv2", trained.dinov2) + "\n  explained variance: patch SAE " +
                  fixed(trained.patchSaeVariance, 3) + ", image SAE " + fixed(trained.imageSaeVariance, 3) + "\n  " +
                  line("LLaVA", trained.llava.seen) + ", caption " + fixed(trained.llava.seen.caption, 3) + "\n  " +
                  line("LLaVA on the patch SAE's reconstruction", trained.llava.reconstructed) + ", caption " +
                  fixed(trained.llava.reconstructed.caption, 3) + "\n";
}

}  // namespace

void addDemo(CommandLine& line) {
  CLI::App& app = line.add("demo", "Draw a small world and make a workspace of it with the models that Sememe ships",
                           "sememe-cli demo --out demo");
  struct Options {
    std::string out, resources;
    int64_t images = DemoParams{}.images;
    bool train = false;
  };
  const auto o = std::make_shared<Options>();
  app.add_option("--out", o->out, "Folder to make: world/ and demo.sememe")->type_name("DIR");
  app.add_option("--images", o->images, "Scenes to draw, at least 100")->capture_default_str()->check(CLI::Range(int64_t{100}, int64_t{10'000'000}))->type_name("N");
  app.add_option("--resources", o->resources, "Folder of the models, in the place of the shipped one")->type_name("DIR");
  app.add_flag("--train-models", o->train, "Train the models that the folder of --resources lacks (hours on a CPU)");

  line.onRun([o, &line](const Session& session) {
    if (o->out.empty() && !o->train) throw UsageError("where to? give --out DIR");
    const std::filesystem::path resources = o->resources.empty() ? demoResources() : std::filesystem::path(o->resources);
    const bool seeded = line.seedGiven();
    Outcome outcome;
    if (o->train) {
      TrainModelsParams p;
      p.out = resources;
      if (seeded) p.seed = session.common.seed;
      addTrained(trainDemoModels(p, session.stop, session.progress), resources, outcome);
    }
    if (!o->out.empty()) {
      DemoParams p;
      p.out = o->out;
      p.resources = resources;
      p.images = o->images;
      p.device = session.common.device;
      if (seeded) p.seed = session.common.seed;
      const DemoResult made = makeDemoWorkspace(p, session.stop, session.progress);
      outcome.json["workspace"] = made.workspace.string();
      outcome.json["world"] = made.world.string();
      outcome.json["made"] = made.made;
      outcome.json["runs"] = Json::array();
      outcome.text += made.workspace.string() + (made.made ? "\n" : " (was there already)\n");
      addTable(made, outcome);
    }
    return outcome;
  });
}

}  // namespace sememe::cli
