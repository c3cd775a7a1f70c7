// The paper's metric benchmark: how well metrics of neurons agree with the people of its study. Free of LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/people_agreement.h"
#include "core/base/progress.h"

namespace sememe {

struct MetricBenchmarkParams {
  std::filesystem::path data;            // metric_benchmark.tar.gz, or a folder with what is in it
  std::vector<std::string> embeddings;   // tensor arguments, one row for each activation of a neuron: MS is computed anew with each
  std::vector<std::filesystem::path> metrics;  // CSVs of neuron and value
  uint64_t seed = 0;                     // of the bootstrap
};

struct MetricBenchmarkResult {
  int64_t pairs = 0, neurons = 0;  // neurons that stand in pairs
  AnswerCoding coding = AnswerCoding::Signs;
  struct Metric {
    std::string name;  // "MS dino" as released, "MS by FILE" computed anew, or a metric's file
    Agreement agreement;
  };
  std::vector<Metric> metrics;
  // A score computed anew beside the released one, over the neurons of the pairs.
  struct Comparison {
    std::string embeddings, encoder;
    int64_t neurons = 0;
    double meanDifference = 0, largestDifference = 0;  // absolute
    double correlation = 0;                            // Pearson's; NaN where one of the two does not vary
  };
  std::vector<Comparison> comparisons;
  // Neurons whose released 16 images are the strongest of their activations (equal ones count for each other); checked
  // with embeddings alone, and numbered from whatever fits better, 0 or 1.
  int64_t topChecked = 0, topAgree = 0;
};

// Throws Error (NotFound, Corrupt; Mismatch: embeddings of another number of images, a neuron of the pairs without
// activations or in none of a metric's lines; Invalid: answers of no coding), Cancelled.
MetricBenchmarkResult benchmarkMetrics(const MetricBenchmarkParams& params, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace sememe
