// A workspace: one *.sememe file (SQLite) with data sets, runs, activations and neurons.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "core/store/activations.h"
#include "core/store/database.h"
#include "core/store/datasets.h"
#include "core/store/neurons.h"
#include "core/store/presets.h"
#include "core/store/runs.h"
#include "core/store/steering_scores.h"

namespace sememe {

// One connection to the file: one thread at a time uses the object and its parts; each thread opens its own.
// Several changes become one when they stand between `Transaction t(workspace.database());` and
// `t.commit();`.
class Workspace {
 public:
  // Create makes the file and its folder when absent; an older file is brought up to date (with ReadOnly
  // it is read as it is). Throws Error: NotFound; Io (no permission); Corrupt (broken, or no SQLite file);
  // Unsupported (a newer version's workspace, or another program's file); Busy; DiskFull.
  static Workspace open(const std::filesystem::path& path, OpenMode mode);
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  ~Workspace();

  Datasets& datasets();
  const Datasets& datasets() const;
  Runs& runs();
  const Runs& runs() const;
  Activations& activations();
  const Activations& activations() const;
  Neurons& neurons();
  const Neurons& neurons() const;
  Presets& presets();
  const Presets& presets() const;
  SteeringScores& steeringScores();
  const SteeringScores& steeringScores() const;

  Database& database();
  const std::filesystem::path& path() const;
  bool readOnly() const;

  // A number that differs from an earlier one when another connection has committed in between.
  int64_t dataVersion() const;

  // Makes what runs now on this object's thread throw Cancelled; the one function that any thread may call.
  void interrupt();

 private:
  struct Parts;
  explicit Workspace(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> m_parts;
};

}  // namespace sememe
