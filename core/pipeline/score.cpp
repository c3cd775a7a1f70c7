// Activations + embeddings → the monosemanticity score of every neuron.
#include "core/pipeline/score.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/analysis/code_scores.h"
#include "core/analysis/monosemanticity.h"
#include "core/analysis/score_summary.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/pipeline/index.h"
#include "core/pipeline/receipt.h"
#include "core/pipeline/row_input.h"
#include "core/weights/torch_file.h"

namespace sememe {

namespace {

// The images that both have rows of, as runs of consecutive numbers.
std::vector<RowInput::Range> commonImages(const RowInput& activations, const RowInput& embeddings) {
  std::vector<RowInput::Range> common;
  const auto other = embeddings.goodRanges(0, embeddings.rows());
  size_t at = 0;
  for (const RowInput::Range& a : activations.goodRanges(0, activations.rows())) {
    while (at < other.size() && other[at].begin + other[at].count <= a.begin) ++at;
    for (size_t i = at; i < other.size() && other[i].begin < a.begin + a.count; ++i) {
      const int64_t begin = std::max(a.begin, other[i].begin);
      const int64_t end = std::min(a.begin + a.count, other[i].begin + other[i].count);
      common.push_back({begin, end - begin});
    }
  }
  return common;
}

// Reads rows by their place among the common images.
at::Tensor readCommon(RowInput& input, const std::vector<RowInput::Range>& common, int64_t begin, int64_t count) {
  std::vector<at::Tensor> pieces;
  for (const RowInput::Range& range : common) {
    if (count == 0) break;
    if (begin >= range.count) {
      begin -= range.count;
      continue;
    }
    const int64_t n = std::min(count, range.count - begin);
    pieces.push_back(input.read(range.begin + begin, n));
    begin = 0;
    count -= n;
  }
  return pieces.size() == 1 ? pieces.front() : at::cat(pieces);
}

// Each image's place among the common ones; -1 for the others.
std::vector<int64_t> places(const std::vector<RowInput::Range>& common, int64_t images) {
  std::vector<int64_t> places(size_t(images), -1);
  int64_t next = 0;
  for (const RowInput::Range& range : common)
    for (int64_t i = 0; i < range.count; ++i) places[size_t(range.begin + i)] = next++;
  return places;
}

std::vector<double> scoreColumns(RowInput& input, const std::vector<RowInput::Range>& common, const MsEmbeddings& embeddings,
                                 const std::stop_token& stop, const ProgressFn& progress) {
  constexpr int64_t kNeuronsAtOnce = 1024;  // read by this thread, scored by all
  const std::vector<int64_t> place = places(common, input.rows());
  std::vector<double> ms(size_t(input.dim()));
  std::vector<SparseColumn> columns;
  ProgressMeter meter(progress, "Scoring neurons", input.dim());
  for (int64_t first = 0; first < input.dim(); first += kNeuronsAtOnce) {
    throwIfStopped(stop);
    const int64_t count = std::min(kNeuronsAtOnce, input.dim() - first);
    columns.clear();
    for (int64_t i = 0; i < count; ++i) columns.push_back(input.workspace()->activations().readColumn(input.run().id, first + i));
    at::parallel_for(0, count, 16, [&](int64_t begin, int64_t end) {
      std::vector<uint32_t> images;
      std::vector<float> values;
      for (int64_t i = begin; i < end; ++i) {
        const SparseColumn& column = columns[size_t(i)];
        images.clear();
        values.clear();
        for (size_t row = 0; row < column.rows.size(); ++row) {
          if (place[column.rows[row]] < 0) continue;
          images.push_back(uint32_t(place[column.rows[row]]));
          values.push_back(column.values[row]);
        }
        ms[size_t(first + i)] = msOfNeuron(images, values, embeddings);
      }
    });
    meter.advance(count);
  }
  meter.finish();
  return ms;
}

// Latents that were not indexed: their codes are few enough to be held at once.
std::vector<double> scoreCodes(RowInput& input, const std::vector<RowInput::Range>& common, const MsEmbeddings& embeddings,
                               const std::stop_token& stop, const ProgressFn& progress) {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  ProgressMeter meter(progress, "Reading latents", input.rows());
  for (const RowInput::Range& range : common) {
    for (int64_t row = range.begin; row < range.begin + range.count; row += 4096) {
      throwIfStopped(stop);
      const SparseRows rows = input.readSparse(row, std::min<int64_t>(4096, range.begin + range.count - row));
      const int64_t before = offsets.back();
      for (size_t i = 1; i < rows.offsets.size(); ++i) offsets.push_back(before + int64_t(rows.offsets[i]));
      columns.insert(columns.end(), rows.neurons.begin(), rows.neurons.end());
      values.insert(values.end(), rows.values.begin(), rows.values.end());
      meter.advance(rows.rows());
    }
  }
  meter.finish();
  return monosemanticityOfCodes({at::tensor(offsets, at::kLong), at::tensor(columns, at::kInt), at::tensor(values, at::kFloat)},
                                input.dim(), embeddings);
}

void summarize(const std::vector<double>& ms, int best, ScoreResult& result) {
  const ScoreSummary summary = summarizeScores(ms, best);
  result.neurons = summary.neurons;
  result.dead = summary.dead;
  result.mean = summary.mean;
  result.deviation = summary.deviation;
  for (const RankedNeuron& n : summary.best) result.best.push_back({n.neuron, n.score});
  for (const RankedNeuron& n : summary.worst) result.worst.push_back({n.neuron, n.score});
}

std::vector<double> scoreRows(RowInput& activations, RowInput& embeddings, const std::stop_token& stop, const ProgressFn& progress) {
  const auto common = commonImages(activations, embeddings);
  int64_t images = 0;
  for (const RowInput::Range& range : common) images += range.count;
  if (images == 0) throw Error(ErrorCode::Invalid, "no image has both activations and an embedding", activations.spec());
  const MsEmbeddings ready(readCommon(embeddings, common, 0, images));
  if (activations.sparse()) {
    return activations.run().indexed ? scoreColumns(activations, common, ready, stop, progress) : scoreCodes(activations, common, ready, stop, progress);
  }
  return monosemanticity([&](int64_t begin, int64_t count) { return readCommon(activations, common, begin, count); },
                         activations.dim(), ready, stop, progress);
}

void requireSameImages(const RowInput& activations, const RowInput& embeddings) {
  activations.requireRowPerImage();
  embeddings.requireRowPerImage();
  if (activations.rows() != embeddings.rows())
    throw Error(ErrorCode::Mismatch,
                "there are " + std::to_string(activations.rows()) + " rows of activations and " +
                    std::to_string(embeddings.rows()) + " embeddings; one of each for every image was expected",
                activations.spec() + ", " + embeddings.spec());
}

ScoreResult scoreIntoWorkspace(const ScoreParams& params, const std::stop_token& stop, const ProgressFn& progress) {
  const auto embeddings = RowInput::open(params.embeddings);
  {
    const auto named = RowInput::open(params.activations);
    if (!named->workspace() || !embeddings->workspace())
      throw Error(ErrorCode::Invalid, "rows from files need a folder for their scores", params.activations + ", " + params.embeddings);
    std::error_code ignored;
    if (!std::filesystem::equivalent(named->workspace()->path(), embeddings->workspace()->path(), ignored))
      throw Error(ErrorCode::Invalid, "activations and embeddings lie in two workspaces; a folder for the scores was expected",
                  params.activations + ", " + params.embeddings);
    if (named->run().kind == RunKind::Embeddings)
      throw Error(ErrorCode::Invalid, "embeddings have no neurons to score", params.activations);
    if (embeddings->run().kind != RunKind::Embeddings)
      throw Error(ErrorCode::Invalid, "the second run is one of " + std::string(runKindName(embeddings->run().kind)) +
                                          ", and one of embeddings was expected", params.embeddings);
    requireSameImages(*named, *embeddings);
    if (named->run().dataset != embeddings->run().dataset)
      throw Error(ErrorCode::Mismatch, "the two runs are over different images", params.activations + ", " + params.embeddings);
    // Columns by neuron are what makes scoring latents quick.
    if (named->sparse() && !named->run().indexed) index({params.activations}, stop, progress);
  }
  const auto activations = RowInput::open(params.activations, OpenMode::ReadWrite);
  Neurons& neurons = activations->workspace()->neurons();
  ScoreResult result;
  result.run = activations->run().id;
  result.embeddings = embeddings->run().id;
  for (const ScoreSet& set : neurons.scoreSets(result.run)) result.alreadyDone |= set.embeddings == result.embeddings;
  const std::vector<double> ms = result.alreadyDone ? neurons.scores(result.run, result.embeddings)
                                                    : scoreRows(*activations, *embeddings, stop, progress);
  if (!result.alreadyDone) neurons.setScores(result.run, result.embeddings, ms);
  summarize(ms, params.best, result);
  return result;
}

}  // namespace

ScoreResult score(const ScoreParams& params, std::stop_token stop, const ProgressFn& progress) {
  if (params.out.empty()) return scoreIntoWorkspace(params, stop, progress);
  const auto activations = RowInput::open(params.activations);
  const auto embeddings = RowInput::open(params.embeddings);
  requireSameImages(*activations, *embeddings);

  ScoreResult result;
  result.files = {(params.out / "all_neurons_scores.pth").string(), (params.out / "metric_stats_new.txt").string()};
  const std::string key = Fingerprint()
                              .add("score 1")
                              .add(activations->fingerprint())
                              .add(activations->goodRowCount())
                              .add(embeddings->fingerprint())
                              .add(embeddings->goodRowCount())
                              .hex();
  const auto receipt = params.out / "scores.json";
  std::vector<double> ms;
  if (readReceipt(receipt, key, result.files)) {
    const at::Tensor stored = readTorchTensor(result.files[0]).to(at::kDouble).contiguous();
    ms.assign(stored.const_data_ptr<double>(), stored.const_data_ptr<double>() + stored.numel());
    result.alreadyDone = true;
  } else {
    ms = scoreRows(*activations, *embeddings, stop, progress);
    writeTorchTensor(result.files[0], at::tensor(ms, at::kDouble).to(at::kFloat));
    writeMetricStats(result.files[1], ms);
    writeReceipt(receipt, key, {{"neurons", ms.size()}});
  }
  summarize(ms, params.best, result);
  return result;
}

}  // namespace sememe
