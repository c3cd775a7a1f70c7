// The command inspect: what a file or folder is.
#include <algorithm>
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/pipeline/inspect.h"

namespace sememe::cli {

namespace {

std::string shapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

void addInspect(CommandLine& line) {
  CLI::App& app = line.add("inspect", "Say what a file or folder is: model, SAE, activations, workspace, images",
                           "sememe-cli inspect vision.sememe");
  const auto path = std::make_shared<std::string>(), activations = std::make_shared<std::string>();
  app.add_option("PATH", *path, "File or folder")->required();
  app.add_option("--activations", *activations,
                 "For an SAE: whether it fits these (a tensor argument, or workspace.sememe#RUN), by what it explains of up to 4,096 rows")
      ->type_name("A");

  line.onRun([path, activations](const Session&) {
    const InspectReport r = inspect(*path, *activations);
    Outcome outcome;
    Json facts = Json::object(), tensors = Json::array();
    for (const auto& [name, value] : r.facts) facts[name] = value;
    for (const InspectTensor& t : r.tensors)
      tensors.push_back({{"name", t.name}, {"dtype", t.dtype}, {"shape", t.shape}, {"bytes", t.bytes}});
    outcome.json = {{"path", r.path}, {"kind", r.kind}, {"facts", facts}, {"tensors", tensors}, {"problems", r.problems}};
    if (r.fit) {
      outcome.json["fit"] = {{"fits", r.fit->fits}, {"rows", r.fit->rows}, {"l0", r.fit->l0},           {"k", r.fit->k},
                             {"explained_variance", r.fit->fve}, {"dead", r.fit->dead}, {"verdict", r.fit->verdict}, {"hints", r.fit->hints}};
    }

    outcome.text = r.path + ": " + r.kind + "\n";
    size_t widest = 0;
    for (const auto& [name, value] : r.facts) widest = std::max(widest, name.size());
    for (const auto& [name, value] : r.facts)
      outcome.text += "  " + name + std::string(widest - name.size() + 2, ' ') + value + "\n";
    if (!r.tensors.empty()) outcome.text += "tensors\n";
    widest = 0;
    for (const InspectTensor& t : r.tensors) widest = std::max(widest, t.name.size());
    for (const InspectTensor& t : r.tensors)
      outcome.text += "  " + t.name + std::string(widest - t.name.size() + 2, ' ') + t.dtype + " " + shapeText(t.shape) + "\n";
    if (r.fit) outcome.text += "tried on " + count(r.fit->rows, "row", "rows") + ", where " + count(r.fit->dead, "latent", "latents") + " never fired\n";
    if (r.fit && r.fit->fits) outcome.text += r.fit->verdict + "\n";
    for (const std::string& problem : r.problems) outcome.text += "problem: " + problem + "\n";
    if (r.fit) {
      for (const std::string& hint : r.fit->hints) outcome.text += "hint: " + hint + "\n";
    }
    return outcome;
  });
}

}  // namespace sememe::cli
