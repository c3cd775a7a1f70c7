// Codes and decoder of a run to its hierarchy.
#include "core/pipeline/refinements.h"

#include <torch/torch.h>

#include <algorithm>

#include "core/analysis/refinement.h"
#include "core/base/csv.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/row_input.h"
#include "core/sae/dictionary.h"

namespace sememe {

Refinements refinements(const std::string& spec, std::stop_token stop, const ProgressFn& progress) {
  const auto input = RowInput::open(spec);
  if (!input->sparse() || input->run().saePath.empty())
    throw Error(ErrorCode::Invalid, "these are raw neurons; a hierarchy is between the latents of a Matryoshka SAE", spec);
  input->requireRowPerImage();
  const RunInfo& info = input->run();
  std::error_code ignored;
  if (!std::filesystem::exists(info.saePath, ignored))
    throw Error(ErrorCode::NotFound, "the SAE that made these latents is no longer there", info.saePath);
  const auto dictionary = loadDictionary(info.saePath);
  if (dictionary->dictSize() != info.dim)
    throw Error(ErrorCode::Mismatch, "the SAE there has " + std::to_string(dictionary->dictSize()) + " latents, and the run " + std::to_string(info.dim), info.saePath);
  Refinements result;
  result.groupSizes = dictionary->groupSizes();
  if (result.groupSizes.size() < 2)
    throw Error(ErrorCode::Invalid, "this SAE has no nested groups; a Matryoshka SAE has", info.saePath);

  std::vector<int64_t> offsets{0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  ProgressMeter meter(progress, "Reading latents", input->rows());
  constexpr int64_t kAtOnce = 4096;
  for (int64_t row = 0; row < input->rows(); row += kAtOnce) {
    throwIfStopped(stop);
    const int64_t count = std::min(kAtOnce, input->rows() - row);
    for (const RowInput::Range& range : input->goodRanges(row, count)) {
      const SparseRows rows = input->readSparse(range.begin, range.count);
      for (size_t i = 1; i < rows.offsets.size(); ++i) {
        // What fires: of any sign they may be stored.
        for (size_t j = rows.offsets[i - 1]; j < rows.offsets[i]; ++j) {
          if (!(rows.values[j] > 0)) continue;
          columns.push_back(int32_t(rows.neurons[j]));
          values.push_back(rows.values[j]);
        }
        offsets.push_back(int64_t(columns.size()));
      }
    }
    meter.advance(count);
  }
  meter.finish();
  const std::vector<Refinement> found = findRefinements({at::tensor(offsets, at::kLong), at::tensor(columns, at::kInt), at::tensor(values, at::kFloat)},
                                                        dictionary->decoderRows(), result.groupSizes, stop, progress);
  result.children.resize(found.size());
  for (const Refinement& r : found) {
    result.parents.push_back(r.parent);
    result.cosines.push_back(r.cosine);
    result.shares.push_back(r.share);
    if (r.parent >= 0) ++result.children[size_t(r.parent)];
  }
  return result;
}

void writeRefinements(const std::filesystem::path& path, const Refinements& refinements) {
  CsvText csv;
  for (const char* name : {"neuron", "group", "parent", "share", "cosine"}) csv.add(name);
  csv.endRow();
  int64_t neuron = 0;
  for (size_t group = 0; group < refinements.groupSizes.size(); ++group) {
    for (int64_t i = 0; i < refinements.groupSizes[group]; ++i, ++neuron) {
      const auto at = size_t(neuron);
      csv.add(neuron).add(group);
      if (refinements.parents[at] >= 0) {
        csv.add(refinements.parents[at]).add(refinements.shares[at]).add(refinements.cosines[at]);
      } else {
        csv.skip().skip().skip();
      }
      csv.endRow();
    }
  }
  writeTextFile(path, csv.text());
}

}  // namespace sememe
