// Images → embeddings of an encoder.
#include "core/pipeline/embed.h"

#include <torch/torch.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/image_run.h"
#include "core/pipeline/row_output.h"
#include "core/pipeline/workspace_output.h"

namespace sememe {

EmbedResult embed(const EmbedParams& params, std::stop_token stop, const ProgressFn& progress) {
  if (params.workspace.empty() == params.out.empty())
    throw Error(ErrorCode::Invalid, "either a workspace or a file has to be given for the embeddings");
  if (params.batch < 1) throw Error(ErrorCode::Invalid, "a batch has at least one image");
  const ImageFolder images = listImageFolder(params.images, params.split);
  throwIfStopped(stop);
  const OpenModel model = openModel(params.model, params.device, params.precision, stop);
  const int64_t total = int64_t(images.images.size());

  EmbedResult result;
  result.images = total;
  result.dim = model.model->info().embeddingDim;
  if (result.dim == 0)
    throw Error(ErrorCode::Unsupported, "the model has no image embedding (no visual_projection, no head)", params.model.string());
  Fingerprint key;
  key.add("embed 1").add(model.report.fingerprint).add(model.preprocess.fingerprint()).add(images.fingerprint);
  if (params.precision != "f32") key.add(params.precision);  // keys from before there was a choice stay what they were
  result.key = key.hex();

  ImageRunOptions options;
  options.batch = params.batch;
  options.workers = params.workers;
  options.dim = result.dim;
  options.blockImages = blockSize(params.batch, result.dim * int64_t(sizeof(float)));
  const auto rowsOf = [&](const at::Tensor& pixels, std::span<const int64_t>, RowChunk& chunk) {
    chunk.dense = model.model->embed(pixels).to(at::kCPU, at::kFloat).contiguous();
  };
  const char* stage = "Embedding images";

  if (!params.workspace.empty()) {
    RunInfo info;
    info.key = result.key;
    info.kind = RunKind::Embeddings;
    info.name = params.name.empty() ? model.name : params.name;
    info.modelName = model.name;
    info.modelPath = std::filesystem::absolute(params.model).string();
    info.modelFingerprint = model.report.fingerprint;
    info.point = std::string(tapPointName(TapPoint::PostProjection));
    info.rowType = RowType::F32;
    info.dim = result.dim;
    WorkspaceOutput output(params.workspace, images, info);
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

  // A name that ends in .pt is the file's; anything else is a folder, and the file has the paper's name.
  const bool isFile = params.out.extension() == ".pt";
  const std::string prefix = isFile ? params.out.stem().string()
                                    : datasetName(images) + "_embeddings_" + (params.name.empty() ? model.name : params.name);
  const auto folder = isFile ? std::filesystem::absolute(params.out).parent_path() : params.out;
  RowOutput output({folder, prefix, 0, total, result.dim, 1, result.key});
  result.alreadyDone = options.first = output.done();
  if (!output.complete()) {
    ProgressMeter meter(progress, stage, total, options.first);
    runOverImages(
        images, model, options, rowsOf,
        [&](ImageBlock&& block) {
          output.append(block.rows.dense);
          output.commit(block.failed);
        },
        meter, stop);
    meter.finish();
  }
  result.failed = output.failed();
  result.file = output.files().front();
  return result;
}

}  // namespace sememe
