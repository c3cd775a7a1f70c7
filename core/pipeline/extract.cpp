// Images → activations at a tap of a model, with an SAE attached or not.
#include "core/pipeline/extract.h"

#include <torch/torch.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/attached_sae.h"
#include "core/pipeline/image_run.h"
#include "core/pipeline/row_output.h"
#include "core/pipeline/workspace_output.h"

namespace sememe {

namespace {

using Kind = TokenSelection::Kind;

// What one image becomes.
struct Plan {
  Tap tap;
  TokenSelection tokens;
  bool pooled = false;    // the tap has no tokens
  int64_t tokenCount = 1;  // of an image at the tap
  int64_t special = 0;     // of them, before the patches
  int64_t width = 0;       // of an activation
  int64_t rowsPerImage = 1;
  int64_t dim = 0;         // of a row
  uint64_t seed = 0;
};

Plan makePlan(const ExtractParams& params, const OpenModel& model, const AttachedSae* sae) {
  const VisionInfo& info = model.model->info();
  Plan plan;
  plan.tap = {parseTapPoint(params.point), params.layer};
  checkTap(plan.tap, info.layers);
  plan.pooled = plan.tap.point == TapPoint::PostProjection;
  plan.width = plan.pooled                             ? info.embeddingDim
               : plan.tap.point == TapPoint::InMlp ? info.mlpSize
                                                   : info.hiddenSize;
  if (plan.pooled && plan.width == 0)
    throw Error(ErrorCode::Unsupported, "the model has no image embedding to read at post_projection", params.model.string());
  plan.tokens = plan.pooled ? TokenSelection{Kind::Cls} : params.tokens;
  plan.seed = params.seed;
  if (!plan.pooled) {
    if (plan.tokens.kind == Kind::Cls && info.specialTokens == 0)
      throw Error(ErrorCode::Invalid, "a " + info.family + " model has no CLS token; choose other tokens", params.model.string());
    plan.special = info.specialTokens;
    plan.tokenCount = info.specialTokens + (model.preprocess.outputHeight() / info.patchSize) *
                                               (model.preprocess.outputWidth() / info.patchSize);
    switch (plan.tokens.kind) {
      case Kind::All: plan.rowsPerImage = plan.tokenCount; break;
      case Kind::Patches: plan.rowsPerImage = plan.tokenCount - plan.special; break;
      case Kind::Random: plan.rowsPerImage = plan.tokens.count; break;
      default: break;
    }
  }
  if (sae && sae->activationDim != plan.width)
    throw Error(ErrorCode::Mismatch,
                "the SAE reads activations of width " + std::to_string(sae->activationDim) + ", but " + tapName(plan.tap) +
                    " of the model has " + std::to_string(plan.width),
                params.sae.string());
  plan.dim = sae ? sae->dictSize : plan.width;
  return plan;
}

// Token numbers of one image, drawn from its own number so that they do not depend on the batch (SplitMix64).
std::vector<int64_t> drawTokens(uint64_t seed, int64_t image, int64_t count, int64_t tokens) {
  uint64_t state = seed * 0x9e3779b97f4a7c15ULL + uint64_t(image) * 0xd1342543de82ef95ULL;
  std::vector<int64_t> drawn;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t z = state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    drawn.push_back(int64_t((z ^ (z >> 31)) % uint64_t(tokens)));
  }
  return drawn;
}

// [n, T, d] → [n, t, d], the tokens that the selection is about.
at::Tensor selectTokens(const at::Tensor& acts, const Plan& plan, std::span<const int64_t> images) {
  switch (plan.tokens.kind) {
    case Kind::Cls: return acts.narrow(1, 0, 1);
    case Kind::Mean:
    case Kind::All: return acts;
    case Kind::MeanPatches:
    case Kind::Patches: return acts.narrow(1, plan.special, acts.size(1) - plan.special);
    case Kind::Random: break;
  }
  std::vector<at::Tensor> rows;
  for (size_t i = 0; i < images.size(); ++i) {
    const auto drawn = drawTokens(plan.seed, images[i], plan.tokens.count, acts.size(1));
    rows.push_back(acts[int64_t(i)].index_select(0, at::tensor(drawn, at::kLong).to(acts.device())));
  }
  return at::stack(rows);
}

// `firstRows`: of this call.
void addRows(const at::Tensor& taken, const Plan& plan, std::span<const int64_t> images, const AttachedSae* sae, bool firstRows, RowChunk& chunk) {
  // Means, and what an SAE reads, in float32 whatever the model computed in.
  const at::Tensor tokens = selectTokens(plan.pooled ? taken.unsqueeze(1) : taken, plan, images).to(at::kFloat);
  const bool mean = plan.tokens.kind == Kind::Mean || plan.tokens.kind == Kind::MeanPatches;
  if (!sae) {
    chunk.dense = (mean ? tokens.mean(1) : tokens.reshape({-1, plan.width})).to(at::kCPU, at::kFloat).contiguous();
    return;
  }
  if (firstRows) warnUnlessItFits(*sae, tokens.flatten(0, 1));
  // As many images at once as keep the latents of their tokens within 64 MB.
  const int64_t group = std::max<int64_t>(1, (int64_t{16} << 20) / (tokens.size(1) * plan.dim));
  for (int64_t first = 0; first < tokens.size(0); first += group) {
    const at::Tensor some = tokens.narrow(0, first, std::min(group, tokens.size(0) - first));
    const at::Tensor latents = sae->encode(some);
    appendSparse(chunk.sparse, mean ? latents.mean(1) : latents.reshape({-1, plan.dim}));
  }
}

std::string runKey(const ExtractParams& params, const Plan& plan, const OpenModel& model, const AttachedSae* sae,
                   const ImageFolder& images) {
  Fingerprint key;
  key.add("extract 1").add(model.report.fingerprint).add(model.preprocess.fingerprint()).add(tapName(plan.tap));
  key.add(plan.tokens.name()).add(plan.tokens.kind == Kind::Random ? int64_t(plan.seed) : int64_t{0});
  key.add(sae ? sae->fingerprint : "").add(images.fingerprint);
  key.add(sae || params.workspace.empty() ? "f32" : params.dtype);
  if (params.precision != "f32") key.add(params.precision);  // keys from before there was a choice stay what they were
  return key.hex();
}

RunInfo runInfo(const ExtractParams& params, const Plan& plan, const OpenModel& model, const AttachedSae* sae,
                const std::string& key) {
  RunInfo info;
  info.key = key;
  info.kind = sae ? RunKind::Latents : RunKind::Activations;
  info.modelName = model.name;
  info.modelPath = std::filesystem::absolute(params.model).string();
  info.modelFingerprint = model.report.fingerprint;
  info.point = std::string(tapPointName(plan.tap.point));
  info.layer = plan.tap.layer;
  info.tokens = plan.pooled ? "" : plan.tokens.name();
  info.rowType = sae ? RowType::F32 : parseRowType(params.dtype);
  info.dim = plan.dim;
  info.rowsPerImage = plan.rowsPerImage;
  info.name = params.name;
  if (sae) {
    info.saePath = std::filesystem::absolute(params.sae).string();
    info.saeType = sae->type;
    info.saeFingerprint = sae->fingerprint;
    info.saeDim = sae->activationDim;
    info.saeSize = sae->dictSize;
    info.saeK = sae->k;
  }
  if (info.name.empty())
    info.name = model.name + " " + tapName(plan.tap) + (plan.pooled ? "" : " " + plan.tokens.name()) +
                (sae ? ", " + info.saeType + " " + std::to_string(info.saeSize) : "");
  info.params = nlohmann::ordered_json({{"preprocessing", model.preprocess.fingerprint()}, {"seed", plan.seed}, {"precision", params.precision}}).dump();
  return info;
}

}  // namespace

ExtractResult extract(const ExtractParams& params, std::stop_token stop, const ProgressFn& progress) {
  if (params.workspace.empty() == params.out.empty())
    throw Error(ErrorCode::Invalid, "either a workspace or a folder has to be given for the activations");
  if (params.batch < 1) throw Error(ErrorCode::Invalid, "a batch has at least one image");
  const ImageFolder images = listImageFolder(params.images, params.split);
  throwIfStopped(stop);
  const OpenModel model = openModel(params.model, params.device, params.precision, stop);
  std::optional<AttachedSae> attached;
  if (!params.sae.empty()) attached = attachSae(params.sae, model.device);
  const AttachedSae* sae = attached ? &*attached : nullptr;
  const Plan plan = makePlan(params, model, sae);
  const int64_t total = int64_t(images.images.size());

  ExtractResult result;
  result.key = runKey(params, plan, model, sae, images);
  result.images = total;
  result.rowsPerImage = plan.rowsPerImage;
  result.rows = total * plan.rowsPerImage;
  result.dim = plan.dim;
  result.unusedKeys = model.report.unused;
  result.missingKeys = model.report.missing;

  ImageRunOptions options;
  options.batch = params.batch;
  options.workers = params.workers;
  options.rowsPerImage = plan.rowsPerImage;
  options.dim = plan.dim;
  options.sparse = sae != nullptr;
  // Latents are few; 64 of them a row stand for what a row weighs.
  options.blockImages = blockSize(params.batch, plan.rowsPerImage * (sae ? 512 : plan.dim * int64_t(sizeof(float))));
  bool firstRows = true;
  const auto rowsOf = [&](const at::Tensor& pixels, std::span<const int64_t> which, RowChunk& chunk) {
    addRows(model.model->forwardTo(pixels, plan.tap), plan, which, sae, std::exchange(firstRows, false), chunk);
  };
  const char* stage = sae ? "Extracting latents" : "Extracting activations";

  if (!params.workspace.empty()) {
    WorkspaceOutput output(params.workspace, images, runInfo(params, plan, model, sae, result.key));
    result.run = output.run().id;
    result.alreadyDone = options.first = output.imagesDone();
    if (!output.complete()) {
      options.thumbnailSide = output.needsThumbnails() ? kThumbnailSide : 0;
      ProgressMeter meter(progress, stage, total, options.first);
      runOverImages(images, model, options, rowsOf, [&](ImageBlock&& block) { output.add(block); }, meter, stop);
      meter.finish();
    }
    result.failed = output.failed();
    return result;
  }

  const int64_t partImages = std::max<int64_t>(1, params.partImages / options.blockImages) * options.blockImages;
  RowOutput output({params.out,
                    datasetName(images) + "_activations_" + model.name + "_" + std::to_string(plan.tap.layer) + "_" +
                        std::string(tapPointName(plan.tap.point)),
                    partImages * plan.rowsPerImage, result.rows, plan.dim, plan.rowsPerImage, result.key});
  result.alreadyDone = options.first = output.done() / plan.rowsPerImage;
  if (!output.complete()) {
    ProgressMeter meter(progress, stage, total, options.first);
    const int64_t piece = std::max<int64_t>(1, (int64_t{16} << 20) / plan.dim);  // rows of 64 MB
    runOverImages(
        images, model, options, rowsOf,
        [&](ImageBlock&& block) {
          for (int64_t row = 0; row < block.rows.rows(); row += piece)
            output.append(block.rows.read(row, std::min(piece, block.rows.rows() - row), plan.dim));
          output.commit(block.failed);
        },
        meter, stop);
    meter.finish();
  }
  result.failed = output.failed();
  result.files = output.files();
  return result;
}

}  // namespace sememe
