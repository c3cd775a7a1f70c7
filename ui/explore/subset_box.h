// Chooses images by class or by text, and has every neuron scored on them alone.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QPointer>
#include <QTimer>
#include <QWidget>
#include <functional>
#include <memory>

#include "core/pipeline/subset_scores.h"
#include "ui/jobs/job_runner.h"
#include "ui/theme/theme.h"

namespace sememe {

// Scores the neurons of a run on the images that a text finds (core/pipeline/subset_scores.h); on the compute lane.
using SubsetScorer =
    std::function<SubsetScores(const std::filesystem::path& workspace, int64_t run, const std::string& text, const std::stop_token&)>;

class SubsetBox : public QWidget {
  Q_OBJECT
 public:
  SubsetBox(const Theme& theme, JobRunner& runner, SubsetScorer scorer, QWidget* parent = nullptr);

  // What is entered stays, and is scored anew for another run.
  void setSource(const std::filesystem::path& workspace, const RunInfo& run);
  void clear();

  // Null: all images count.
  const std::shared_ptr<const SubsetScores>& scores() const { return m_scores; }
  QComboBox& images() { return *m_images; }
  QString status() const { return m_status->text(); }

 Q_SIGNALS:
  void changed();  // the scores

 private:
  void fill(const std::vector<ClassInfo>& classes);
  void score();
  void say(const QString& text, bool wrong = false);

  JobRunner& m_runner;
  SubsetScorer m_scorer;
  std::filesystem::path m_workspace;
  RunInfo m_run;
  int m_generation = 0;
  int m_sourceGeneration = 0;
  QPointer<Job> m_job;
  QTimer m_pause;  // until typing rests
  QComboBox* m_images;
  QLabel* m_status;
  std::shared_ptr<const SubsetScores> m_scores;
};

}  // namespace sememe
