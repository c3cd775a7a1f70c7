// What metrics are compared with: people (benchmark), and names right and wrong (baseline).
#include <array>
#include <memory>

#include "app/headless/command.h"
#include "app/headless/console.h"
#include "app/headless/score_rows.h"
#include "core/pipeline/metric_benchmark.h"
#include "core/pipeline/similarity_baseline.h"

namespace sememe::cli {

namespace {

Json shareJson(const AgreementShare& s) {
  return {{"pairs", s.pairs}, {"agreement", numberOrNull(s.share)}, {"low", numberOrNull(s.low)}, {"high", numberOrNull(s.high)}};
}

std::string shareText(const AgreementShare& s) {
  if (s.pairs == 0) return "no pair";
  return fixed(100 * s.share, 1) + " % (95 % interval " + fixed(100 * s.low, 1) + " to " + fixed(100 * s.high, 1) + ") of " +
         count(s.pairs, "pair", "pairs");
}

Json metricJson(const MetricBenchmarkResult::Metric& m) {
  Json json = shareJson(m.agreement.all), intervals = Json::array();
  json["name"] = m.name;
  json["undecided"] = m.agreement.undecided;
  json["missing"] = m.agreement.missing;
  for (const AgreementInterval& interval : m.agreement.intervals) {
    Json part = shareJson(interval.agreement);
    part["from"] = interval.from;
    part["to"] = interval.to;
    intervals.push_back(std::move(part));
  }
  json["intervals"] = std::move(intervals);
  return json;
}

std::string metricText(const MetricBenchmarkResult::Metric& m) {
  std::string text = m.name + ": agrees with people on " + shareText(m.agreement.all);
  if (m.agreement.undecided > 0) text += ", " + grouped(m.agreement.undecided) + " left out where people were undecided";
  if (m.agreement.missing > 0) text += ", " + grouped(m.agreement.missing) + " where it has no value";
  text += "\n";
  for (const AgreementInterval& interval : m.agreement.intervals)
    text += "  difference " + fixed(interval.from, 2) + " to " + fixed(interval.to, 2) + ": " + shareText(interval.agreement) + "\n";
  return text;
}

}  // namespace

void addBenchmark(CommandLine& line) {
  CLI::App& app = line.add("benchmark", "How well metrics of neurons agree with the people of the paper's released benchmark",
                           "sememe-cli benchmark --data metric_benchmark.tar.gz --embeddings imagenet_val_embeddings_dinov2.pt --metric mine.csv");
  struct Arguments {
    std::string data;
    std::vector<std::string> embeddings, metrics;
  };
  const auto a = std::make_shared<Arguments>();
  app.add_option("--data", a->data, "metric_benchmark.tar.gz, or a folder with pairs.csv, top16_images.csv and activations.csv")->required()->type_name("PATH");
  app.add_option("--embeddings", a->embeddings, "Embeddings of its images: MS is computed anew from activations.csv and compared. Repeatable")
      ->take_all()
      ->expected(1)
      ->type_name("E");
  app.add_option("--metric", a->metrics, "Any metric as a CSV of neuron and value. Repeatable")->take_all()->expected(1)->type_name("CSV");

  line.onRun([a](const Session& session) {
    MetricBenchmarkParams params;
    params.data = a->data;
    params.embeddings = a->embeddings;
    for (const std::string& metric : a->metrics) params.metrics.emplace_back(metric);
    params.seed = session.common.seed;
    const MetricBenchmarkResult r = benchmarkMetrics(params, session.stop, session.progress);
    Json metrics = Json::array(), comparisons = Json::array();
    Outcome outcome;
    outcome.text = count(r.pairs, "pair", "pairs") + " of " + count(r.neurons, "neuron", "neurons") + ", answers written as " +
                   answerCodingName(r.coding) + "\n";
    for (const MetricBenchmarkResult::Metric& m : r.metrics) {
      metrics.push_back(metricJson(m));
      outcome.text += metricText(m);
    }
    for (const MetricBenchmarkResult::Comparison& c : r.comparisons) {
      comparisons.push_back({{"embeddings", c.embeddings},
                             {"encoder", c.encoder},
                             {"neurons", c.neurons},
                             {"mean_difference", numberOrNull(c.meanDifference)},
                             {"largest_difference", numberOrNull(c.largestDifference)},
                             {"correlation", numberOrNull(c.correlation)}});
      outcome.text += "MS by " + c.embeddings + " beside the released MS " + c.encoder + ": " + count(c.neurons, "neuron", "neurons") +
                      ", mean difference " + fixed(c.meanDifference, 5) + ", largest " + fixed(c.largestDifference, 5) + ", correlation " +
                      fixed(c.correlation, 4) + "\n";
    }
    if (r.topChecked > 0)
      outcome.text += "released strongest images agree with the activations for " + grouped(r.topAgree) + " of " +
                      count(r.topChecked, "neuron", "neurons") + "\n";
    outcome.json = {{"pairs", r.pairs},
                    {"neurons", r.neurons},
                    {"answers", answerCodingName(r.coding)},
                    {"metrics", metrics},
                    {"comparisons", comparisons},
                    {"top_checked", r.topChecked},
                    {"top_agree", r.topAgree}};
    return outcome;
  });
}

void addBaseline(CommandLine& line) {
  CLI::App& app = line.add("baseline", "How alike a CLIP finds images and the right names of their classes, and shuffled ones",
                           "sememe-cli baseline --model clip-vit-base-patch32 --images /data/imagenet --split val");
  const auto p = std::make_shared<BaselineParams>();
  const auto paths = std::make_shared<std::array<std::string, 3>>();
  app.add_option("--model", (*paths)[0], "A Hugging Face folder with an image and a text tower")->required()->type_name("DIR");
  app.add_option("--images", (*paths)[1], "An image folder with classes, or of files named CLASS_… (imagenet_subset.py)")->required()->type_name("DIR");
  app.add_option("--split", p->split, "Its sub-folder, such as val")->type_name("S");
  app.add_option("--names", (*paths)[2], "Lines folder,name; without it: what lies beside the images, such as LOC_synset_mapping.txt")->type_name("CSV");
  app.add_option("--batch", p->batch, "Images the model sees at once")->capture_default_str()->check(CLI::PositiveNumber)->type_name("N");

  line.onRun([p, paths](const Session& session) {
    BaselineParams params = *p;
    params.model = (*paths)[0];
    params.images = (*paths)[1];
    params.names = (*paths)[2];
    params.seed = session.common.seed;
    params.device = session.common.device;
    const BaselineResult r = similarityBaseline(params, session.stop, session.progress);
    Outcome outcome;
    outcome.json = {{"images", r.images},
                    {"failed", r.failed},
                    {"classes", r.classes},
                    {"mean", numberOrNull(r.mean)},
                    {"std", numberOrNull(r.deviation)},
                    {"shuffled_mean", numberOrNull(r.shuffledMean)},
                    {"shuffled_std", numberOrNull(r.shuffledDeviation)}};
    outcome.text = count(r.images, "image", "images") + ", " + count(r.classes, "name", "names") + "\nright names:    " + fixed(r.mean, 4) + " ± " +
                   fixed(r.deviation, 4) + "\nshuffled names: " + fixed(r.shuffledMean, 4) + " ± " + fixed(r.shuffledDeviation, 4) + "\n";
    if (r.failed > 0) outcome.text += count(r.failed, "image", "images") + " could not be read and were left out\n";
    return outcome;
  });
}

}  // namespace sememe::cli
