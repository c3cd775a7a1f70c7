// The right panel of Explore: a neuron's scores, statistics and histogram, and its label.
#pragma once

#include <QCheckBox>
#include <QLabel>
#include <QWidget>

#include "ui/explore/label_editor.h"
#include "ui/explore/subset_box.h"
#include "ui/models/neuron_loader.h"
#include "ui/settings/settings.h"
#include "ui/widgets/histogram_plot.h"
#include "ui/widgets/score_bars.h"

namespace sememe {

class DetailsPanel : public QWidget {
  Q_OBJECT
 public:
  DetailsPanel(const Theme& theme, JobRunner& runner, SubsetScorer scorer, QWidget* parent = nullptr);

  void setView(const NeuronViewPtr& view);  // null: nothing
  void setChosenEncoder(int64_t embeddings);
  LabelEditor& labels() { return *m_labels; }
  SubsetBox& subset() { return *m_subset; }
  ScoreBars& scores() { return *m_scores; }
  HistogramPlot& histogram() { return *m_histogram; }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 private:
  void showScores();

  NeuronViewPtr m_view;
  int64_t m_encoder = 0;
  ScoreBars* m_scores;
  SubsetBox* m_subset;
  QLabel* m_fires;
  QLabel* m_mean;
  QLabel* m_max;
  QLabel* m_min;
  QLabel* m_classes;
  QLabel* m_entropy;
  HistogramPlot* m_histogram;
  QCheckBox* m_logarithmic;
  LabelEditor* m_labels;
};

}  // namespace sememe
