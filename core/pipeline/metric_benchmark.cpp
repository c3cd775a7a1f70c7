// Runs the metric benchmark.
#include "core/pipeline/metric_benchmark.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "core/analysis/monosemanticity.h"
#include "core/base/error.h"
#include "core/pipeline/metric_tables.h"
#include "core/pipeline/row_input.h"

namespace sememe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kTop = 16;

using Scores = std::map<int64_t, double>;

MsEmbeddings readEmbeddings(const std::string& spec) {
  const auto input = RowInput::open(spec);
  return MsEmbeddings(input->read(0, input->rows()));
}

double msOfDense(std::span<const float> activations, const MsEmbeddings& embeddings, std::vector<uint32_t>& images, std::vector<float>& values) {
  images.clear();
  values.clear();
  for (size_t i = 0; i < activations.size(); ++i) {
    if (activations[i] == 0) continue;
    images.push_back(uint32_t(i));
    values.push_back(activations[i]);
  }
  return msOfNeuron(images, values, embeddings);
}

// The images that may stand among the strongest: those of at least the 16th activation. Many equal ones say nothing.
std::set<int64_t> strongest(std::span<const float> activations) {
  std::vector<float> sorted(activations.begin(), activations.end());
  const size_t k = std::min(kTop, sorted.size());
  std::nth_element(sorted.begin(), sorted.begin() + std::ptrdiff_t(k - 1), sorted.end(), std::greater<>());
  const float least = sorted[k - 1];
  std::set<int64_t> images;
  if (!(least > 0)) return images;
  for (size_t i = 0; i < activations.size(); ++i)
    if (activations[i] >= least) images.insert(int64_t(i));
  return images;
}

MetricBenchmarkResult::Comparison compare(const std::string& embeddings, const Scores& anew, const std::string& encoder, const Scores& released) {
  MetricBenchmarkResult::Comparison c{embeddings, encoder, 0, 0, 0, kNaN};
  double a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for (const auto& [k, value] : released) {
    const auto found = anew.find(k);
    if (found == anew.end() || !std::isfinite(value) || !std::isfinite(found->second)) continue;
    const double difference = std::abs(value - found->second);
    ++c.neurons;
    c.meanDifference += difference;
    c.largestDifference = std::max(c.largestDifference, difference);
    a += found->second;
    b += value;
  }
  if (c.neurons == 0) {
    c.meanDifference = c.largestDifference = kNaN;
    return c;
  }
  const auto n = double(c.neurons);
  c.meanDifference /= n;
  a /= n;
  b /= n;
  for (const auto& [k, value] : released) {
    const auto found = anew.find(k);
    if (found == anew.end() || !std::isfinite(value) || !std::isfinite(found->second)) continue;
    aa += (found->second - a) * (found->second - a);
    bb += (value - b) * (value - b);
    ab += (found->second - a) * (value - b);
  }
  if (aa > 0 && bb > 0) c.correlation = ab / std::sqrt(aa * bb);
  return c;
}

}  // namespace

MetricBenchmarkResult benchmarkMetrics(const MetricBenchmarkParams& params, std::stop_token stop, const ProgressFn& progress) {
  std::vector<MsEmbeddings> embeddings;
  for (const std::string& spec : params.embeddings) embeddings.push_back(readEmbeddings(spec));
  std::vector<Scores> anew(embeddings.size());
  std::map<int64_t, std::set<int64_t>> tops;
  std::vector<uint32_t> images;
  std::vector<float> values;
  ActivationFn take;
  if (!embeddings.empty()) {
    take = [&](int64_t k, std::span<const float> activations, int64_t line) {
      for (size_t i = 0; i < embeddings.size(); ++i) {
        if (int64_t(activations.size()) != embeddings[i].images())
          throw Error(ErrorCode::Mismatch, "a neuron has " + std::to_string(activations.size()) + " activations, and there are " +
                                               std::to_string(embeddings[i].images()) + " embeddings",
                      params.data.string() + ", activations.csv, line " + std::to_string(line) + "; " + params.embeddings[i]);
        anew[i][k] = msOfDense(activations, embeddings[i], images, values);
      }
      tops[k] = strongest(activations);
    };
  }
  const MetricTables tables = readMetricTables(params.data, take, stop, progress);
  const PairTable& pairs = tables.pairs;

  MetricBenchmarkResult result;
  result.pairs = int64_t(pairs.rows.size());
  std::vector<std::string> answers;
  std::set<int64_t> neurons;
  for (const PairTable::Row& row : pairs.rows) {
    answers.push_back(row.answer);
    neurons.insert(row.x);
    neurons.insert(row.y);
  }
  result.neurons = int64_t(neurons.size());
  DecodedAnswers decoded;
  try {
    decoded = decodeAnswers(answers);
  } catch (const Error& error) {
    throw Error(error.code(), error.message(), params.data.string() + ", pairs.csv, column R_user: " + error.where());
  }
  result.coding = decoded.coding;

  ProgressMeter meter(progress, "Drawing the pairs anew", int64_t(pairs.encoders.size() + anew.size() + params.metrics.size()));
  const auto judge = [&](const std::string& name, const std::function<std::pair<double, double>(const PairTable::Row&)>& scores) {
    std::vector<ComparedPair> compared;
    for (size_t i = 0; i < pairs.rows.size(); ++i) {
      const auto [x, y] = scores(pairs.rows[i]);
      compared.push_back({decoded.preference[i], x, y});
    }
    result.metrics.push_back({name, agreementWithPeople(compared, params.seed, 10'000, stop)});
    meter.advance();
  };
  const auto judgeScores = [&](const std::string& name, const Scores& scores, const std::string& where) {
    for (const int64_t k : neurons) {
      if (!scores.contains(k)) throw Error(ErrorCode::Mismatch, "neuron " + std::to_string(k) + " of the pairs is not there", where);
    }
    judge(name, [&](const PairTable::Row& row) { return std::make_pair(scores.at(row.x), scores.at(row.y)); });
  };
  for (size_t e = 0; e < pairs.encoders.size(); ++e) judge("MS " + pairs.encoders[e], [e](const PairTable::Row& row) { return row.ms[e]; });
  for (size_t i = 0; i < anew.size(); ++i) {
    judgeScores("MS by " + params.embeddings[i], anew[i], params.data.string() + ", activations.csv");
    for (size_t e = 0; e < pairs.encoders.size(); ++e) {
      Scores released;
      for (const PairTable::Row& row : pairs.rows) {
        released[row.x] = row.ms[e].first;
        released[row.y] = row.ms[e].second;
      }
      result.comparisons.push_back(compare(params.embeddings[i], anew[i], pairs.encoders[e], released));
    }
  }
  for (const std::filesystem::path& metric : params.metrics) judgeScores(metric.filename().string(), readMetric(metric), metric.string());
  meter.finish();

  int64_t agree[2] = {};
  for (const auto& [k, listed] : tables.top) {
    const auto found = tops.find(k);
    if (found == tops.end() || found->second.empty()) continue;
    ++result.topChecked;
    for (const int64_t from : {0, 1})
      agree[from] += std::all_of(listed.begin(), listed.end(), [&](int64_t image) { return found->second.contains(image - from); });
  }
  result.topAgree = std::max(agree[0], agree[1]);
  return result;
}

}  // namespace sememe
