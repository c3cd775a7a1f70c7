// Encode, index and score in one go.
#include "core/pipeline/explore_sae.h"

#include "core/base/error.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/index.h"
#include "core/pipeline/row_input.h"
#include "core/pipeline/score.h"

namespace sememe {
namespace {

int64_t latents(const ExploreSaeParams& params, const RunInfo& run, const DatasetInfo& dataset, const std::filesystem::path& workspace,
                const std::stop_token& stop, const ProgressFn& progress) {
  if (run.rowsPerImage == 1) {
    EncodeParams p;
    p.activations = params.activations;
    p.sae = params.sae;
    p.device = params.device;
    p.name = params.name;
    return encode(p, stop, progress).run;
  }
  ExtractParams p;
  p.model = run.modelPath;
  p.images = dataset.root;
  p.split = dataset.split;
  p.point = run.point;
  p.layer = run.layer;
  p.tokens = TokenSelection::parse("mean");
  p.sae = params.sae;
  p.device = params.device;
  p.name = params.name;
  p.workspace = workspace;
  return extract(p, stop, progress).run;
}

}  // namespace

ExploreSaeResult exploreSae(const ExploreSaeParams& params, std::stop_token stop, const ProgressFn& progress) {
  RunInfo run;
  DatasetInfo dataset;
  std::filesystem::path workspace;
  std::vector<int64_t> encoders;
  {
    const auto input = RowInput::open(params.activations);
    if (!input->workspace()) throw Error(ErrorCode::Invalid, "only a run of a workspace can be explored", params.activations);
    if (input->sparse()) throw Error(ErrorCode::Invalid, "these rows are latents already", params.activations);
    run = input->run();
    if (run.dataset == 0) throw Error(ErrorCode::Invalid, "the run has no images to show", params.activations);
    dataset = input->workspace()->datasets().get(run.dataset);
    workspace = input->workspace()->path();
    for (const RunInfo& other : input->workspace()->runs().list(RunKind::Embeddings)) {
      if (other.dataset == run.dataset && other.state == RunState::Complete) encoders.push_back(other.id);
    }
  }
  ExploreSaeResult result;
  result.run = latents(params, run, dataset, workspace, stop, progress);
  const auto spec = [&](int64_t id) { return workspace.string() + "#" + std::to_string(id); };
  IndexParams i;
  i.activations = spec(result.run);
  result.neurons = index(i, stop, progress).neurons;
  for (const int64_t encoder : encoders) {
    ScoreParams s;
    s.activations = spec(result.run);
    s.embeddings = spec(encoder);
    score(s, stop, progress);
    ++result.scoreSets;
  }
  return result;
}

}  // namespace sememe
