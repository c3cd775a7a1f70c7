// Scores over part of the images.
#include "core/pipeline/subset_scores.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/analysis/code_scores.h"
#include "core/analysis/monosemanticity.h"
#include "core/base/error.h"
#include "core/pipeline/row_input.h"

namespace sememe {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

// Those of `images` whose row is good, as runs of consecutive numbers.
std::vector<RowInput::Range> goodRuns(const RowInput& input, const std::vector<int64_t>& images) {
  std::vector<RowInput::Range> runs;
  for (size_t i = 0; i < images.size();) {
    size_t end = i + 1;
    while (end < images.size() && images[end] == images[end - 1] + 1) ++end;
    for (const RowInput::Range& range : input.goodRanges(images[i], int64_t(end - i))) runs.push_back(range);
    i = end;
  }
  return runs;
}

std::vector<int64_t> numbers(const std::vector<RowInput::Range>& runs) {
  std::vector<int64_t> images;
  for (const RowInput::Range& run : runs)
    for (int64_t i = 0; i < run.count; ++i) images.push_back(run.begin + i);
  return images;
}

at::Tensor readRows(RowInput& input, const std::vector<RowInput::Range>& runs) {
  std::vector<at::Tensor> pieces;
  for (const RowInput::Range& run : runs) pieces.push_back(input.read(run.begin, run.count));
  return at::cat(pieces);
}

std::vector<double> scoreRuns(RowInput& rows, RowInput& embeddings, const std::vector<RowInput::Range>& runs, const std::stop_token& stop) {
  const MsEmbeddings ready(readRows(embeddings, runs));
  if (!rows.sparse()) {
    const at::Tensor all = readRows(rows, runs);
    return monosemanticity([&](int64_t begin, int64_t count) { return all.narrow(0, begin, count); }, rows.dim(), ready, stop);
  }
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (const RowInput::Range& run : runs) {
    throwIfStopped(stop);
    const SparseRows sparse = rows.readSparse(run.begin, run.count);
    const int64_t before = offsets.back();
    for (size_t i = 1; i < sparse.offsets.size(); ++i) offsets.push_back(before + int64_t(sparse.offsets[i]));
    columns.insert(columns.end(), sparse.neurons.begin(), sparse.neurons.end());
    values.insert(values.end(), sparse.values.begin(), sparse.values.end());
  }
  return monosemanticityOfCodes({at::tensor(offsets, at::kLong), at::tensor(columns, at::kInt), at::tensor(values, at::kFloat)}, rows.dim(), ready);
}

}  // namespace

std::vector<int64_t> findImages(const Datasets& datasets, int64_t dataset, const std::string& text) {
  const std::string wanted = lower(text);
  const std::vector<ClassInfo> classes = datasets.classes(dataset);
  std::vector<bool> called, containing;
  for (const ClassInfo& info : classes) {
    called.push_back(lower(info.label) == wanted || lower(info.name) == wanted);
    containing.push_back(lower(info.label).find(wanted) != std::string::npos);
  }
  const bool one = std::find(called.begin(), called.end(), true) != called.end();
  std::vector<int64_t> found;
  constexpr int64_t kAtOnce = 20'000;
  for (int64_t first = 0;; first += kAtOnce) {
    const std::vector<ImageRecord> records = datasets.images(dataset, first, kAtOnce);
    for (const ImageRecord& record : records) {
      const bool classed = record.classIndex >= 0 && size_t(record.classIndex) < classes.size();
      const bool fits = one ? classed && called[size_t(record.classIndex)]
                            : (classed && containing[size_t(record.classIndex)]) || lower(record.path).find(wanted) != std::string::npos;
      if (fits) found.push_back(record.image);
    }
    if (int64_t(records.size()) < kAtOnce) return found;
  }
}

SubsetScores scoreSubset(const std::filesystem::path& workspace, int64_t run, std::span<const int64_t> images, std::stop_token stop,
                         const ProgressFn& progress) {
  const auto spec = [&](int64_t id) { return workspace.string() + "#" + std::to_string(id); };
  const auto rows = RowInput::open(spec(run));
  rows->requireRowPerImage();
  for (size_t i = 0; i < images.size(); ++i) {
    if (images[i] < 0 || images[i] >= rows->rows() || (i > 0 && images[i] <= images[i - 1]))
      throw Error(ErrorCode::Invalid, "expected ascending image numbers below " + std::to_string(rows->rows()), "image " + std::to_string(images[i]));
  }
  const std::vector<int64_t> own = numbers(goodRuns(*rows, {images.begin(), images.end()}));
  std::vector<int64_t> encoders;
  for (const RunInfo& other : rows->workspace()->runs().list(RunKind::Embeddings))
    if (other.dataset == rows->run().dataset && other.state == RunState::Complete) encoders.push_back(other.id);
  SubsetScores result;
  result.images = int64_t(own.size());
  ProgressMeter meter(progress, "Scoring neurons", int64_t(encoders.size()));
  for (const int64_t encoder : encoders) {
    throwIfStopped(stop);
    const auto embeddings = RowInput::open(spec(encoder));
    const std::vector<RowInput::Range> runs = goodRuns(*embeddings, own);
    SubsetScores::Set set{encoder, std::vector<double>(size_t(rows->dim()), std::numeric_limits<double>::quiet_NaN())};
    if (!runs.empty()) set.ms = scoreRuns(*rows, *embeddings, runs, stop);
    result.sets.push_back(std::move(set));
    meter.advance();
  }
  meter.finish();
  return result;
}

}  // namespace sememe
