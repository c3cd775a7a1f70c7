// A training as the Experiments page shows it, and what the page needs from outside to work with trainings.
#pragma once

#include <QPointer>
#include <QString>
#include <filesystem>
#include <functional>
#include <vector>

#include "core/pipeline/explore_sae.h"
#include "core/pipeline/train.h"
#include "core/pipeline/trainings.h"
#include "ui/jobs/job_runner.h"

namespace sememe {

// The working functions; each as the one of core/pipeline that its comment names, and throwing as that does.
struct TrainingServices {
  std::function<TrainJobResult(const TrainJobParams&, const std::stop_token&, const ProgressFn&)> train;
  std::function<std::vector<TrainingRecord>(const std::filesystem::path& folder)> list;  // listTrainings
  std::function<void(const std::filesystem::path& folder)> remove;                       // removeTraining
  std::function<ExploreSaeResult(const ExploreSaeParams&, const std::stop_token&, const ProgressFn&)> explore;
};

enum class TrainingStatus {
  Waiting,     // for the training before it
  Running,
  Stopping,    // asked to pause or to go
  Paused,      // with a saved state
  Unfinished,  // stopped before a state was saved
  Failed,
  Finished,
  Unreadable,  // its folder holds something else than it should
};

struct Training {
  int64_t id = 0;  // of this session
  QString name;    // of its folder
  std::filesystem::path workspace;
  TrainJobParams job;  // `out` is the folder
  TrainingStatus status = TrainingStatus::Unfinished;
  int64_t activationDim = 0, dictSize = 0;  // 0: not known
  int64_t stepsDone = 0;
  std::vector<TrainingPoint> points;
  QString problem;     // of Failed and Unreadable
  int color = 0;       // of Colors::series
  bool charted = true;

  bool canResume = false;  // a state is there to go on from
  bool removing = false;   // goes as soon as it has stopped
  bool exploring = false;
  Progress progress;       // while Running
  QPointer<Job> running;

  bool active() const {
    return status == TrainingStatus::Waiting || status == TrainingStatus::Running || status == TrainingStatus::Stopping;
  }
  bool canGoOn() const {
    return status == TrainingStatus::Paused || status == TrainingStatus::Unfinished || status == TrainingStatus::Failed;
  }
  // The last point that validation saw; null: none.
  const TrainingPoint* lastValidated() const {
    for (auto it = points.rbegin(); it != points.rend(); ++it) {
      if (it->validation) return &*it;
    }
    return nullptr;
  }
};

QString statusText(const Training& training);  // "Running", "Paused"; for people

}  // namespace sememe
