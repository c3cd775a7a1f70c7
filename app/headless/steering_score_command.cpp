// steering-score: how well LLaVA's one-word answers fit the neurons that are clamped.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "app/headless/score_rows.h"
#include "core/pipeline/steering_score.h"

namespace sememe::cli {
namespace {

struct ScoreArguments {
  std::string model, sae, textModel, images, out;
  SteeringScoreParams params;
  std::optional<double> value;
  bool noSteer = false, suppress = false;
};

Json scoreJson(const SteeringScore& s) { return {{"mean", numberOrNull(s.mean)}, {"std", numberOrNull(s.deviation)}}; }

std::string scoreText(const SteeringScore& s) { return fixed(s.mean, 4) + " ± " + fixed(s.deviation, 4); }

std::string padded(std::string text, size_t width) {
  text.insert(0, width - std::min(width, text.size()), ' ');
  return text;
}

std::string number(double value, size_t width) { return padded(std::isnan(value) ? "-" : fixed(value, 4), width); }

// One line for each neuron; columns that nothing stands in are left out.
std::string table(const SteeringScoreResult& r, const char* before) {
  const auto any = [&](double SteeredNeuron::* value) {
    return std::any_of(r.neurons.begin(), r.neurons.end(), [&](const auto& n) { return !std::isnan(n.*value); });
  };
  const bool ms = any(&SteeredNeuron::ms), first = any(&SteeredNeuron::before), control = any(&SteeredNeuron::control);
  std::string text = padded("neuron", 8) + (ms ? padded("MS", 9) : "") + padded("score", 9) + (first ? padded(before, 15) : "") +
                     (control ? padded("control", 9) : "") + "  label\n";
  for (const SteeredNeuron& n : r.neurons) {
    text += padded(std::to_string(n.neuron), 8) + (ms ? number(n.ms, 9) : "") + number(n.score, 9) + (first ? number(n.before, 15) : "") +
            (control ? number(n.control, 9) : "");
    text += n.images > 0 ? "  " + n.label + " (" + grouped(n.labelled) + " of " + grouped(n.images) + ")\n" : "  no image\n";
  }
  return text;
}

Outcome runScore(const ScoreArguments& a, const Session& session) {
  if (a.noSteer && a.suppress) throw UsageError("--no-steer and --suppress do not go together");
  if (a.noSteer && (a.value || a.params.preZero)) throw UsageError("without steering there is no --value and no --pre-zero");
  if (a.params.neurons > 0 && !a.params.only.empty()) throw UsageError("--neurons and --only do not go together");
  SteeringScoreParams params = a.params;
  params.model.model = a.model;
  params.model.sae = a.sae;
  params.model.device = session.common.device;
  params.textModel = a.textModel;
  params.images = a.images;
  params.out = a.out;
  params.test = a.noSteer ? SteeringTest::Unsteered : a.suppress ? SteeringTest::Suppressed : SteeringTest::Steered;
  params.value = a.value.value_or(a.suppress ? 0 : 100);
  const SteeringScoreResult r = steeringScore(params, session.stop, session.progress);

  const bool reconstructed = a.suppress && !a.sae.empty();
  Json neurons = Json::array();
  for (const SteeredNeuron& n : r.neurons)
    neurons.push_back({{"neuron", n.neuron},
                       {"ms", numberOrNull(n.ms)},
                       {"score", numberOrNull(n.score)},
                       {"before", numberOrNull(n.before)},
                       {"control", numberOrNull(n.control)},
                       {"label", n.label},
                       {"labelled", n.labelled},
                       {"images", n.images}});
  Outcome outcome;
  outcome.json = scoreJson(r.set.score);
  outcome.json["test"] = a.noSteer ? "unsteered" : a.suppress ? "suppressed" : "steered";
  outcome.json["tap"] = r.set.tap;
  outcome.json["images"] = r.set.images;
  outcome.json["failed"] = r.set.failed;
  outcome.json["before"] = a.noSteer ? Json() : scoreJson(r.set.before);
  outcome.json["control"] = numberOrNull(r.set.control);
  outcome.json["neurons"] = std::move(neurons);
  outcome.json["already_done"] = r.alreadyDone;
  outcome.json["files"] = r.files;
  outcome.json["set"] = r.set.id > 0 ? Json(r.set.id) : Json();

  const char* before = reconstructed ? "reconstruction" : "unsteered";
  const auto figure = [&](std::string title, const std::string& text) {
    title.resize(16, ' ');
    outcome.text += title + text + "\n";
  };
  outcome.text = table(r, before) + "\n" + count(int64_t(r.neurons.size()), "neuron", "neurons") + " at " + r.set.tap + ", " + count(r.set.images, "image", "images") + "\n";
  figure("score:", scoreText(r.set.score));
  if (!a.noSteer) figure(std::string(before) + ":", scoreText(r.set.before));
  if (!std::isnan(r.set.control)) figure("control:", fixed(r.set.control, 4) + (a.suppress ? ", with another neuron suppressed in its stead" : ", what is said under the other neurons"));
  if (a.suppress)
    figure("drop:", fixed(r.set.before.mean - r.set.score.mean, 4) + (std::isnan(r.set.control) ? "" : ", of the control " + fixed(r.set.before.mean - r.set.control, 4)));
  if (r.set.failed > 0) outcome.text += count(r.set.failed, "image", "images") + " could not be read and were left out\n";
  for (const std::string& file : r.files) outcome.text += "wrote " + file + "\n";
  if (r.set.id > 0) outcome.text += "kept in " + a.params.top + "\n";
  return outcome;
}

}  // namespace

void addSteeringScore(CommandLine& line) {
  CLI::App& app = line.add("steering-score", "How well LLaVA's one-word answers under each clamped neuron fit the images that fire it; the same call goes on",
                           "sememe-cli steering-score --model llava-1.5-7b-hf --sae ae.pt --top activations_dir/hai_indices_16.npy "
                           "--embeddings imagenet_train_embeddings_clip-vit-base-patch32.pt --text-model clip-vit-base-patch32 --images images_imagenet "
                           "--neurons 10 --precision f16 --out results/steering");
  const auto a = std::make_shared<ScoreArguments>();
  SteeringScoreParams& p = a->params;
  app.add_option("--model", a->model, "A Hugging Face folder of a LLaVA, with its tokenizer")->required()->type_name("DIR");
  app.add_option("--sae", a->sae, "An SAE of its vision tower at the layer; without it: the tower's own neurons")->type_name("PATH");
  app.add_option("--layer", p.model.layer, "The tower's layer; without it: the one whose output LLaVA reads (22 of LLaVA-1.5)")->check(CLI::NonNegativeNumber)->type_name("L");
  app.add_option("--top", p.top, "Strongest images of every neuron: an indexed WORKSPACE#RUN, or hai_indices_16.npy")->required()->type_name("T");
  app.add_option("--embeddings", p.embeddings, "Embeddings of the images that --top counts, by the image tower of --text-model")->required()->type_name("E");
  app.add_option("--text-model", a->textModel, "A Hugging Face folder of the CLIP that embeds the words")->required()->type_name("DIR");
  app.add_option("--images", a->images, "Images to ask about; with --suppress: those that --top counts")->required()->type_name("DIR");
  app.add_option("--split", p.split, "Its sub-folder, such as val")->type_name("S");
  app.add_option("--neurons", p.neurons, "The first N neurons; without it: all")->check(CLI::PositiveNumber)->type_name("N");
  app.add_option("--only", p.only, "These neurons, separated by commas")->delimiter(',')->check(CLI::NonNegativeNumber)->type_name("N,…");
  app.add_option("--value", a->value, "What the neuron is set to on every token; without it: 100, with --suppress 0")->type_name("V");
  app.add_flag("--no-steer", a->noSteer, "LLaVA as it is");
  app.add_flag("--suppress", a->suppress, "Ask about each neuron's own strongest images, before and after it is set to 0 or below");
  app.add_flag("--pre-zero", p.preZero, "Silence every other neuron");
  app.add_option("--prompt", p.question, "The question")->capture_default_str()->type_name("TEXT");
  app.add_option("--max-tokens", p.maxTokens, "Length of an answer at most; its first word counts")->check(CLI::PositiveNumber)->capture_default_str()->type_name("N");
  app.add_option("--batch", p.batch, "Questions in one pass")->check(CLI::PositiveNumber)->capture_default_str()->type_name("N");
  app.add_option("--precision", p.model.precision, "Of LLaVA's weights: f32, bf16, f16")->capture_default_str()->type_name("P");
  app.add_flag("--eight-bit", p.model.eightBits, "Keep the language model's layers in 8 bits, for a GPU with little memory");
  app.add_option("--out", a->out, "Folder for labels.txt, scores_per_neuron, metric.txt and a table; and for the answers so far")->required()->type_name("DIR");
  line.onRun([a](const Session& session) { return runScore(*a, session); });
}

}  // namespace sememe::cli
