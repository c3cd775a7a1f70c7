// What the metric benchmark found, as CSV. Free of LibTorch.
#pragma once

#include <string>

#include "core/pipeline/metric_benchmark.h"

namespace sememe {

// metric, agreement, low, high, pairs, undecided, missing: a line for each metric; shares are 0 … 1, empty without a pair.
std::string benchmarkCsv(const MetricBenchmarkResult& result);
// metric, from, to, agreement, low, high, pairs: a line for each metric and interval of its difference.
std::string benchmarkIntervalsCsv(const MetricBenchmarkResult& result);

}  // namespace sememe
