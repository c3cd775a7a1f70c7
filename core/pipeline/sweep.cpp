// Runs an experiment step by step.
#include "core/pipeline/sweep.h"

#include <algorithm>
#include <initializer_list>
#include <map>

#include "core/base/csv.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/embed.h"
#include "core/pipeline/encode.h"
#include "core/pipeline/extract.h"
#include "core/pipeline/index.h"
#include "core/pipeline/score.h"
#include "core/sae/sae_type.h"
#include "core/store/workspace.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

std::string plainLayer(int layer) { return layer < 0 ? "embedding" : "layer_" + std::to_string(layer); }

class Sweep {
 public:
  Sweep(const SweepParams& params, std::stop_token stop, const ProgressFn& progress)
      : m_params(params), m_e(params.experiment), m_stop(std::move(stop)), m_report(progress) {
    m_result.workspace = params.out / (m_e.name + ".sememe");
    const auto layers = int(m_e.layers.size());
    int saes = 0, passes = 0;
    for (const auto& [batch, jobs] : jobsByBatch({}, "", "", "")) {
      saes += int(jobs.size());
      ++passes;
    }
    const bool ownRows = saes > 0;
    m_steps = int(m_e.encoders.size());
    for (const int layer : m_e.layers) m_steps += (needsRaw(layer) ? 1 : 0) + (m_e.raw ? 1 : 0) + (ownRows && !sameRows(layer) ? 1 : 0);
    m_steps += layers * (passes + 2 * saes) + (measured() ? layers * saes : 0);
  }

  SweepResult run() {
    for (const ExperimentEncoder& encoder : m_e.encoders) embedBy(encoder);
    for (const int layer : m_e.layers) runLayer(layer);
    writeResults();
    return std::move(m_result);
  }

 private:
  bool measured() const { return m_e.uniqueness || m_e.hierarchy || m_e.steering; }
  std::string spec(int64_t run) const { return m_result.workspace.string() + "#" + std::to_string(run); }

  // Whether a row of the evaluated images is what the SAE sees (and not a mean over such rows).
  bool rowWise(int layer) const { return layer < 0 || m_e.evaluate.tokens == "cls"; }
  bool sameRows(int layer) const {
    return m_e.train.images == m_e.evaluate.images && m_e.train.split == m_e.evaluate.split && rowWise(layer) &&
           (layer < 0 || m_e.train.tokens == m_e.evaluate.tokens);
  }
  bool needsRaw(int layer) const { return m_e.raw || rowWise(layer); }

  // The next step begins: its progress says which of how many it is.
  ProgressFn step(const std::string& title) {
    throwIfStopped(m_stop);
    ++m_step;
    const std::string head = "[" + std::to_string(m_step) + "/" + std::to_string(m_steps) + "] " + title + ": ";
    return [this, head](const Progress& p) {
      if (!m_report) return;
      Progress with = p;
      with.stage = head + p.stage;
      m_report(with);
    };
  }

  void embedBy(const ExperimentEncoder& encoder) {
    EmbedParams p;
    p.model = encoder.model;
    p.images = m_e.evaluate.images;
    p.split = m_e.evaluate.split;
    p.batch = m_e.batch;
    p.precision = m_e.precision;
    p.device = m_params.device;
    p.name = encoder.name;
    p.workspace = m_result.workspace;
    const EmbedResult r = embed(p, m_stop, step("embeddings by " + encoder.name));
    m_embeddings.push_back(r.run);
    m_result.failedImages = std::max<int64_t>(m_result.failedImages, int64_t(r.failed.size()));
  }

  ExtractParams extractParams(int layer, const ExperimentImages& images) const {
    ExtractParams p;
    p.model = m_e.model;
    p.images = images.images;
    p.split = images.split;
    p.point = layer < 0 ? "post_projection" : m_e.point;
    p.layer = layer;
    p.tokens = TokenSelection::parse(images.tokens);
    p.batch = m_e.batch;
    p.dtype = "f32";
    p.precision = m_e.precision;
    p.device = m_params.device;
    return p;
  }

  // Index and scores of a run, whose rows of the table are then kept in this order.
  void scoreRun(int64_t run, const std::string& title) {
    const ProgressFn progress = step(title);
    IndexParams i;
    i.activations = spec(run);
    index(i, m_stop, progress);
    for (const int64_t embeddings : m_embeddings) {
      ScoreParams s;
      s.activations = spec(run);
      s.embeddings = spec(embeddings);
      score(s, m_stop, progress);
      m_wanted.push_back({run, embeddings});
    }
  }

  // By batch size: what is trained in one pass.
  std::map<int64_t, std::vector<TrainJobParams>> jobsByBatch(const fs::path& out, const std::string& activations,
                                                             const std::string& validation, const std::string& embeddings) const {
    std::map<int64_t, std::vector<TrainJobParams>> jobs;
    for (const ExperimentSaes& saes : m_e.saes) {
      TrainSweepParams sweep{saes.settings, saes.types, saes.ks, saes.expansions};
      sweep.base.activations = activations;
      sweep.base.device = m_params.device;
      sweep.base.resume = true;
      sweep.base.out = out;
      sweep.base.validation = sweep.base.holdOut > 0 ? "" : validation;
      if (!sweep.base.validation.empty()) sweep.base.embeddings = embeddings;
      for (TrainJobParams& job : sweepJobs(sweep)) jobs[job.batch].push_back(std::move(job));
    }
    return jobs;
  }

  std::vector<SweepSae> trainLayer(int layer, const std::string& activations, const std::string& validation) {
    std::vector<SweepSae> saes;
    const std::string embeddings = validation.empty() ? "" : spec(m_embeddings.front());
    for (const auto& [batch, jobs] : jobsByBatch(m_params.out / "saes" / plainLayer(layer), activations, validation, embeddings)) {
      const std::vector<TrainJobResult> trained = trainTogether(jobs, m_stop, step(layerName(layer) + ", SAEs"));
      for (size_t i = 0; i < jobs.size(); ++i) {
        SweepSae sae{layer, jobs[i].type, saeTypeInfo(parseSaeType(jobs[i].type)).hasK ? jobs[i].k : 0, jobs[i].expansion,
                     trained[i].dictSize, trained[i].dead, trained[i].l0, trained[i].fve, trained[i].validation.has_value(),
                     trained[i].dictionary, 0};
        if (trained[i].validation) {
          sae.l0 = trained[i].validation->inference.l0;
          sae.fve = trained[i].validation->inference.fve;
          sae.dead = trained[i].validation->inference.dead;
        }
        saes.push_back(std::move(sae));
      }
    }
    return saes;
  }

  int64_t latents(const SweepSae& sae, int64_t raw, const std::string& name) {
    const std::string title = name + ": latents";
    if (rowWise(sae.layer)) {
      EncodeParams p;
      p.activations = spec(raw);
      p.sae = sae.dictionary;
      p.device = m_params.device;
      p.name = name;
      return encode(p, m_stop, step(title)).run;
    }
    ExtractParams p = extractParams(sae.layer, m_e.evaluate);
    p.sae = sae.dictionary;
    p.workspace = m_result.workspace;
    p.name = name;
    return extract(p, m_stop, step(title)).run;
  }

  void measure(const SweepSae& sae, const std::string& name) {
    const ProgressFn progress = step(name + ": measures");
    SweepResult::Measured measured{sae.run, {}, {}, {}};
    TopImagesInput input;
    input.run = spec(sae.run);
    if (m_e.uniqueness) measured.uniqueness = measureUniqueness(input, m_stop, progress);
    if (m_e.hierarchy && saeTypeInfo(parseSaeType(sae.type)).hasGroups) {
      HierarchyParams p;
      p.input = input;
      p.tree = m_e.tree;
      measured.hierarchy = measureHierarchy(p, m_stop, progress);
    }
    if (m_e.steering) measured.steering = steer(sae, input.run, progress);
    m_result.measured.push_back(std::move(measured));
  }

  SteeringScoreResult steer(const SweepSae& sae, const std::string& run, const ProgressFn& progress) const {
    const ExperimentSteering& how = *m_e.steering;
    const auto encoder = std::find_if(m_e.encoders.begin(), m_e.encoders.end(), [&](const ExperimentEncoder& e) { return e.name == how.encoder; });
    SteeringScoreParams p;
    p.model = {.model = how.model, .sae = sae.dictionary, .layer = sae.layer, .device = m_params.device, .precision = how.precision};
    p.top = run;
    p.embeddings = spec(m_embeddings[size_t(encoder - m_e.encoders.begin())]);
    p.textModel = encoder->model;
    p.images = how.images;
    p.split = how.split;
    p.neurons = how.neurons;
    p.value = how.value;
    p.batch = how.batch;
    p.out = m_params.out / "steering" / sae.dictionary.parent_path().lexically_relative(m_params.out / "saes");
    return steeringScore(p, m_stop, progress);
  }

  void runLayer(int layer) {
    int64_t raw = 0;
    if (needsRaw(layer)) {
      ExtractParams p = extractParams(layer, m_e.evaluate);
      p.workspace = m_result.workspace;
      p.name = layerName(layer) + ", raw neurons";
      raw = extract(p, m_stop, step(layerName(layer) + ", evaluated activations")).run;
    }
    if (m_e.raw) scoreRun(raw, layerName(layer) + ", raw neurons");
    if (m_e.saes.empty()) return;
    std::string activations = spec(raw);
    if (!sameRows(layer)) {
      ExtractParams p = extractParams(layer, m_e.train);
      p.out = m_params.out / "activations" / plainLayer(layer);
      extract(p, m_stop, step(layerName(layer) + ", training activations"));
      activations = p.out.string();
    }
    // The evaluated rows say how well an SAE fits where they are of the kind it was trained on, and were not trained on.
    const bool comparable = rowWise(layer) && !sameRows(layer) && (layer < 0 || m_e.train.tokens == m_e.evaluate.tokens);
    for (SweepSae& sae : trainLayer(layer, activations, comparable ? spec(raw) : "")) {
      ScoreRow named;
      named.saeType = sae.type;
      named.k = sae.k;
      named.expansion = sae.expansion;
      const std::string name = layerName(layer) + ", " + saeName(named);
      sae.run = latents(sae, raw, name);
      scoreRun(sae.run, name + ": scores");
      if (measured()) measure(sae, name);
      m_result.saes.push_back(std::move(sae));
    }
  }

  void write(const char* name, const std::string& text) {
    const fs::path path = m_params.out / name;
    writeTextFile(path, text);
    m_result.files.push_back(path.string());
  }

  void writeResults() {
    Workspace workspace = Workspace::open(m_result.workspace, OpenMode::ReadOnly);
    const std::vector<ScoreRow> all = scoreTable(workspace);
    for (const auto& [run, embeddings] : m_wanted) {
      const auto found = std::find_if(all.begin(), all.end(),
                                      [&, run = run, embeddings = embeddings](const ScoreRow& r) { return r.run == run && r.embeddings == embeddings; });
      if (found != all.end()) m_result.scores.push_back(*found);
    }
    m_result.table = paperTable(m_result.scores);
    write("table.md", m_result.table);
    write("table.csv", scoreTableCsv(m_result.scores));
    write("curves.csv", scoreCurvesCsv(workspace, m_result.scores));
    if (!m_result.saes.empty()) write("saes.csv", saesCsv());
    if (m_e.uniqueness) write("uniqueness.csv", uniquenessCsv());
    if (m_e.hierarchy) write("hierarchy.csv", hierarchyCsv());
    if (m_e.steering) write("steering.csv", steeringCsv());
  }

  static void head(CsvText& csv, std::initializer_list<const char*> names) {
    for (const char* name : names) csv.add(name);
    csv.endRow();
  }

  std::string saesCsv() const {
    CsvText csv;
    head(csv, {"run", "layer", "sae_type", "k", "expansion", "latents", "l0", "explained_variance", "dead", "measured_on", "dictionary"});
    for (const SweepSae& s : m_result.saes) {
      csv.add(s.run).add(s.layer).add(s.type);
      s.k > 0 ? csv.add(s.k) : csv.skip();
      csv.add(s.expansion).add(s.dictSize).add(s.l0).add(s.fve).add(s.dead).add(s.validated ? "validation" : "last step");
      csv.add(s.dictionary.lexically_relative(m_params.out).generic_string()).endRow();
    }
    return csv.text();
  }

  std::string uniquenessCsv() const {
    CsvText csv;
    head(csv, {"run", "neurons", "dead", "pairs", "above_0.0", "above_0.1", "above_0.2", "above_0.3", "above_0.4", "above_0.5", "above_0.6",
               "above_0.7", "above_0.8", "above_0.9"});
    for (const SweepResult::Measured& m : m_result.measured) {
      csv.add(m.run).add(m.uniqueness.neurons).add(m.uniqueness.dead).add(m.uniqueness.pairs);
      for (const int64_t count : m.uniqueness.above) csv.add(count);
      csv.endRow();
    }
    return csv.text();
  }

  std::string hierarchyCsv() const {
    CsvText csv;
    head(csv, {"run", "group", "neurons", "excluded", "depth_mean", "depth_majority"});
    for (const SweepResult::Measured& m : m_result.measured) {
      for (size_t i = 0; i < m.hierarchy.groups.size(); ++i) {
        const HierarchyResult::Group& g = m.hierarchy.groups[i];
        csv.add(m.run).add(i).add(g.size).add(g.excluded).add(g.depthMean).add(g.depthMajority).endRow();
      }
    }
    return csv.text();
  }

  std::string steeringCsv() const {
    CsvText csv;
    head(csv, {"run", "neurons", "images", "steered_mean", "steered_std", "unsteered_mean", "unsteered_std", "control"});
    for (const SweepResult::Measured& m : m_result.measured) {
      const SteeringScoreSet& s = m.steering.set;
      csv.add(m.run).add(m.steering.neurons.size()).add(s.images).add(s.score.mean).add(s.score.deviation).add(s.before.mean).add(s.before.deviation).add(s.control).endRow();
    }
    return csv.text();
  }

  const SweepParams& m_params;
  const Experiment& m_e;
  std::stop_token m_stop;
  const ProgressFn& m_report;
  int m_step = 0, m_steps = 0;
  std::vector<int64_t> m_embeddings;  // runs
  std::vector<std::pair<int64_t, int64_t>> m_wanted;  // run and embeddings of each line of the table
  SweepResult m_result;
};

}  // namespace

SweepResult sweep(const SweepParams& params, std::stop_token stop, const ProgressFn& progress) {
  if (params.out.empty()) throw Error(ErrorCode::Invalid, "a folder has to be given for the results");
  return Sweep(params, std::move(stop), progress).run();
}

}  // namespace sememe
