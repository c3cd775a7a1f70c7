// A workspace: one *.sememe file (SQLite) with data sets, runs, activations and neurons.
#include "core/store/workspace.h"

#include "core/store/schema.h"

namespace sememe {

struct Workspace::Parts {
  Parts(const std::filesystem::path& path, OpenMode mode) : database(path, mode) {
    prepareSchema(database, mode);
  }

  Database database;
  Datasets datasets{database};
  Runs runs{database};
  Activations activations{database};
  Neurons neurons{database};
  Presets presets{database};
  SteeringScores steeringScores{database};
};

Workspace::Workspace(std::unique_ptr<Parts> parts) : m_parts(std::move(parts)) {}
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;
Workspace::~Workspace() = default;

Workspace Workspace::open(const std::filesystem::path& path, OpenMode mode) {
  return Workspace(std::make_unique<Parts>(path, mode));
}

Datasets& Workspace::datasets() { return m_parts->datasets; }
const Datasets& Workspace::datasets() const { return m_parts->datasets; }
Runs& Workspace::runs() { return m_parts->runs; }
const Runs& Workspace::runs() const { return m_parts->runs; }
Activations& Workspace::activations() { return m_parts->activations; }
const Activations& Workspace::activations() const { return m_parts->activations; }
Neurons& Workspace::neurons() { return m_parts->neurons; }
const Neurons& Workspace::neurons() const { return m_parts->neurons; }
Presets& Workspace::presets() { return m_parts->presets; }
const Presets& Workspace::presets() const { return m_parts->presets; }
SteeringScores& Workspace::steeringScores() { return m_parts->steeringScores; }
const SteeringScores& Workspace::steeringScores() const { return m_parts->steeringScores; }
Database& Workspace::database() { return m_parts->database; }
const std::filesystem::path& Workspace::path() const { return m_parts->database.path(); }
bool Workspace::readOnly() const { return m_parts->database.readOnly(); }
int64_t Workspace::dataVersion() const { return m_parts->database.queryInt("PRAGMA data_version"); }
void Workspace::interrupt() { m_parts->database.interrupt(); }

}  // namespace sememe
