// Activations + embeddings → the monosemanticity score of every neuron.
#include "core/pipeline/score.h"

#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/analysis/monosemanticity.h"
#include "core/analysis/score_summary.h"
#include "core/analysis/streamed_scores.h"
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

// fn(begin, count) for those of the images at places begin … begin + count − 1 that lie behind one another.
template <class Fn>
void eachRange(const std::vector<RowInput::Range>& common, int64_t begin, int64_t count, const Fn& fn) {
  for (const RowInput::Range& range : common) {
    if (count == 0) break;
    if (begin >= range.count) {
      begin -= range.count;
      continue;
    }
    const int64_t n = std::min(count, range.count - begin);
    fn(range.begin + begin, n);
    begin = 0;
    count -= n;
  }
}

// Rows by their place among the common images.
at::Tensor readCommon(RowInput& input, const std::vector<RowInput::Range>& common, int64_t begin, int64_t count) {
  at::Tensor rows;
  int64_t done = 0;
  eachRange(common, begin, count, [&](int64_t row, int64_t n) {
    if (n == count) {
      rows = input.read(row, n);
      return;
    }
    if (!rows.defined()) rows = at::empty({count, input.dim()});
    for (const int64_t end = row + n; row < end;) {
      const int64_t some = std::min(input.pieceRows(), end - row);
      rows.narrow(0, done, some).copy_(input.read(row, some));
      row += some;
      done += some;
    }
  });
  return rows;
}

SparseRows readCommonSparse(RowInput& input, const std::vector<RowInput::Range>& common, int64_t begin, int64_t count) {
  SparseRows all;
  eachRange(common, begin, count, [&](int64_t row, int64_t n) {
    const SparseRows rows = input.readSparse(row, n);
    const uint32_t before = all.offsets.back();
    for (size_t i = 1; i < rows.offsets.size(); ++i) all.offsets.push_back(before + rows.offsets[i]);
    all.neurons.insert(all.neurons.end(), rows.neurons.begin(), rows.neurons.end());
    all.values.insert(all.values.end(), rows.values.begin(), rows.values.end());
  });
  return all;
}

CodeRows codesOf(const SparseRows& rows) { return {rows.offsets, rows.neurons, rows.values}; }

// Latents: two passes over their codes, the second with the embeddings, of which one block at a time is in memory.
std::vector<double> scoreLatents(RowInput& latents, RowInput& embeddings, const std::vector<RowInput::Range>& common, int64_t images,
                                 const std::stop_token& stop, const ProgressFn& progress) {
  constexpr int64_t kMemory = int64_t{1} << 30;  // of the sums
  const int64_t block = std::clamp<int64_t>((int64_t{32} << 20) / embeddings.dim(), 1, 65'536);  // 128 MB of embeddings
  const int64_t group = std::clamp<int64_t>(kMemory / (embeddings.dim() * int64_t{sizeof(double)}), 1, latents.dim());
  const int64_t groups = (latents.dim() + group - 1) / group;
  const auto eachBlock = [&](ProgressMeter& meter, const auto& fn) {
    for (int64_t begin = 0; begin < images; begin += block) {
      throwIfStopped(stop);
      const int64_t count = std::min(block, images - begin);
      fn(begin, count, readCommonSparse(latents, common, begin, count));
      meter.advance(count);
    }
  };

  LatentRanges ranges(latents.dim());
  ProgressMeter reading(progress, "Reading latents", images);
  eachBlock(reading, [&](int64_t, int64_t, const SparseRows& rows) { ranges.add(codesOf(rows)); });
  reading.finish();

  std::vector<double> ms;
  ProgressMeter scoring(progress, "Scoring neurons", images * groups);
  for (int64_t first = 0; first < latents.dim(); first += group) {
    StreamedScores scores(ranges, first, std::min(group, latents.dim() - first), embeddings.dim());
    eachBlock(scoring, [&](int64_t begin, int64_t count, const SparseRows& rows) {
      scores.add(codesOf(rows), MsEmbeddings(readCommon(embeddings, common, begin, count)));
    });
    const std::vector<double> some = scores.scores();
    ms.insert(ms.end(), some.begin(), some.end());
  }
  scoring.finish();
  return ms;
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
  if (activations.sparse()) return scoreLatents(activations, embeddings, common, images, stop, progress);
  const MsEmbeddings ready(readCommon(embeddings, common, 0, images));
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
    // Whoever scores latents wants to see them.
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
