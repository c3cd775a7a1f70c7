// The trainings of the open workspace: reads them from disk, runs, pauses, resumes and removes them, and brings their
// SAEs to Explore.
#pragma once

#include <QObject>
#include <memory>
#include <optional>
#include <vector>

#include "ui/experiments/training.h"
#include "ui/models/workspace_summary.h"

namespace sememe {

// GUI thread. Trainings that run or wait go on when another workspace is opened, and are here again with theirs.
class TrainingList : public QObject {
  Q_OBJECT
 public:
  TrainingList(JobRunner& runner, TrainingServices services, QObject* parent = nullptr);

  void setWorkspace(const WorkspaceSummary& summary);  // with an empty path: none
  const std::filesystem::path& workspace() const { return m_workspace; }
  bool isLoaded() const { return m_loaded; }  // what is on disk is here

  int count() const { return int(m_shown.size()); }
  const Training& at(int row) const { return *m_shown[size_t(row)]; }
  int rowOf(int64_t id) const;                 // -1: not in the open workspace
  const Training* find(int64_t id) const;      // null: not in the open workspace
  QStringList names() const;
  bool anyActive() const;                      // of any workspace

  // Begins a training in the folder of that name; `job`: without `out` and `onPoint`. Returns its id.
  int64_t start(const QString& name, TrainJobParams job);
  void pause(int64_t id);   // keeps its state; one that waits is taken out of the queue
  void resume(int64_t id);  // goes on, or begins again where no state was saved
  void remove(int64_t id);  // stops it first; its files go
  void explore(int64_t id);
  void setCharted(int64_t id, bool on);

 Q_SIGNALS:
  void aboutToReset();
  void reset();
  void aboutToInsert(int row);
  void inserted(int row);
  void aboutToRemove(int row);
  void removed();
  void changed(int row);      // anything but its points
  void pointsChanged(int row);
  void loaded();
  void started(qint64 id);
  void explored(const QString& workspace, qint64 run);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);

 private:
  using Item = std::shared_ptr<Training>;
  struct Inbox;

  Item itemOf(int64_t id) const;  // of any workspace; null: gone
  int freeColor() const;
  void load();
  void takeRecords(std::vector<TrainingRecord> records);
  void apply(Training& item, const TrainingRecord& record) const;
  void measure(Training& item) const;
  void insert(Item item);
  void drop(const Item& item);
  void run(const Item& item, bool resume);
  void takePoints(const Item& item, const std::shared_ptr<Inbox>& inbox);
  void takeResult(const Item& item, const TrainJobResult& result);
  void stopped(const Item& item);
  void takeFailure(const Item& item, const JobFailure& failure);
  void removeFiles(const Item& item);
  void tell(const Training& item);

  JobRunner& m_runner;
  TrainingServices m_services;
  std::filesystem::path m_workspace;
  std::vector<RunInfo> m_runs;    // of the open workspace, to train on
  std::vector<Item> m_shown;      // of the open workspace, newest first
  std::vector<Item> m_elsewhere;  // of others, while they run or wait
  int64_t m_nextId = 1;
  int m_generation = 0;
  bool m_loaded = false;
  bool m_listing = false;  // the newest load() has not brought its records yet
};

}  // namespace sememe
