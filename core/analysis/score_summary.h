// What a set of scores comes to: mean, spread, the best and the worst neurons; for people and as the paper's text file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace sememe {

struct RankedNeuron {
  int64_t neuron = 0;
  double score = 0;
};

inline constexpr std::array<double, 5> kScoreQuantiles = {0.05, 0.25, 0.5, 0.75, 0.95};

struct ScoreSummary {
  int64_t neurons = 0;
  int64_t dead = 0;      // without a score (NaN)
  double mean = 0;       // over the others; NaN when there are none
  double deviation = 0;  // their sample standard deviation; NaN with fewer than two
  std::array<double, kScoreQuantiles.size()> quantiles{};  // of the others, linear between ranks as numpy's; NaN when there are none
  std::vector<RankedNeuron> best, worst;  // strongest first, weakest first; equal scores by neuron number
};

// `scores` [F], NaN for dead neurons; at most `count` neurons at each end.
ScoreSummary summarizeScores(std::span<const double> scores, int count = 10);

// The scores that are not NaN, highest first: the paper's curve.
std::vector<double> sortedScores(std::span<const double> scores);

// The text of metric_stats_new.txt as metric.py writes it: scores rounded to float32 and printed as Python prints them.
std::string metricStatsText(std::span<const double> scores);
// Writes it; atomic. Throws Error (Io, DiskFull).
void writeMetricStats(const std::filesystem::path& path, std::span<const double> scores);

// Python's repr() of a float: the shortest text that reads back as `value`.
std::string pythonRepr(double value);

}  // namespace sememe
