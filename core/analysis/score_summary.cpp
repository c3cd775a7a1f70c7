// Mean, spread and the ends of a set of scores, and the paper's text file of them.
#include "core/analysis/score_summary.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <limits>

#include "core/base/files.h"

namespace sememe {

ScoreSummary summarizeScores(std::span<const double> scores, int count) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  ScoreSummary summary;
  summary.neurons = static_cast<int64_t>(scores.size());
  std::vector<RankedNeuron> ranked;
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) continue;
    ranked.push_back({static_cast<int64_t>(i), scores[i]});
    sum += scores[i];
  }
  const auto n = static_cast<double>(ranked.size());
  summary.dead = summary.neurons - static_cast<int64_t>(ranked.size());
  summary.mean = ranked.empty() ? nan : sum / n;
  double squares = 0;
  for (const RankedNeuron& entry : ranked) squares += (entry.score - summary.mean) * (entry.score - summary.mean);
  summary.deviation = ranked.size() < 2 ? nan : std::sqrt(squares / (n - 1));

  const std::vector<double> sorted = sortedScores(scores);
  for (size_t q = 0; q < kScoreQuantiles.size(); ++q) {
    if (sorted.empty()) {
      summary.quantiles[q] = nan;
      continue;
    }
    const double at = (1 - kScoreQuantiles[q]) * (n - 1);  // from the highest
    const auto before = static_cast<size_t>(at);
    const size_t after = std::min(before + 1, sorted.size() - 1);
    summary.quantiles[q] = sorted[before] + (at - static_cast<double>(before)) * (sorted[after] - sorted[before]);
  }

  const size_t ends = std::min(ranked.size(), static_cast<size_t>(std::max(count, 0)));
  const auto list = [&](bool best) {
    const auto first = ranked.begin(), middle = ranked.begin() + static_cast<std::ptrdiff_t>(ends);
    std::partial_sort(first, middle, ranked.end(), [&](const RankedNeuron& a, const RankedNeuron& b) {
      if (a.score != b.score) return best ? a.score > b.score : a.score < b.score;
      return a.neuron < b.neuron;
    });
    return std::vector<RankedNeuron>(first, middle);
  };
  summary.best = list(true);
  summary.worst = list(false);
  return summary;
}

std::vector<double> sortedScores(std::span<const double> scores) {
  std::vector<double> sorted;
  sorted.reserve(scores.size());
  std::copy_if(scores.begin(), scores.end(), std::back_inserter(sorted), [](double score) { return !std::isnan(score); });
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return sorted;
}

std::string pythonRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string text(buffer, end);  // "-1.2345e-05": the shortest digits
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  const std::string sign = text[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  // Python writes an exponent below 1e-4 and from 1e16 on, with at least two digits.
  if (exponent < -4 || exponent >= 16) {
    const std::string number = std::to_string(std::abs(exponent));
    return sign + digits.substr(0, 1) + (digits.size() > 1 ? "." + digits.substr(1) : "") + "e" +
           (exponent < 0 ? "-" : "+") + (number.size() < 2 ? "0" : "") + number;
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string metricStatsText(std::span<const double> scores) {
  std::vector<double> rounded;
  rounded.reserve(scores.size());
  for (const double score : scores) rounded.push_back(static_cast<float>(score));
  const ScoreSummary summary = summarizeScores(rounded, 10);
  const auto number = [](double value) { return pythonRepr(static_cast<float>(value)); };
  std::string text = "Monosemanticity: " + number(summary.mean) + " +- " + number(summary.deviation) + "\n";
  text += "Dead neurons: " + std::to_string(summary.dead) + "\n";
  text += "Total neurons: " + std::to_string(summary.neurons) + "\n\n";
  const auto list = [&](const char* title, const std::vector<RankedNeuron>& ranked) {
    text += title;
    for (const RankedNeuron& entry : ranked) {
      text += "Neuron " + std::to_string(entry.neuron) + " - " + number(entry.score) + "\n";
    }
  };
  list("Top 10 most monosemantic neurons:\n", summary.best);
  list("\nBottom 10 least monosemantic neurons:\n", summary.worst);
  return text;
}

void writeMetricStats(const std::filesystem::path& path, std::span<const double> scores) {
  writeTextFile(path, metricStatsText(scores));
}

}  // namespace sememe
