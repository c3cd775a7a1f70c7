// The trainings of a folder, read from what each has written.
#include "core/pipeline/trainings.h"

#include <algorithm>

#include "core/base/error.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

TrainingRecord readTraining(const fs::path& folder) {
  TrainingRecord record;
  record.folder = folder;
  try {
    record.job = readTrainJob(folder);
    const fs::path trainer = folder / "trainer_0";
    record.points = readTrainingLog(trainer / "log.jsonl");
    if (!record.points.empty()) record.stepsDone = record.points.back().step.step + 1;
    if (fs::exists(trainer / "ae.pt")) {
      record.state = TrainingState::Finished;
    } else if (fs::exists(trainer / "checkpoints/state.pt")) {
      record.state = TrainingState::Resumable;
    }
  } catch (const Error& error) {
    record = {};
    record.folder = folder;
    record.problem = error.what();
  }
  return record;
}

}  // namespace

fs::path trainingsFolder(const fs::path& workspace) {
  fs::path folder = workspace;
  return folder.replace_extension(".trainings");
}

std::vector<TrainingRecord> listTrainings(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) return {};
  struct Found {
    fs::path folder;
    fs::file_time_type started;
  };
  std::vector<Found> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path job = entry.path() / "job.json";
    std::error_code ignored;
    const auto started = fs::last_write_time(job, ignored);
    if (!ignored) found.push_back({entry.path(), started});
  }
  if (error) throwErrno(error.value(), "cannot read", folder.string());
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.started != b.started ? a.started > b.started : a.folder > b.folder;
  });
  std::vector<TrainingRecord> records;
  for (const Found& one : found) records.push_back(readTraining(one.folder));
  return records;
}

void removeTraining(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder / "trainer_0", error);
  if (!error) fs::remove(folder / "job.json", error);
  if (error) throwErrno(error.value(), "cannot remove", folder.string());
  fs::remove(folder, error);  // stays where something else lies in it
}

}  // namespace sememe
