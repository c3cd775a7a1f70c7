// The commands from stored activations to scored neurons: train, encode, index, score.
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/base/error.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/export_sae.h"
#include "core/pipeline/index.h"
#include "core/pipeline/score.h"
#include "core/pipeline/train.h"
#include "core/pipeline/train_presets.h"

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

// What `train` was told: with several types, k or expansions it trains them all in one pass.
struct TrainArguments {
  TrainJobParams job;
  std::string preset, out;
  std::vector<std::string> types;
  std::vector<int64_t> ks;
  std::vector<double> expansions;
};

// The preset's values, with those that were given in their place.
TrainJobParams presetUnder(const CLI::App& app, const TrainJobParams& given, const std::string& name) {
  TrainJobParams p = given;
  trainPreset(name).apply(p);
  const auto keep = [&](const char* option, auto member) {
    if (app.count(option) > 0) p.*member = given.*member;
  };
  keep("--lr", &TrainJobParams::lr);
  keep("--batch", &TrainJobParams::batch);
  keep("--steps", &TrainJobParams::steps);
  keep("--warmup", &TrainJobParams::warmup);
  keep("--decay-start", &TrainJobParams::decayStart);
  keep("--auxk-alpha", &TrainJobParams::auxkAlpha);
  keep("--group-fractions", &TrainJobParams::groupFractions);
  keep("--save-every", &TrainJobParams::saveEvery);
  keep("--validate-every", &TrainJobParams::validateEvery);
  keep("--dict-size", &TrainJobParams::dictSize);
  return p;
}

std::vector<TrainJobParams> trainJobs(const CLI::App& app, const TrainArguments& arguments, const Session& session) {
  TrainJobParams base = arguments.job;
  base.out = arguments.out;
  base.device = session.common.device;
  base.seed = session.common.seed;
  if (!arguments.preset.empty()) base = presetUnder(app, base, arguments.preset);
  TrainSweepParams sweep{base, arguments.types, arguments.ks, arguments.expansions};
  if (sweep.types.empty()) sweep.types = {base.type};
  if (sweep.ks.empty()) sweep.ks = {base.k};
  if (sweep.expansions.empty()) sweep.expansions = {base.expansion};
  if (sweep.types.size() * sweep.ks.size() * sweep.expansions.size() > 1) {
    if (base.dictSize > 0) throw Error(ErrorCode::Invalid, "--dict-size cannot be given for several SAEs");
    return sweepJobs(sweep);
  }
  base.type = sweep.types.front();
  base.k = sweep.ks.front();
  base.expansion = sweep.expansions.front();
  return {base};
}

Json codeStatsJson(const CodeStats& s) { return {{"l0", s.l0}, {"l2", s.l2}, {"explained_variance", s.fve}, {"dead", s.dead}}; }

Json trainingJson(const TrainJobResult& r) {
  Json json = {{"dictionary", r.dictionary.string()},
               {"fingerprint", r.fingerprint},
               {"activation_dim", r.activationDim},
               {"dict_size", r.dictSize},
               {"steps", r.steps},
               {"already_done", r.alreadyDone},
               {"loss", r.loss},
               {"l0", r.l0},
               {"explained_variance", r.fve},
               {"dead", r.dead}};
  if (r.validation) {
    Json& v = json["validation"] = codeStatsJson(r.validation->inference);
    v["rows"] = r.validation->rows;
    if (r.validation->otherRule) v["other_rule"] = codeStatsJson(*r.validation->otherRule);
    if (r.validation->ms) {
      const MsStats& ms = *r.validation->ms;
      v["ms"] = {{"scored", ms.scored}, {"mean", ms.mean}, {"median", ms.median}, {"best", ms.best}};
    }
  }
  return json;
}

std::string trainingText(const TrainJobResult& r) {
  std::string text = r.dictionary.string() + ": " + grouped(r.activationDim) + " -> " + grouped(r.dictSize) + ", " +
                     count(r.steps, "step", "steps") + (r.alreadyDone ? " (was there already)" : "") +
                     "\nexplained variance " + fixed(r.fve, 4) + ", L0 " + fixed(r.l0, 1) + ", dead " + grouped(r.dead) + "\n";
  if (!r.validation) return text;
  const CodeStats& v = r.validation->inference;
  text += "validation: explained variance " + fixed(v.fve, 4) + ", L0 " + fixed(v.l0, 1) + ", dead " + grouped(v.dead);
  if (r.validation->ms) text += ", monosemanticity " + fixed(r.validation->ms->mean, 4);
  return text + "\n";
}

}  // namespace

void addTrain(CommandLine& line) {
  CLI::App& app = line.add("train", "Activations to an SAE, or to several in one pass",
                           "sememe-cli train --activations vision.sememe#1 --type matryoshka_batch_topk --expansion 8 --k 20 "
                           "--steps 110000 --out sae");
  const auto arguments = std::make_shared<TrainArguments>();
  TrainJobParams* p = &arguments->job;
  std::string presets;
  for (const TrainPreset& preset : trainPresets()) presets += (presets.empty() ? "" : ", ") + std::string(preset.name);
  app.add_option("--activations", p->activations, kTensorHelp)->required()->type_name("A");
  CLI::Option* validation = app.add_option("--validation", p->validation, "The same, to validate on")->type_name("A");
  app.add_option("--hold-out", p->holdOut, "Share of the images to validate on instead, kept out of training")
      ->check(CLI::Range(0.0, 0.5))
      ->excludes(validation)
      ->type_name("X");
  app.add_option("--embeddings", p->embeddings, "Embeddings of the images validated on (with --hold-out of all): adds monosemanticity")
      ->type_name("E");
  app.add_option("--validate-every", p->validateEvery, "Steps between validations; 0: only at the end")->capture_default_str()->type_name("N");
  app.add_option("--log-every", p->logEvery, "Steps between lines of log.jsonl; 0: about 1,000 lines in all")->capture_default_str()->type_name("N");
  app.add_option("--preset", arguments->preset, "The paper's settings, under those given besides: " + presets)->type_name("NAME");
  app.add_option("--type", arguments->types,
                 "standard, gated, topk, batch_topk, matryoshka_batch_topk (the default) or jumprelu; several: one SAE of each")
      ->delimiter(',')
      ->type_name("TYPE");
  CLI::Option* expansion = app.add_option("--expansion", arguments->expansions, "Latents for each activation (8); several: one SAE of each")
                               ->delimiter(',')
                               ->type_name("E");
  app.add_option("--dict-size", p->dictSize, "Latents in all")->check(CLI::PositiveNumber)->excludes(expansion)->type_name("F");
  app.add_option("--k", arguments->ks, "Active latents of a row (20; topk, batch_topk, matryoshka_batch_topk); several: one SAE of each")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("K");
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
  app.add_option("--out", arguments->out, "Folder: trainer_0/{config.json, log.jsonl, ae.pt, checkpoints}; for several a folder each in it")
      ->required()
      ->type_name("DIR");
  app.add_flag("--resume", p->resume, "Go on from the last checkpoint");

  line.onRun([arguments, &app](const Session& session) {
    const std::vector<TrainJobParams> jobs = trainJobs(app, *arguments, session);
    const std::vector<TrainJobResult> results = trainTogether(jobs, session.stop, session.progress);
    Outcome outcome;
    for (const TrainJobResult& r : results) outcome.text += trainingText(r);
    if (jobs.size() == 1) {
      outcome.json = trainingJson(results.front());
    } else {
      outcome.json["trainings"] = Json::array();
      for (const TrainJobResult& r : results) outcome.json["trainings"].push_back(trainingJson(r));
    }
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
