// Makes the demo workspace: the drawn images through the ordinary pipeline, then labels from the ground
// truth.
#include "core/demo/demo_workspace.h"

#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/demo/agreement.h"
#include "core/demo/world.h"
#include "core/pipeline/embed.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/index.h"
#include "core/pipeline/score.h"
#include "core/store/workspace.h"

namespace sememe {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSplit = "val";
constexpr int kPatchLayer = 2;  // of the demo CLIP's four: what LLaVA would read, hidden_states[-2]
constexpr int kAgree = 15;      // of the 16 strongest images, for a label

struct Maker {
  const DemoParams& params;
  const std::stop_token& stop;
  const ProgressFn& progress;
  fs::path world, workspace;

  std::string spec(int64_t run) const { return workspace.string() + "#" + std::to_string(run); }
  ExtractParams extractParams(const char* name) const;
  int64_t embeddings(const char* model, const char* name) const;
  int64_t patchTokens(bool sae, const char* name) const;
  int64_t imageEmbedding(const char* name) const;
  void indexAndScore(int64_t run, const std::vector<int64_t>& embeddingRuns) const;
  void label(int64_t run) const;
};

ExtractParams Maker::extractParams(const char* name) const {
  ExtractParams p;
  p.model = params.resources / "clip";
  p.images = world;
  p.split = kSplit;
  p.device = params.device;
  p.workspace = workspace;
  p.name = name;
  return p;
}

int64_t Maker::embeddings(const char* model, const char* name) const {
  EmbedParams p;
  p.model = params.resources / model;
  p.images = world;
  p.split = kSplit;
  p.device = params.device;
  p.workspace = workspace;
  p.name = name;
  return embed(p, stop, progress).run;
}

int64_t Maker::patchTokens(bool sae, const char* name) const {
  ExtractParams p = extractParams(name);
  p.point = "post_mlp_residual";
  p.layer = kPatchLayer;
  p.tokens = TokenSelection::parse("mean-patches");
  if (sae) p.sae = params.resources / "sae-patch" / "trainer_0";
  return extract(p, stop, progress).run;
}

int64_t Maker::imageEmbedding(const char* name) const {
  ExtractParams p = extractParams(name);
  p.point = "post_projection";
  p.dtype = "f32";
  return extract(p, stop, progress).run;
}

void Maker::indexAndScore(int64_t run, const std::vector<int64_t>& embeddingRuns) const {
  IndexParams i;
  i.activations = spec(run);
  index(i, stop, progress);
  for (const int64_t embedding : embeddingRuns) {
    ScoreParams s;
    s.activations = spec(run);
    s.embeddings = spec(embedding);
    score(s, stop, progress);
  }
}

void Maker::label(int64_t run) const {
  const std::vector<WorldRow> rows = readWorld(world);
  std::map<std::string, const Scene*> byPath;
  for (const WorldRow& row : rows) byPath[row.path] = &row.scene;
  Workspace file = Workspace::open(workspace, OpenMode::ReadWrite);
  const RunInfo info = file.runs().get(run);
  const std::vector<ImageRecord> images =
      file.datasets().images(info.dataset, 0, static_cast<int64_t>(rows.size()));
  Transaction transaction(file.database());
  for (int64_t neuron = 0; neuron < info.dim; ++neuron) {
    const NeuronDetail detail = file.neurons().detail(run, neuron);
    // A label that a person gave stays.
    if (!detail.label.empty() || !detail.notes.empty() || detail.top.size() < kTopImages) continue;
    std::vector<const Scene*> scenes;
    for (const TopImage& top : detail.top) {
      const auto found = byPath.find(images[static_cast<size_t>(top.image)].path);
      if (found != byPath.end()) scenes.push_back(found->second);
    }
    const std::string label = sharedLabel(scenes, kAgree);
    if (label.empty()) continue;
    file.neurons().setLabel(run, neuron, label,
                            "Automatic label: at least " + std::to_string(kAgree) +
                                " of the 16 strongest images have it, by the demo world's ground truth.");
  }
  transaction.commit();
}

// What the workspace is made of; a finished one says it in a file beside it.
std::string recipe(const DemoParams& params) {
  Fingerprint print;
  for (const char* part :
       {"clip/config.json", "clip/model.safetensors", "dinov2/config.json", "dinov2/model.safetensors",
        "sae-patch/trainer_0/ae.pt", "sae-image/trainer_0/ae.pt"}) {
    if (!fs::exists(params.resources / part)) {
      throw Error(ErrorCode::NotFound,
                  "a model of the demo is missing; `sememe-cli demo --train-models` trains it",
                  (params.resources / part).string());
    }
    print.addFile(params.resources / part);
  }
  const nlohmann::ordered_json json = {
      {"images", params.images}, {"seed", params.seed}, {"models", print.hex()}, {"labels", kAgree}, {"labelled", "all"}};
  return json.dump() + "\n";
}

DemoResult describeWorkspace(const Maker& maker, bool made) {
  DemoResult result{maker.workspace, maker.world, made, {}};
  Workspace file = Workspace::open(maker.workspace, OpenMode::ReadOnly);
  // Dictionaries first: they are what the demo is about.
  for (const RunKind kind : {RunKind::Latents, RunKind::Activations}) {
    for (const RunInfo& run : file.runs().list(kind)) {
      if (!run.indexed) continue;
      DemoRun entry{run.id, run.name, run.dim, 0, 0};
      const std::vector<ScoreSet> sets = file.neurons().scoreSets(run.id);
      if (!sets.empty()) {
        entry.dead = sets.front().unscored;
        entry.meanMs = sets.front().mean;
      }
      result.runs.push_back(entry);
    }
  }
  return result;
}

}  // namespace

DemoResult makeDemoWorkspace(const DemoParams& params, const std::stop_token& stop,
                             const ProgressFn& progress) {
  if (params.images < 100) {
    throw Error(ErrorCode::Invalid, "the demo needs at least 100 images", std::to_string(params.images));
  }
  const Maker maker{params, stop, progress, params.out / "world", params.out / "demo.sememe"};
  const std::string wanted = recipe(params);
  const fs::path mark = params.out / "demo.json";
  if (fs::exists(mark) && fs::exists(maker.workspace) && readTextFile(mark) == wanted) {
    return describeWorkspace(maker, false);
  }

  writeWorld(maker.world, kSplit, params.images, params.seed, stop, progress);
  const int64_t patchLatents = maker.patchTokens(true, "CLIP layer 2, patches: SAE");
  const int64_t patchRaw = maker.patchTokens(false, "CLIP layer 2, patches: raw neurons");
  const int64_t imageRaw = maker.imageEmbedding("CLIP image embedding: raw neurons");
  EncodeParams e;
  e.activations = maker.spec(imageRaw);
  e.sae = params.resources / "sae-image" / "trainer_0";
  e.device = params.device;
  e.name = "CLIP image embedding: SAE";
  const int64_t imageLatents = encode(e, stop, progress).run;
  const std::vector<int64_t> embeddings = {maker.embeddings("clip", "CLIP"),
                                           maker.embeddings("dinov2", "DINOv2")};
  for (const int64_t run : {patchLatents, imageLatents, patchRaw, imageRaw})
    maker.indexAndScore(run, embeddings);
  for (const int64_t run : {patchLatents, imageLatents, patchRaw, imageRaw}) maker.label(run);
  writeTextFile(mark, wanted);
  return describeWorkspace(maker, true);
}

}  // namespace sememe
