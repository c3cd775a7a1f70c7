// What the window's tests share: small workspaces, image readers, waiting.
#pragma once

#include <QImage>
#include <QString>
#include <QTemporaryDir>
#include <QTest>
#include <filesystem>

#include "core/store/workspace.h"
#include "tests/support/synthetic_workspace.h"
#include "ui/models/neuron_loader.h"
#include "ui/models/workspace_summary.h"

// As QTRY_VERIFY and QTRY_COMPARE, with patience for a machine that has other things to do.
#define EVENTUALLY(condition) QTRY_VERIFY_WITH_TIMEOUT(condition, 30'000)
#define EVENTUALLY_EQUAL(actual, expected) QTRY_COMPARE_WITH_TIMEOUT(actual, expected, 30'000)

namespace sememe {

// A synthetic workspace in a temporary folder, removed with it.
class TestWorkspace {
 public:
  explicit TestWorkspace(int64_t neurons = 1000, int64_t images = 200, uint64_t seed = 3);

  std::filesystem::path path() const { return m_path; }
  QString file() const { return QString::fromStdString(m_path.string()); }
  QString folder() const { return m_folder.path(); }
  const SyntheticWorkspace& made() const { return m_made; }
  Workspace open(OpenMode mode = OpenMode::ReadOnly) const { return Workspace::open(m_path, mode); }
  WorkspaceSummary summary() const { return openSummary(m_path); }
  RunInfo run() const;

 private:
  QTemporaryDir m_folder;
  std::filesystem::path m_path;
  SyntheticWorkspace m_made;
};

// Reads what Qt reads; throws as decodeImage does.
QImage readTestImage(const std::filesystem::path& file);

// All rows of a query, straight from the store.
std::vector<NeuronRow> allRows(const TestWorkspace& workspace, const NeuronQuery& query);

}  // namespace sememe
