// Asking LLaVA, batch by batch, and scoring what it said.
#include "core/pipeline/steering_score.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/analysis/score_summary.h"
#include "core/base/csv.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/image/image_folder.h"
#include "core/image/image_loader.h"
#include "core/models/text_model.h"
#include "core/pipeline/answer_log.h"
#include "core/pipeline/device.h"
#include "core/pipeline/image_run.h"
#include "core/pipeline/neuron_targets.h"
#include "core/pipeline/steering_setup.h"
#include "core/pipeline/text_embeddings.h"
#include "core/steering/batched_steering.h"
#include "core/steering/steering_session.h"
#include "core/store/workspace.h"
#include "core/weights/torch_file.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kImagesAtOnce = 16;  // through the tower up to the tap

using Missing = std::map<int64_t, std::set<int64_t>>;  // edits to ask for, by image

// What is said of one image about one neuron: words by their number.
struct Cell {
  size_t word = 0, before = 0, control = 0;
};

void checkParams(const SteeringScoreParams& p) {
  const auto refuse = [](const char* what) { throw Error(ErrorCode::Invalid, what); };
  if (p.batch < 1) refuse("a batch has at least one question");
  if (p.maxTokens < 1) refuse("an answer has at least one token");
  if (p.neurons < 0) refuse("the number of neurons must be 0 (all) or more");
  if (!std::isfinite(p.value)) refuse("the value is not a finite number");
  if (p.out.empty()) refuse("a folder has to be given for the results");
}

at::Tensor unitRows(const at::Tensor& rows) {
  return torch::nn::functional::normalize(rows.to(at::kDouble), torch::nn::functional::NormalizeFuncOptions().dim(1).eps(1e-8)).contiguous();
}

SteeringScore summarize(const std::vector<double>& cosines) {
  const ScoreSummary summary = summarizeScores(cosines, 0);
  return {summary.mean, summary.deviation};
}

double meanOf(const std::vector<double>& values) { return summarizeScores(values, 0).mean; }

class Scoring {
 public:
  Scoring(const SteeringScoreParams& params, const std::stop_token& stop, const ProgressFn& progress)
      : m_p(params),
        m_stop(stop),
        m_progress(progress),
        m_setup(openSteeringSetup(params.model)),
        m_images(listImageFolder(params.images, params.split)),
        m_targets(readNeuronTargets(params.top, params.embeddings, params.neurons, params.only, stop, progress)) {
    const int64_t neurons = m_setup.sae ? m_setup.sae->dictSize() : steeringWidth(m_setup.config, m_setup.tap);
    if (m_targets.dictSize != neurons)
      throw Error(ErrorCode::Mismatch,
                  "there are strongest images of " + std::to_string(m_targets.dictSize) + " neurons; " +
                      (m_setup.sae ? "the SAE has " : "the tower has, without an SAE, ") + std::to_string(neurons),
                  params.top);
    if (m_targets.run && m_targets.run->saeFingerprint != (m_setup.sae ? m_setup.sae->fingerprint() : ""))
      throw Error(ErrorCode::Mismatch, "the strongest images are of the neurons of another SAE than the one to steer with", params.top + ", " + params.model.sae.string());
    // What does not fit together shows before hours of answers.
    TextInfo text;
    m_textFingerprint = checkTextModel(params.textModel, &text).fingerprint;
    Tokenizer::load(params.textModel);
    if (text.embeddingDim != m_targets.embeddings.size(1))
      throw Error(ErrorCode::Mismatch,
                  "the words' embeddings are " + std::to_string(text.embeddingDim) + " wide and those of the images " +
                      std::to_string(m_targets.embeddings.size(1)) + "; both have to be of the same model",
                  params.textModel.string() + ", " + params.embeddings);
    if (params.test == SteeringTest::Suppressed && m_targets.dataset != int64_t(m_images.images.size()))
      throw Error(ErrorCode::Mismatch,
                  "there are " + std::to_string(m_images.images.size()) + " images and " + std::to_string(m_targets.dataset) +
                      " embeddings; neurons are suppressed on the images that fire them, so the same images were expected",
                  params.images.string());
  }

  SteeringScoreResult run() {
    AnswerLog log(m_p.out / "answers.jsonl", key());
    const Missing missing = missingAnswers(log);
    m_result.alreadyDone = missing.empty();
    SteeringScoreSet& set = m_result.set;
    set.test = m_p.test;
    set.value = m_p.test == SteeringTest::Unsteered ? 0 : m_p.value;
    set.preZero = m_p.preZero;
    set.question = m_p.question;
    set.model = folderName(m_p.model.model);
    set.words = folderName(m_p.textModel);
    set.tap = tapName(m_setup.tap);
    if (!missing.empty()) ask(missing, log);
    read(log);
    score();
    if (m_targets.run) store();
    return std::move(m_result);
  }

 private:
  std::string key() const {
    return Fingerprint()
        .add("steering answers 2")
        .add(m_setup.fingerprint)
        .add(m_images.fingerprint)
        .add(int64_t(m_p.test))
        .add(pythonRepr(m_p.value))
        .add(int64_t(m_p.preZero))
        .add(m_p.question)
        .add(int64_t(m_p.maxTokens))
        .hex();
  }

  size_t neurons() const { return m_targets.neurons.size(); }
  const std::string& path(int64_t image) const { return m_images.images[size_t(image)].path; }

  // The images about which a neuron is asked, by number.
  std::vector<int64_t> imagesOf(size_t neuron) const {
    if (m_p.test == SteeringTest::Suppressed) return m_targets.images[neuron];
    std::vector<int64_t> all(m_images.images.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = int64_t(i);
    return all;
  }

  // The edits whose answers make a cell: the neuron's own, the one before, the control's.
  struct Edits {
    int64_t own, before, control;
  };
  Edits editsOf(size_t neuron) const {
    const int64_t own = m_targets.neurons[neuron];
    switch (m_p.test) {
      case SteeringTest::Steered: return {own, kNoEdit, own};
      case SteeringTest::Unsteered: return {kNoEdit, kNoEdit, kNoEdit};
      case SteeringTest::Suppressed: break;
    }
    return {own, m_setup.sae ? kReconstruction : kNoEdit, m_targets.neurons[(neuron + 1) % neurons()]};
  }

  Missing missingAnswers(const AnswerLog& log) const {
    Missing missing;
    for (size_t i = 0; i < neurons(); ++i) {
      const Edits edits = editsOf(i);
      for (const int64_t image : imagesOf(i)) {
        for (const int64_t edit : {edits.own, edits.before, edits.control})
          if (!log.find(path(image), edit)) missing[image].insert(edit);
      }
    }
    return missing;
  }

  std::optional<Steering> steeringOf(int64_t edit) const {
    if (edit == kNoEdit) return std::nullopt;
    Steering steering;
    if (edit == kReconstruction) return steering;
    steering.interventions = {{edit, Intervention::Op::Set, m_p.value}};
    steering.preZero = m_p.preZero;
    return steering;
  }

  // As the paper's program cuts it out of LLaVA-1.5's prompt and answer; with a template of other roles the answer's first word.
  std::string label(const std::vector<int64_t>& prompt, const Answer& answer) const {
    static const std::string kRole = "ASSISTANT:";
    if (m_setup.tokenizer->decode(prompt).find(kRole) == std::string::npos) {
      const std::string answered = m_setup.tokenizer->decode(answer.tokens);
      const std::string_view said = trimmed(answered);
      return std::string(said.substr(0, said.find_first_of(" \n")));
    }
    std::vector<int64_t> ids = prompt;
    ids.insert(ids.end(), answer.tokens.begin(), answer.tokens.end());
    std::string text = m_setup.tokenizer->decode(ids);
    if (const size_t at = text.rfind(kRole + " "); at != std::string::npos) text.erase(0, at + kRole.size() + 1);
    return text.substr(0, text.find(' '));
  }

  void ask(const Missing& missing, AnswerLog& log) {
    const std::vector<int64_t> prompt = m_setup.promptIds(m_p.question);
    BatchedSteering engine(loadSteeringWeights(m_p.model, m_stop, m_progress), m_setup.sae, m_setup.tap);
    engine.setPrompt(prompt);
    SamplingOptions sampling;
    sampling.maxTokens = m_p.maxTokens;

    int64_t questions = 0;
    ImageFolder wanted = m_images;
    wanted.images.clear();
    std::vector<int64_t> numbers;
    for (const auto& [image, edits] : missing) {
      wanted.images.push_back(m_images.images[size_t(image)]);
      numbers.push_back(image);
      questions += int64_t(edits.size());
    }
    ProgressMeter meter(m_progress, "Asking LLaVA", questions);
    std::vector<SteeredQuestion> waiting;
    std::vector<LabelledAnswer> asked;
    const auto answer = [&](size_t count) {
      const std::vector<Answer> answers = engine.answer(std::span(waiting).first(count), sampling, m_stop);
      for (size_t i = 0; i < count; ++i) asked[i].label = label(prompt, answers[i]);
      log.append(std::span(asked).first(count));
      waiting.erase(waiting.begin(), waiting.begin() + std::ptrdiff_t(count));
      asked.erase(asked.begin(), asked.begin() + std::ptrdiff_t(count));
      meter.advance(int64_t(count));
    };
    const auto batch = size_t(m_p.batch);
    ImageLoaderOptions options;
    options.batch = kImagesAtOnce;
    options.stop = m_stop;
    ImageLoader loader(wanted, m_setup.preprocessing, options);
    while (auto loaded = loader.next()) {
      for (const ImageFailure& failure : loaded->failures) meter.advance(int64_t(missing.at(numbers[size_t(failure.index)]).size()));
      if (loaded->indices.empty()) continue;
      const auto images = engine.images(loaded->pixels);
      for (size_t i = 0; i < images.size(); ++i) {
        const int64_t image = numbers[size_t(loaded->indices[i])];
        for (const int64_t edit : missing.at(image)) {
          waiting.push_back({images[i], steeringOf(edit)});
          asked.push_back({path(image), edit, {}});
          if (waiting.size() == batch) answer(batch);
        }
      }
    }
    if (!waiting.empty()) answer(waiting.size());
    meter.finish();
  }

  size_t word(const std::string& label) {
    const auto [found, isNew] = m_numbers.emplace(label, m_words.size());
    if (isNew) m_words.push_back(label);
    return found->second;
  }

  // The table of all answers; images without one could not be read.
  void read(const AnswerLog& log) {
    std::set<int64_t> good, failed;
    m_cells.resize(neurons());
    m_cellImages.resize(neurons());
    for (size_t i = 0; i < neurons(); ++i) {
      const Edits edits = editsOf(i);
      for (const int64_t image : imagesOf(i)) {
        const std::string *own = log.find(path(image), edits.own), *before = log.find(path(image), edits.before),
                          *control = log.find(path(image), edits.control);
        if (!own || !before || !control) {
          failed.insert(image);
          continue;
        }
        good.insert(image);
        m_cells[i].push_back({word(*own), word(*before), word(*control)});
        m_cellImages[i].push_back(image);
      }
    }
    m_result.set.images = int64_t(good.size());
    m_result.set.failed = int64_t(failed.size());
    if (good.empty()) throw Error(ErrorCode::NotFound, "no image could be read", m_p.images.string());
  }

  void score() {
    const at::NoGradGuard guard;
    const at::Tensor words = unitRows(embedTexts(m_p.textModel, m_words, "words", resolveDevice(m_p.model.device), m_stop, m_progress));
    const at::Tensor targets = unitRows(m_targets.embeddings);
    const int64_t width = targets.size(1);
    const auto cosine = [&, word = words.const_data_ptr<double>(), target = targets.const_data_ptr<double>()](size_t neuron, size_t of) {
      double sum = 0;
      for (int64_t d = 0; d < width; ++d) sum += target[int64_t(neuron) * width + d] * word[int64_t(of) * width + d];
      return sum;
    };
    const bool unsteered = m_p.test == SteeringTest::Unsteered;
    std::vector<std::vector<float>> scores(neurons());
    std::vector<double> all, before, controls;
    for (size_t i = 0; i < neurons(); ++i) {
      SteeredNeuron neuron{m_targets.neurons[i], m_targets.ms[i], kNan, kNan, kNan, {}, 0, int64_t(m_cells[i].size())};
      std::vector<double> own, first, other;
      std::map<std::string, int64_t> counts;
      for (const Cell& cell : m_cells[i]) {
        scores[i].push_back(float(cosine(i, cell.word)));
        own.push_back(scores[i].back());
        first.push_back(cosine(i, cell.before));
        other.push_back(cosine(i, cell.control));
        ++counts[m_words[cell.word]];
      }
      for (const auto& [label, count] : counts) {
        if (count <= neuron.labelled) continue;
        neuron.label = label;
        neuron.labelled = count;
      }
      neuron.score = meanOf(own);
      all.insert(all.end(), own.begin(), own.end());
      if (!unsteered) {
        neuron.before = meanOf(first);
        before.insert(before.end(), first.begin(), first.end());
      }
      if (m_p.test == SteeringTest::Suppressed && neurons() > 1) {
        neuron.control = meanOf(other);
        controls.insert(controls.end(), other.begin(), other.end());
      }
      m_result.neurons.push_back(std::move(neuron));
    }
    if (m_p.test == SteeringTest::Steered && neurons() > 1) {
      scoreOthers(words, targets);
      for (const SteeredNeuron& neuron : m_result.neurons) controls.push_back(neuron.control);
    }
    m_result.set.score = summarize(all);
    m_result.set.before = summarize(before);
    m_result.set.control = meanOf(controls);
    write(scores);
  }

  // The mean cosine of each neuron's target with all that is said under the others.
  void scoreOthers(const at::Tensor& words, const at::Tensor& targets) {
    at::Tensor sums = at::zeros_like(targets);
    int64_t cells = 0;
    for (size_t i = 0; i < neurons(); ++i) {
      for (const Cell& cell : m_cells[i]) sums[int64_t(i)] += words[int64_t(cell.word)];
      cells += int64_t(m_cells[i].size());
    }
    const at::Tensor others = sums.sum(0, true) - sums;
    const at::Tensor products = (others * targets).sum(1).contiguous();
    for (size_t i = 0; i < neurons(); ++i)
      m_result.neurons[i].control = products.const_data_ptr<double>()[i] / double(cells - int64_t(m_cells[i].size()));
  }

  void write(const std::vector<std::vector<float>>& scores) {
    std::string labels;
    size_t ranks = 0;
    for (size_t i = 0; i < neurons(); ++i) {
      for (size_t r = 0; r < m_cells[i].size(); ++r)
        labels += std::to_string(m_targets.neurons[i]) + "," + nameInSplit(m_cellImages[i][r]) + "," + m_words[m_cells[i][r].word] + "\n";
      ranks = std::max(ranks, scores[i].size());
    }
    std::vector<float> byImage;
    for (size_t r = 0; r < ranks; ++r)
      for (const std::vector<float>& own : scores)
        if (r < own.size()) byImage.push_back(own[r]);
    const auto file = [&](const char* name) { return m_result.files.emplace_back((m_p.out / name).string()); };
    writeTextFile(file("labels.txt"), labels);
    writeTorchTensor(file("scores_per_neuron"), at::tensor(byImage, at::kFloat));
    writeTextFile(file("steering_scores.csv"), steeringScoresCsv(m_result.neurons));
    writeTextFile(file("metric.txt"), "Mean Cosine Similarity: " + pythonRepr(float(m_result.set.score.mean)) + "\nStandard Deviation Cosine Similarity: " +
                                          pythonRepr(float(m_result.set.score.deviation)) + "\n");
  }

  void store() {
    SteeringScoreSet& set = m_result.set;
    set.run = m_targets.run->id;
    Fingerprint whole;
    whole.add(key()).add(m_targets.fingerprint).add(m_textFingerprint);
    for (const int64_t neuron : m_targets.neurons) whole.add(neuron);
    set.key = whole.hex();
    set.id = Workspace::open(m_targets.workspace, OpenMode::ReadWrite).steeringScores().save(set, m_result.neurons);
  }

  // The paper's program names files by their place in the folder that it is given.
  std::string nameInSplit(int64_t image) const {
    const std::string& whole = path(image);
    return m_images.split.empty() ? whole : fs::path(whole).lexically_relative(m_images.split).generic_string();
  }

  const SteeringScoreParams& m_p;
  const std::stop_token& m_stop;
  const ProgressFn& m_progress;
  SteeringSetup m_setup;
  ImageFolder m_images;
  NeuronTargets m_targets;
  std::string m_textFingerprint;
  std::vector<std::string> m_words;
  std::map<std::string, size_t> m_numbers;        // of the words
  std::vector<std::vector<Cell>> m_cells;         // of each neuron
  std::vector<std::vector<int64_t>> m_cellImages;
  SteeringScoreResult m_result;
};

}  // namespace

SteeringScoreResult steeringScore(const SteeringScoreParams& params, std::stop_token stop, const ProgressFn& progress) {
  checkParams(params);
  return Scoring(params, stop, progress).run();
}

std::string steeringScoresCsv(const std::vector<SteeredNeuron>& neurons) {
  CsvText csv;
  for (const char* name : {"neuron", "ms", "score", "before", "control", "label", "labelled", "images"}) csv.add(name);
  csv.endRow();
  for (const SteeredNeuron& n : neurons)
    csv.add(n.neuron).add(n.ms).add(n.score).add(n.before).add(n.control).add(n.label).add(n.labelled).add(n.images).endRow();
  return csv.text();
}

}  // namespace sememe
