// A training that only pretends: emits points as the real one does and writes the same files.
#pragma once

#include <QObject>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>

#include "core/base/error.h"
#include "tests/ui/ui_support.h"
#include "ui/experiments/training.h"

namespace sememe {

inline TrainingPoint pretendedPoint(int64_t step, bool validated) {
  TrainingPoint point;
  point.step.step = step;
  point.step.loss = 1.0 / double(1 + step);
  point.step.l0 = 20;
  point.step.fve = 1 - 1.0 / double(2 + step);
  point.step.dead = step / 10;
  point.seconds = double(step) / 10;
  if (validated) {
    point.validation.emplace();
    point.validation->rows = 50;
    point.validation->inference = {.l0 = 19, .l2 = 0.1, .fve = 0.8, .dead = 7};
    point.validation->ms = MsStats{.scored = 90, .mean = 0.4, .median = 0.39, .best = 0.9};
  }
  return point;
}

// Logs every tenth step and stands still at the step `holdAt` until it is let go or stopped.
struct PretendedTraining {
  std::mutex mutex;
  std::condition_variable wake;
  int64_t holdAt = -1;
  bool fail = false;
  bool holdList = false;  // what was listed is not brought before
  int explored = 0;
  std::vector<int64_t> firstSteps;  // of each call
  int64_t exploredRun = 1;

  void letGo() {
    const std::lock_guard lock(mutex);
    holdAt = -1;
    wake.notify_all();
  }

  TrainJobResult train(const TrainJobParams& params, const std::stop_token& stop, const ProgressFn& progress) {
    const auto trainer = params.out / "trainer_0";
    const auto state = trainer / "checkpoints/state.pt";
    int64_t step = 0;
    if (params.resume && std::filesystem::exists(state)) std::ifstream(state) >> step;
    else writeTrainJob(params);
    std::filesystem::create_directories(state.parent_path());
    {
      const std::lock_guard lock(mutex);
      firstSteps.push_back(step);
    }
    TrainingLog log(trainer / "log.jsonl", step);
    TrainingPoint last;
    for (; step < params.steps; step += 10) {
      if (fail && step >= 50) throw Error(ErrorCode::Diverged, "the loss is not finite", "step 50");
      last = pretendedPoint(step, step % 100 == 90);
      log.append(last);
      params.onPoint(last);
      progress({.stage = "Training", .done = step, .total = params.steps, .perSecond = 100, .secondsLeft = 12});
      std::unique_lock lock(mutex);
      const std::stop_callback stopped(stop, [&] { wake.notify_all(); });
      while (holdAt >= 0 && step >= holdAt && !stop.stop_requested()) wake.wait_for(lock, std::chrono::milliseconds(20));
      if (stop.stop_requested()) {
        std::ofstream(state) << step + 10;
        throw Cancelled();
      }
    }
    std::ofstream(trainer / "ae.pt") << "ae";
    TrainJobResult result;
    result.activationDim = 8;
    result.dictSize = 64;
    result.steps = params.steps;
    result.validation = last.validation;
    return result;
  }

  TrainingServices services() {
    TrainingServices s;
    s.train = [this](const TrainJobParams& p, const std::stop_token& stop, const ProgressFn& progress) { return train(p, stop, progress); };
    s.list = [this](const std::filesystem::path& folder) {
      auto records = listTrainings(folder);
      std::unique_lock lock(mutex);
      while (holdList) wake.wait_for(lock, std::chrono::milliseconds(20));
      return records;
    };
    s.remove = removeTraining;
    s.explore = [this](const ExploreSaeParams&, const std::stop_token&, const ProgressFn&) {
      ++explored;
      return ExploreSaeResult{.run = exploredRun, .neurons = 64, .scoreSets = 2};
    };
    return s;
  }
};

// A workspace with a complete run of activations besides the synthetic neurons.
class TrainableWorkspace : public TestWorkspace {
 public:
  TrainableWorkspace() : TestWorkspace(100, 60) {
    Workspace workspace = open(OpenMode::ReadWrite);
    RunInfo info{.key = "activations", .name = "Synthetic activations", .kind = RunKind::Activations};
    info.dataset = made().dataset;
    info.rows = 60;
    info.dim = 8;
    info.point = "post_mlp_residual";
    info.layer = 2;
    const int64_t run = workspace.runs().ensure(info).id;
    const std::vector<float> values(60 * 8, 0.5f);
    workspace.activations().appendRows(run, 0, 60, values);
    workspace.runs().setComplete(run);
    RunInfo half = info;
    half.key = "unfinished";
    half.name = "Unfinished activations";
    workspace.runs().ensure(half);
    activations = run;
  }
  int64_t activations = 0;
};

}  // namespace sememe
