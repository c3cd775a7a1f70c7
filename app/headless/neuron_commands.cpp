// The commands from stored activations to scored neurons: train, encode, index, score.
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/export_sae.h"
#include "core/pipeline/index.h"
#include "core/pipeline/score.h"
#include "core/pipeline/train.h"

namespace sememe::cli {

namespace {

constexpr const char* kTensorHelp =
    "x.pt, x.pth, x.pt:KEY, x.npy, x.safetensors:KEY, a folder of part files, or workspace.sememe#RUN";

std::string filesText(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& f : files) text += "wrote " + f + "\n";
  return text;
}

Json scoresJson(const std::vector<NeuronScore>& scores) {
  Json list = Json::array();
  for (const NeuronScore& s : scores) list.push_back({{"neuron", s.neuron}, {"ms", s.ms}});
  return list;
}

std::string scoresText(const char* title, const std::vector<NeuronScore>& scores) {
  std::string text = std::string(title) + "\n";
  for (const NeuronScore& s : scores) {
    char row[64];
    std::snprintf(row, sizeof row, "  %8lld  %8.4f\n", static_cast<long long>(s.neuron), s.ms);
    text += row;
  }
  return text;
}

}  // namespace

void addTrain(CommandLine& line) {
  CLI::App& app = line.add("train", "Activations to an SAE",
                           "sememe-cli train --activations vision.sememe#1 --type matryoshka_batch_topk --expansion 8 --k 20 "
                           "--steps 110000 --out sae");
  const auto p = std::make_shared<TrainJobParams>();
  const auto out = std::make_shared<std::string>();
  app.add_option("--activations", p->activations, kTensorHelp)->required()->type_name("A");
  app.add_option("--validation", p->validation, "The same, held out")->type_name("A");
  app.add_option("--type", p->type, "standard, gated, topk, batch_topk, matryoshka_batch_topk or jumprelu")
      ->capture_default_str()
      ->type_name("TYPE");
  CLI::Option* expansion = app.add_option("--expansion", p->expansion, "Latents for each activation")->capture_default_str()->type_name("E");
  app.add_option("--dict-size", p->dictSize, "Latents in all")->check(CLI::PositiveNumber)->excludes(expansion)->type_name("F");
  app.add_option("--k", p->k, "Active latents of a row (topk, batch_topk, matryoshka_batch_topk)")->capture_default_str()->check(CLI::PositiveNumber)->type_name("K");
  app.add_option("--lr", p->lr, "Learning rate; 0: the type's own, for the TopK types 2e-4 / sqrt(latents / 16384)")->capture_default_str()->type_name("R");
  app.add_option("--batch", p->batch, "Rows of a step")->capture_default_str()->check(CLI::PositiveNumber)->type_name("N");
  app.add_option("--steps", p->steps, "Steps in all")->capture_default_str()->check(CLI::PositiveNumber)->type_name("N");
  app.add_option("--warmup", p->warmup, "Steps of rising learning rate")->capture_default_str()->type_name("N");
  app.add_option("--decay-start", p->decayStart, "Step where the learning rate starts to fall; -1: never")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--auxk-alpha", p->auxkAlpha, "Weight of the loss that revives dead latents (TopK types)")->capture_default_str()->type_name("X");
  app.add_option("--group-fractions", p->groupFractions, "Matryoshka groups, as fractions that sum to 1")->type_name("X");
  app.add_option("--l1", p->l1Penalty, "Weight of the latents' L1 norm (standard, gated)")->capture_default_str()->type_name("X");
  app.add_option("--target-l0", p->targetL0, "Active latents of a row to aim at (jumprelu)")->capture_default_str()->type_name("X");
  app.add_option("--sparsity-penalty", p->sparsityPenalty, "Weight of missing that aim (jumprelu)")->capture_default_str()->type_name("X");
  app.add_option("--bandwidth", p->bandwidth, "Width around a threshold in which it learns (jumprelu)")->capture_default_str()->type_name("X");
  app.add_option("--sparsity-warmup", p->sparsityWarmup, "Steps of rising --l1 or --sparsity-penalty (standard, gated, jumprelu)")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--save-every", p->saveEvery, "Steps between checkpoints; 0: only at the end")->capture_default_str()->type_name("N");
  app.add_option("--out", *out, "Folder: trainer_0/{config.json, ae.pt, checkpoints}")->required()->type_name("DIR");
  app.add_flag("--resume", p->resume, "Go on from the last checkpoint");

  line.onRun([p, out](const Session& session) {
    TrainJobParams params = *p;
    params.out = *out;
    params.device = session.common.device;
    params.seed = session.common.seed;
    const TrainJobResult r = train(params, session.stop, session.progress);

    Outcome outcome;
    outcome.json = {{"dictionary", r.dictionary.string()},
                    {"fingerprint", r.fingerprint},
                    {"activation_dim", r.activationDim},
                    {"dict_size", r.dictSize},
                    {"steps", r.steps},
                    {"already_done", r.alreadyDone},
                    {"loss", r.loss},
                    {"l0", r.l0},
                    {"explained_variance", r.fve},
                    {"dead", r.dead},
                    {"validation_explained_variance", r.validationFve},
                    {"validation_l0", r.validationL0}};
    outcome.text = r.dictionary.string() + ": " + grouped(r.activationDim) + " -> " + grouped(r.dictSize) + ", " +
                   count(r.steps, "step", "steps") + (r.alreadyDone ? " (was there already)" : "") +
                   "\nexplained variance " + fixed(r.fve, 4) + ", L0 " + fixed(r.l0, 1) + ", dead " + grouped(r.dead) + "\n";
    if (!params.validation.empty())
      outcome.text += "validation: explained variance " + fixed(r.validationFve, 4) + ", L0 " + fixed(r.validationL0, 1) + "\n";
    return outcome;
  });
}

void addEncode(CommandLine& line) {
  CLI::App& app = line.add("encode", "Stored activations and an SAE to latents",
                           "sememe-cli encode --activations activations/ --sae sae/trainer_0/ae.pt --out latents/");
  const auto p = std::make_shared<EncodeParams>();
  const auto paths = std::make_shared<std::pair<std::string, std::string>>();
  app.add_option("--activations", p->activations, kTensorHelp)->required()->type_name("A");
  app.add_option("--sae", paths->first, "ae.pt or its folder")->required()->type_name("PATH");
  app.add_option("--out", paths->second, "Folder for part files; without it: into the workspace of the activations")->type_name("DIR");
  app.add_option("--name", p->name, "Name of the run, for people")->type_name("TEXT");

  line.onRun([p, paths](const Session& session) {
    EncodeParams params = *p;
    params.sae = paths->first;
    params.out = paths->second;
    params.device = session.common.device;
    const EncodeResult r = encode(params, session.stop, session.progress);

    Outcome outcome;
    outcome.json = {{"run", r.run}, {"key", r.key},           {"rows", r.rows},
                    {"dim", r.dim}, {"already_done", r.alreadyDone}, {"files", r.files}};
    outcome.text = grouped(r.rows) + " rows of " + count(r.dim, "latent", "latents") +
                   (r.run ? ", run " + std::to_string(r.run) : "") + (r.alreadyDone == r.rows ? " (was there already)" : "") +
                   "\n" + filesText(r.files);
    return outcome;
  });
}

void addExport(CommandLine& line) {
  CLI::App& app = line.add("export", "An SAE in the layout of another library",
                           "sememe-cli export --sae sae/trainer_0 --format saelens --out sae_lens/");
  const auto p = std::make_shared<ExportSaeParams>();
  const auto paths = std::make_shared<std::pair<std::string, std::string>>();
  app.add_option("--sae", paths->first, "ae.pt or its folder, or a folder of SAELens")->required()->type_name("PATH");
  app.add_option("--format", p->format, "saelens or dictionary_learning")->capture_default_str()->type_name("FORMAT");
  app.add_option("--out", paths->second, "Folder to fill")->required()->type_name("DIR");
  app.add_option("--model-name", p->modelName, "For SAELens: the model whose activations it is for")->type_name("TEXT");
  app.add_option("--hook-name", p->hookName, "For SAELens: where they are read, such as blocks.22.hook_resid_post")->type_name("TEXT");

  line.onRun([p, paths](const Session&) {
    ExportSaeParams params = *p;
    params.sae = paths->first;
    params.out = paths->second;
    const ExportSaeResult r = exportSae(params);

    Outcome outcome;
    outcome.json = {{"type", r.type}, {"written_as", r.written}, {"activation_dim", r.activationDim},
                    {"dict_size", r.dictSize}, {"files", r.files}};
    outcome.text = r.type + ", written as " + r.written + ": " + grouped(r.activationDim) + " -> " + grouped(r.dictSize) + "\n" +
                   filesText(r.files);
    return outcome;
  });
}

void addIndex(CommandLine& line) {
  CLI::App& app = line.add("index", "Activations or latents to the strongest images and statistics of every neuron",
                           "sememe-cli index --activations latents/ --out latents/");
  const auto p = std::make_shared<IndexParams>();
  const auto out = std::make_shared<std::string>();
  app.add_option("--activations", p->activations, kTensorHelp)->required()->type_name("A");
  app.add_option("--k", p->k, "Strongest images of a neuron")->capture_default_str()->check(CLI::Range(1, 4096))->type_name("K");
  CLI::Option* folder =
      app.add_option("--out", *out, "Folder for hai_indices_K.npy and hai_indices_K_worst.npy")->type_name("DIR");
  app.add_flag_callback("--workspace", [] {}, "Into the workspace that the activations are of (so it is without --out)")
      ->excludes(folder);

  line.onRun([p, out](const Session& session) {
    IndexParams params = *p;
    params.out = *out;
    const IndexResult r = index(params, session.stop, session.progress);

    Outcome outcome;
    outcome.json = {{"run", r.run},   {"neurons", r.neurons},           {"rows", r.rows},
                    {"dead", r.dead}, {"already_done", r.alreadyDone}, {"files", r.files}};
    outcome.text = count(r.neurons, "neuron", "neurons") + " over " + count(r.rows, "image", "images") + ", " +
                   grouped(r.dead) + " dead" + (r.alreadyDone ? " (was there already)" : "") + "\n" + filesText(r.files);
    return outcome;
  });
}

void addScore(CommandLine& line) {
  CLI::App& app = line.add("score", "Activations and embeddings to the monosemanticity of every neuron",
                           "sememe-cli score --activations latents/ --embeddings imagenet_val_embeddings_dinov2.pt --out ms_dinov2");
  const auto p = std::make_shared<ScoreParams>();
  const auto out = std::make_shared<std::string>();
  app.add_option("--activations", p->activations, kTensorHelp)->required()->type_name("A");
  app.add_option("--embeddings", p->embeddings, "The same; in a workspace a run of embed")->required()->type_name("E");
  app.add_option("--out", *out, "Folder for all_neurons_scores.pth and metric_stats_new.txt; without it: into the workspace")
      ->type_name("DIR");

  line.onRun([p, out](const Session& session) {
    ScoreParams params = *p;
    params.out = *out;
    const ScoreResult r = score(params, session.stop, session.progress);

    Outcome outcome;
    outcome.json = {{"run", r.run},
                    {"embeddings", r.embeddings},
                    {"neurons", r.neurons},
                    {"dead", r.dead},
                    {"mean", r.mean},
                    {"std", r.deviation},
                    {"best", scoresJson(r.best)},
                    {"worst", scoresJson(r.worst)},
                    {"already_done", r.alreadyDone},
                    {"files", r.files}};
    outcome.text = "monosemanticity " + fixed(r.mean, 4) + " +- " + fixed(r.deviation, 4) + " over " +
                   count(r.neurons, "neuron", "neurons") + ", " + grouped(r.dead) + " dead" +
                   (r.alreadyDone ? " (was there already)" : "") + "\n" + scoresText("most monosemantic:", r.best) +
                   scoresText("least monosemantic:", r.worst) + filesText(r.files);
    return outcome;
  });
}

}  // namespace sememe::cli
