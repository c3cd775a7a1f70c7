// The whole training of dictionaries, with checkpoints, resumption, a log and figures at the end.
#include "core/sae/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/sae/train_folder.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLogLines = 1000;

// One dictionary's way from an empty or interrupted folder to a finished one.
class Training {
 public:
  // Reads nothing of the rows yet. `resume` on a finished folder makes done() true at once.
  Training(const TrainSaeParams& params, RowSource& rows);

  bool done() const { return m_done; }
  bool started() const { return m_trainer != nullptr; }
  int64_t stepsDone() const { return m_trainer ? m_trainer->stepsDone() : 0; }
  // Where nothing was there to go on from.
  void start(double normFactor) { m_trainer = makeTrainer(m_params.trainer, normFactor, m_params.device); }
  void open();  // config.json and the log

  int64_t steps() const { return m_params.trainer.steps; }
  // The step that was taken last still waits for settle(): it was interrupted in between.
  bool owes() const { return m_owes; }
  void step(const at::Tensor& batch);
  // What is due after a step: validation, the log's line, a checkpoint; after the training's last the finished files.
  void settle(const std::stop_token& stop, const ProgressFn& progress);
  void keep() const { m_trainer->saveState(m_folder.state()); }
  const TrainSaeResult& result() const { return m_result; }

 private:
  ValidationStats validate(const Dictionary& dictionary, const std::stop_token& stop, const ProgressFn& progress) const;
  void complete(TrainingPoint point, const Dictionary& dictionary);
  bool due(int64_t every) const { return every > 0 && stepsDone() % every == 0; }
  bool ended() const { return stepsDone() == steps(); }
  bool validates() const { return m_params.validation && (ended() || due(m_params.validateEvery)); }
  bool logs() const { return ended() || validates() || due(m_logEvery) || stepsDone() == 1; }
  void record(const TrainingPoint& point);

  const TrainSaeParams& m_params;
  RowSource& m_rows;
  const TrainFolder m_folder;
  const int64_t m_logEvery;
  std::unique_ptr<Trainer> m_trainer;
  std::unique_ptr<TrainingLog> m_log;
  double m_seconds = 0;
  TrainSaeResult m_result;
  bool m_owes = false;
  bool m_done = false;
};

Training::Training(const TrainSaeParams& params, RowSource& rows)
    : m_params(params),
      m_rows(rows),
      m_folder(params.out),
      m_logEvery(params.logEvery > 0 ? params.logEvery : (params.trainer.steps + kLogLines - 1) / kLogLines) {
  m_result.dictionary = m_folder.dictionary();
  if (!params.resume) {
    m_folder.clear();
  } else if (fs::exists(m_folder.config())) {
    m_folder.checkSame(params.trainer, rows);
    if (fs::exists(m_folder.dictionary()) && fs::exists(m_folder.stats())) {
      m_result.last = m_folder.readStats(m_result.normFactor);
      m_result.fingerprint = loadDictionary(m_folder.dictionary())->fingerprint();
      m_result.alreadyDone = m_done = true;
    } else if (fs::exists(m_folder.state())) {
      start(1);
      m_trainer->loadState(m_folder.state());
    }
  } else if (fs::exists(m_folder.dictionary()) || fs::exists(m_folder.state())) {
    throw Error(ErrorCode::Mismatch, "the folder holds a training without its config.json; cannot go on", m_folder.path().string());
  }
}

void Training::open() {
  m_result.normFactor = m_trainer->normFactor();
  m_folder.writeConfig(m_params.trainer, m_rows, m_params.device, m_result.normFactor);
  m_log = std::make_unique<TrainingLog>(m_folder.log(), stepsDone());
  m_seconds = m_log->secondsBefore();
  m_owes = stepsDone() > 0 && logs() && m_log->lastStep() < m_trainer->last().step;
}

ValidationStats Training::validate(const Dictionary& dictionary, const std::stop_token& stop, const ProgressFn& progress) const {
  return validateDictionary(dictionary, *m_params.validation,
                            {.batch = m_params.trainer.batch, .normFactor = m_result.normFactor, .score = m_params.score}, stop,
                            progress);
}

void Training::step(const at::Tensor& batch) {
  const auto begin = std::chrono::steady_clock::now();
  try {
    m_trainer->step(batch);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Diverged) throw;
    const auto good = m_folder.newestCheckpoint();
    throw Error(error.code(), error.message() + (good ? "; the last good checkpoint is " + good->string() : "; no checkpoint was saved before"),
                error.where());
  }
  m_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  m_owes = true;
}

void Training::settle(const std::stop_token& stop, const ProgressFn& progress) {
  TrainingPoint point{m_trainer->last(), m_seconds, {}};
  const bool saves = !ended() && due(m_params.saveEvery);
  const std::unique_ptr<Dictionary> dictionary = ended() || validates() || saves ? m_trainer->dictionary() : nullptr;
  if (validates()) point.validation = validate(*dictionary, stop, progress);
  // Before the state: whoever goes on from a state takes the log's lines up to it as written.
  if (logs()) record(point);
  if (saves) {
    dictionary->save(m_folder.checkpoint(stepsDone()));
    keep();
  }
  if (ended()) complete(std::move(point), *dictionary);
  m_owes = false;
}

void Training::complete(TrainingPoint point, const Dictionary& dictionary) {
  m_result.last = std::move(point);
  m_result.fingerprint = dictionary.fingerprint();
  m_folder.writeStats(m_result.last, m_result.normFactor);
  dictionary.save(m_folder.dictionary());
  m_folder.removeState();
  m_done = true;
}

void Training::record(const TrainingPoint& point) {
  m_log->append(point);
  if (m_params.onPoint) m_params.onPoint(point);
}

}  // namespace

double activationNormFactor(RowSource& rows, int64_t batch, const std::stop_token& stop) {
  if (batch < 1) throw Error(ErrorCode::Invalid, "expected batches of at least one row", std::to_string(batch));
  const int64_t batches = std::min<int64_t>(101, (rows.rows() + batch - 1) / batch);
  double sum = 0;
  for (int64_t i = 0; i < batches; ++i) {
    throwIfStopped(stop);
    sum += rows.batch(i, batch).square().sum(1).mean().item<double>();
  }
  const double factor = std::sqrt(sum / static_cast<double>(batches));
  if (!std::isfinite(factor)) {
    throw Error(ErrorCode::Invalid, "the activations hold values that are NaN or infinite");
  }
  return factor > 0 ? factor : 1;
}

void checkTrainings(const std::vector<TrainSaeParams>& all, const RowSource& rows) {
  if (all.empty()) throw Error(ErrorCode::Invalid, "there is nothing to train");
  std::set<fs::path> folders;
  for (const TrainSaeParams& params : all) {
    const TrainParams& p = params.trainer;
    p.check();
    if (rows.dim() != p.activationDim || (params.validation && params.validation->dim() != p.activationDim)) {
      throw Error(ErrorCode::Mismatch, "expected activations of width " + std::to_string(p.activationDim) + ", not " +
                                           std::to_string(rows.dim() != p.activationDim ? rows.dim() : params.validation->dim()));
    }
    if (params.saveEvery < 0) throw Error(ErrorCode::Invalid, "expected 0 or more steps between checkpoints", "save_every");
    if (params.validateEvery < 0) throw Error(ErrorCode::Invalid, "expected 0 or more steps between validations", "validate_every");
    if (params.logEvery < 0) throw Error(ErrorCode::Invalid, "expected 0 or more steps between lines of the log", "log_every");
    if (p.batch != all.front().trainer.batch || p.normalize != all.front().trainer.normalize) {
      throw Error(ErrorCode::Invalid, "dictionaries trained in one pass need the same batch and normalisation");
    }
    if (!folders.insert(fs::weakly_canonical(params.out)).second) {
      throw Error(ErrorCode::Invalid, "two trainings cannot share a folder", params.out.string());
    }
  }
}

std::vector<TrainSaeResult> trainSaes(const std::vector<TrainSaeParams>& params, RowSource& rows, const std::stop_token& stop,
                                      const ProgressFn& progress) {
  checkTrainings(params, rows);
  std::vector<std::unique_ptr<Training>> trainings;
  for (const TrainSaeParams& one : params) trainings.push_back(std::make_unique<Training>(one, rows));
  const auto collect = [&] {
    std::vector<TrainSaeResult> results;
    for (const auto& training : trainings) results.push_back(training->result());
    return results;
  };
  std::vector<Training*> left;  // that have steps to take
  for (const auto& training : trainings) {
    if (!training->done()) left.push_back(training.get());
  }
  if (left.empty()) return collect();

  const int64_t batch = params.front().trainer.batch;
  double normFactor = 0;  // asked for once
  int64_t total = 0, before = 0, most = 0;
  for (Training* training : left) {
    if (!training->started()) {
      if (normFactor == 0) normFactor = params.front().trainer.normalize ? activationNormFactor(rows, batch, stop) : 1;
      training->start(normFactor);
    }
    training->open();
    before += training->stepsDone();
    total += training->steps();
    most = std::max(most, training->steps());
  }
  ProgressMeter meter(progress, left.size() == 1 ? "Training the dictionary" : "Training the dictionaries", total, before);
  const Training* atWork = nullptr;
  try {
    while (!left.empty()) {
      throwIfStopped(stop);
      // Those that were interrupted later wait for the others.
      int64_t number = left.front()->stepsDone();
      for (const Training* training : left) number = std::min(number, training->stepsDone());
      const at::Tensor rowsOfStep = number < most ? rows.batch(number, batch) : at::Tensor();
      for (Training* training : left) {
        if (training->stepsDone() != number) continue;
        atWork = training;
        if (!training->owes()) {
          training->step(rowsOfStep);
          meter.advance();
        }
        training->settle(stop, progress);
        atWork = nullptr;
      }
      std::erase_if(left, [](const Training* training) { return training->done(); });
    }
  } catch (const Cancelled&) {
    for (const Training* training : left) {
      if (!training->done()) training->keep();
    }
    throw;
  } catch (...) {
    // What failed keeps its last checkpoint; the others lose nothing.
    for (const Training* training : left) {
      try {
        if (training != atWork && !training->done()) training->keep();
      } catch (const Error& error) {
        log(LogLevel::Warning, error.what());
      }
    }
    throw;
  }
  meter.finish();
  return collect();
}

TrainSaeResult trainSae(const TrainSaeParams& params, RowSource& rows, const std::stop_token& stop, const ProgressFn& progress) {
  return trainSaes({params}, rows, stop, progress).front();
}

}  // namespace sememe
