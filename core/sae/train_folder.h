// The folder of a training, {out}/trainer_0: where its files are and what they say. Internal to core/sae.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <optional>
#include <string>

#include "core/sae/row_source.h"
#include "core/sae/train_params.h"
#include "core/sae/training_log.h"

namespace sememe {

class TrainFolder {
 public:
  explicit TrainFolder(const std::filesystem::path& out) : m_folder(out / "trainer_0") {}

  const std::filesystem::path& path() const { return m_folder; }
  std::filesystem::path dictionary() const { return m_folder / "ae.pt"; }
  std::filesystem::path config() const { return m_folder / "config.json"; }
  std::filesystem::path stats() const { return m_folder / "stats.json"; }
  std::filesystem::path log() const { return m_folder / "log.jsonl"; }
  std::filesystem::path checkpoints() const { return m_folder / "checkpoints"; }
  std::filesystem::path checkpoint(int64_t step) const { return checkpoints() / ("ae_" + std::to_string(step) + ".pt"); }
  std::filesystem::path state() const { return checkpoints() / "state.pt"; }

  // dictionary_learning's keys under "trainer", ours under "sememe". Throws Error (Io, DiskFull).
  void writeConfig(const TrainParams& params, const RowSource& rows, at::Device device, double normFactor) const;
  // Throws Error (Mismatch) when config.json is of another training.
  void checkSame(const TrainParams& params, const RowSource& rows) const;

  // Figures of the finished dictionary.
  void writeStats(const TrainingPoint& last, double normFactor) const;
  TrainingPoint readStats(double& normFactor) const;  // throws Error (Corrupt)

  std::optional<std::filesystem::path> newestCheckpoint() const;  // of the dictionary
  void removeState() const;
  void clear() const;  // what an earlier training may have left

 private:
  std::filesystem::path m_folder;
};

}  // namespace sememe
