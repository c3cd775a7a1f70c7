// The commands that run a model over images: extract, embed.
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "core/pipeline/embed.h"
#include "core/pipeline/extract.h"

namespace sememe::cli {

namespace {

Json failedJson(const std::vector<FailedImage>& failed) {
  Json list = Json::array();
  for (const FailedImage& f : failed) list.push_back({{"index", f.index}, {"path", f.path}, {"reason", f.reason}});
  return list;
}

std::string failedText(const std::vector<FailedImage>& failed) {
  if (failed.empty()) return {};
  std::string text = count(int64_t(failed.size()), "image", "images") + " could not be read:\n";
  const size_t shown = std::min<size_t>(failed.size(), 10);
  for (size_t i = 0; i < shown; ++i) text += "  " + failed[i].path + ": " + failed[i].reason + "\n";
  if (failed.size() > shown) text += "  and " + grouped(int64_t(failed.size() - shown)) + " more\n";
  return text;
}

Json keysJson(const std::vector<std::string>& keys) { return Json(keys); }

// Exactly one of the two has to be given.
void oneTarget(CLI::App& app, std::string& workspace, std::string& out, const char* outHelp) {
  CLI::Option* w = app.add_option("--workspace", workspace, "Workspace file to store into, made when absent")->type_name("FILE");
  CLI::Option* o = app.add_option("--out", out, outHelp);
  w->excludes(o);
}

void addPrecision(CLI::App& app, std::string& precision) {
  app.add_option("--precision", precision, "What the model computes in: f32, bf16, f16")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "f16"}))
      ->type_name("TYPE");
}

void requireTarget(const std::string& workspace, const std::string& out) {
  if (workspace.empty() && out.empty()) throw UsageError("where to? give --workspace FILE or --out");
}

}  // namespace

void addExtract(CommandLine& line) {
  CLI::App& app = line.add("extract", "Images to activations at a tap of a model, with an SAE attached or not",
                           "sememe-cli extract --model clip-vit-large-patch14-336 --images imagenet --split val --layer 22 "
                           "--tokens mean --sae ae.pt --workspace vision.sememe");
  struct Options {
    ExtractParams params;
    std::string model, images, tokens = "mean", sae, workspace, out;
  };
  const auto o = std::make_shared<Options>();
  app.add_option("--model", o->model, "Model folder as Hugging Face has it")->required()->type_name("DIR");
  app.add_option("--images", o->images, "Image folder")->required()->type_name("DIR");
  app.add_option("--split", o->params.split, "Sub-folder of the images, such as val")->type_name("NAME");
  app.add_option("--point", o->params.point, "Where in the layer: post_mlp_residual, post_mlp, in_mlp, attention_output; or post_projection")
      ->capture_default_str()
      ->type_name("POINT");
  app.add_option("--layer", o->params.layer, "Encoder layer, from 0; -1 with post_projection")->capture_default_str()->type_name("L");
  app.add_option("--tokens", o->tokens, "cls, mean, mean-patches, all, patches or random:K")->capture_default_str()->type_name("T");
  app.add_option("--sae", o->sae, "SAE to attach: ae.pt or its folder")->type_name("PATH");
  app.add_option("--batch", o->params.batch, "Images at once")->capture_default_str()->check(CLI::Range(1, 65536))->type_name("N");
  app.add_option("--dtype", o->params.dtype, "Of dense rows in a workspace: f16, bf16, f32")
      ->capture_default_str()
      ->check(CLI::IsMember({"f16", "bf16", "f32"}))
      ->type_name("TYPE");
  addPrecision(app, o->params.precision);
  app.add_option("--name", o->params.name, "Name of the run, for people")->type_name("TEXT");
  oneTarget(app, o->workspace, o->out, "Folder for part files in the paper's layout");

  line.onRun([o](const Session& session) {
    requireTarget(o->workspace, o->out);
    ExtractParams p = o->params;
    p.model = o->model;
    p.images = o->images;
    p.tokens = TokenSelection::parse(o->tokens);
    p.sae = o->sae;
    p.workspace = o->workspace;
    p.out = o->out;
    p.device = session.common.device;
    p.seed = session.common.seed;
    p.workers = session.common.threads;
    const ExtractResult r = extract(p, session.stop, session.progress);

    Outcome outcome;
    outcome.json = {{"run", r.run},
                    {"key", r.key},
                    {"images", r.images},
                    {"rows", r.rows},
                    {"rows_per_image", r.rowsPerImage},
                    {"dim", r.dim},
                    {"already_done", r.alreadyDone},
                    {"failed", failedJson(r.failed)},
                    {"files", keysJson(r.files)},
                    {"unused_keys", keysJson(r.unusedKeys)}};
    outcome.text = count(r.images, "image", "images") + ": " + grouped(r.rows) + " rows of " + grouped(r.dim) +
                   (r.run ? ", run " + std::to_string(r.run) + " of " + o->workspace
                          : ", " + count(int64_t(r.files.size()), "file", "files") + " in " + o->out) +
                   (r.alreadyDone == r.images ? " (was there already)" : "") + "\n" + failedText(r.failed);
    if (!r.unusedKeys.empty())
      outcome.text += count(int64_t(r.unusedKeys.size()), "key", "keys") + " of the checkpoint have no use, first " +
                      r.unusedKeys.front() + "\n";
    return outcome;
  });
}

void addEmbed(CommandLine& line) {
  CLI::App& app = line.add("embed", "Images to the embeddings of an encoder",
                           "sememe-cli embed --model dinov2-base --images imagenet --split val --workspace vision.sememe");
  struct Options {
    EmbedParams params;
    std::string model, images, workspace, out;
  };
  const auto o = std::make_shared<Options>();
  app.add_option("--model", o->model, "Model folder as Hugging Face has it")->required()->type_name("DIR");
  app.add_option("--images", o->images, "Image folder")->required()->type_name("DIR");
  app.add_option("--split", o->params.split, "Sub-folder of the images, such as val")->type_name("NAME");
  app.add_option("--batch", o->params.batch, "Images at once")->capture_default_str()->check(CLI::Range(1, 65536))->type_name("N");
  addPrecision(app, o->params.precision);
  app.add_option("--name", o->params.name, "Name of the encoder, for people")->type_name("TEXT");
  oneTarget(app, o->workspace, o->out, "A .pt file, or a folder for {dataset}_{split}_embeddings_{encoder}.pt");

  line.onRun([o](const Session& session) {
    requireTarget(o->workspace, o->out);
    EmbedParams p = o->params;
    p.model = o->model;
    p.images = o->images;
    p.workspace = o->workspace;
    p.out = o->out;
    p.device = session.common.device;
    p.workers = session.common.threads;
    const EmbedResult r = embed(p, session.stop, session.progress);

    Outcome outcome;
    outcome.json = {{"run", r.run},       {"key", r.key},
                    {"file", r.file},     {"images", r.images},
                    {"dim", r.dim},       {"already_done", r.alreadyDone},
                    {"failed", failedJson(r.failed)}};
    outcome.text = count(r.images, "embedding", "embeddings") + " of " + grouped(r.dim) +
                   (r.run ? ", run " + std::to_string(r.run) + " of " + o->workspace : " in " + r.file) +
                   (r.alreadyDone == r.images ? " (was there already)" : "") + "\n" + failedText(r.failed);
    return outcome;
  });
}

}  // namespace sememe::cli
