// Stored activations + SAE → latents.
#include "core/pipeline/encode.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/attached_sae.h"
#include "core/pipeline/device.h"
#include "core/pipeline/image_run.h"
#include "core/pipeline/row_input.h"
#include "core/pipeline/row_output.h"
#include "core/pipeline/workspace_output.h"

namespace sememe {

namespace {

// What the input's part files are called, without "_part{N}.pt".
std::string filePrefix(RowInput& input) {
  if (Workspace* workspace = input.workspace()) {
    const RunInfo& run = input.run();
    const std::string data = run.dataset ? workspace->datasets().get(run.dataset).name + "_" : "";
    return data + "activations_" + run.modelName + "_" + std::to_string(run.layer) + "_" + run.point;
  }
  const std::filesystem::path path = input.spec();
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
      const std::string name = entry.path().filename().string();
      if (const size_t end = name.rfind("_part"); end != std::string::npos && end > 0 && name.ends_with(".pt"))
        return name.substr(0, end);
    }
  return path.stem().string();
}

// Latents of rows begin … begin + count - 1; rows of failed images stay empty.
SparseRows encodeRows(RowInput& input, const AttachedSae& sae, at::Device device, int64_t begin, int64_t count) {
  const at::Tensor rows = input.read(begin, count);
  if (begin == 0) {
    std::vector<at::Tensor> good;
    for (const RowInput::Range& range : input.goodRanges(begin, count)) good.push_back(rows.narrow(0, range.begin - begin, range.count));
    if (!good.empty()) warnUnlessItFits(sae, at::cat(good));
  }
  SparseRows sparse;
  const int64_t group = std::max<int64_t>(1, (int64_t{16} << 20) / sae.dictSize);  // latents of 64 MB at once
  for (int64_t first = 0; first < count; first += group) {
    const at::Tensor some = rows.narrow(0, first, std::min(group, count - first));
    at::Tensor latents = sae.encode(some.to(device)).to(at::kCPU, at::kFloat);
    int64_t next = begin + first;
    const int64_t end = next + some.size(0);
    for (const RowInput::Range& good : input.goodRanges(next, some.size(0))) {
      if (good.begin > next) latents.narrow(0, next - begin - first, good.begin - next).zero_();
      next = good.begin + good.count;
    }
    if (next < end) latents.narrow(0, next - begin - first, end - next).zero_();
    appendSparse(sparse, latents);
  }
  const auto bad = std::find_if_not(sparse.values.begin(), sparse.values.end(), [](float v) { return std::isfinite(v); });
  if (bad != sparse.values.end()) {
    const auto next = std::upper_bound(sparse.offsets.begin(), sparse.offsets.end(), bad - sparse.values.begin());
    throw Error(ErrorCode::Diverged, "the SAE gives NaN or infinity; its weights may be broken",
                input.where(begin + (next - sparse.offsets.begin()) - 1));
  }
  return sparse;
}

RunInfo latentsRun(const EncodeParams& params, RowInput& input, const AttachedSae& sae, const std::string& key) {
  RunInfo info = input.run();
  info.id = 0;
  info.key = key;
  info.kind = RunKind::Latents;
  info.rowType = RowType::F32;
  info.dim = sae.dictSize;
  info.saePath = std::filesystem::absolute(params.sae).string();
  info.saeType = sae.type;
  info.saeFingerprint = sae.fingerprint;
  info.saeDim = sae.activationDim;
  info.saeSize = sae.dictSize;
  info.saeK = sae.k;
  info.name = params.name.empty() ? info.name + ", " + info.saeType + " " + std::to_string(info.saeSize) : params.name;
  info.params = nlohmann::ordered_json({{"encoded_from", input.run().key}}).dump();
  return info;
}

}  // namespace

EncodeResult encode(const EncodeParams& params, std::stop_token stop, const ProgressFn& progress) {
  const torch::InferenceMode noAutograd;
  const bool intoFiles = !params.out.empty();
  const auto input = RowInput::open(params.activations, intoFiles ? OpenMode::ReadOnly : OpenMode::ReadWrite);
  if (!intoFiles && !input->workspace())
    throw Error(ErrorCode::Invalid, "activations from files need a folder for the latents", params.activations);
  if (input->sparse()) throw Error(ErrorCode::Invalid, "these rows are latents already", params.activations);
  const at::Device device = resolveDevice(params.device);
  const AttachedSae sae = attachSae(params.sae, device);
  if (sae.activationDim != input->dim())
    throw Error(ErrorCode::Mismatch,
                "the SAE reads activations of width " + std::to_string(sae.activationDim) + ", but these have " +
                    std::to_string(input->dim()),
                params.activations + ", " + params.sae.string());

  EncodeResult result;
  result.key = Fingerprint().add("encode 1").add(input->fingerprint()).add(sae.fingerprint).hex();
  result.rows = input->rows();
  result.dim = sae.dictSize;
  const int64_t block = std::clamp<int64_t>((int64_t{2} << 20) / input->dim(), 1, 4096);

  if (!intoFiles) {
    Workspace& workspace = *input->workspace();
    const RunInfo run = workspace.runs().ensure(latentsRun(params, *input, sae, result.key));
    result.run = run.id;
    result.alreadyDone = run.rowsDone;
    ProgressMeter meter(progress, "Encoding activations", result.rows, run.rowsDone);
    for (int64_t row = run.rowsDone; row < result.rows; row += block) {
      throwIfStopped(stop);
      const int64_t count = std::min(block, result.rows - row);
      const SparseRows latents = encodeRows(*input, sae, device, row, count);
      Transaction transaction(workspace.database());
      workspace.activations().appendSparse(run.id, row, latents);
      if (row == 0)
        for (const RunFailure& f : workspace.runs().failures(input->run().id))
          workspace.runs().addFailure(run.id, f.image, f.reason);
      if (row + count == result.rows) workspace.runs().setComplete(run.id);
      transaction.commit();
      meter.advance(count);
    }
    meter.finish();
    return result;
  }

  RowOutput output({params.out, filePrefix(*input), std::max<int64_t>(1, params.partRows / block) * block, result.rows,
                    result.dim, input->rowsPerImage(), result.key});
  result.alreadyDone = output.done();
  ProgressMeter meter(progress, "Encoding activations", result.rows, output.done());
  const int64_t piece = std::max<int64_t>(1, (int64_t{16} << 20) / result.dim);
  while (!output.complete()) {
    throwIfStopped(stop);
    const int64_t row = output.done(), count = std::min(block, result.rows - row);
    RowChunk chunk;
    chunk.sparse = encodeRows(*input, sae, device, row, count);
    for (int64_t first = 0; first < count; first += piece)
      output.append(chunk.read(first, std::min(piece, count - first), result.dim));
    std::vector<FailedImage> failed;
    for (const FailedImage& f : input->failures())
      if (f.index * input->rowsPerImage() >= row && f.index * input->rowsPerImage() < row + count) failed.push_back(f);
    output.commit(failed);
    meter.advance(count);
  }
  meter.finish();
  result.files = output.files();
  return result;
}

}  // namespace sememe
