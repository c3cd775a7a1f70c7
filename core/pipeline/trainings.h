// The trainings of a folder as they stand: finished, interrupted or running elsewhere. Free of LibTorch.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/pipeline/train.h"
#include "core/sae/training_log.h"

namespace sememe {

enum class TrainingState {
  Finished,   // ae.pt is there
  Resumable,  // stopped, with a saved state to go on from
  Unfinished, // stopped before a state was saved: train() starts it anew
};

struct TrainingRecord {
  std::filesystem::path folder;  // TrainJobParams::out
  TrainJobParams job;            // what train() was called with; with `resume` set it goes on
  TrainingState state = TrainingState::Unfinished;
  int64_t stepsDone = 0;  // that are in the log
  std::vector<TrainingPoint> points;
  std::string problem;  // why it cannot be read: the rest is then empty but for `folder`
};

// Where the window keeps the trainings of a workspace: {workspace without .sememe}.trainings/
std::filesystem::path trainingsFolder(const std::filesystem::path& workspace);

// Each sub-folder that holds a training (job.json), newest first. An absent folder has none. Throws Error (Io).
std::vector<TrainingRecord> listTrainings(const std::filesystem::path& folder);

// job.json: everything but `device`, `resume` and the callback. Throws Error (Io, DiskFull; NotFound, Corrupt).
void writeTrainJob(const TrainJobParams& params);
TrainJobParams readTrainJob(const std::filesystem::path& folder);

// Sets the fields that a JSON object names, by the names of job.json. Throws Error (Invalid: no such field, or a value of
// another kind).
void setTrainFields(TrainJobParams& params, const std::string& json);

// Removes a training's files and the folder, unless something else lies in it. Throws Error (Io).
void removeTraining(const std::filesystem::path& folder);

}  // namespace sememe
