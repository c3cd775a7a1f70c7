// The Explore page: the neurons of a run, the strongest images of the selected one, and what is known about it.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QScrollArea>
#include <QStackedWidget>
#include <QToolButton>
#include <QWidget>

#include "ui/explore/details_panel.h"
#include "ui/explore/image_grid.h"
#include "ui/explore/image_viewer.h"
#include "ui/explore/neuron_list.h"
#include "ui/models/neuron_loader.h"
#include "ui/models/workspace_summary.h"
#include "ui/settings/settings.h"
#include "ui/widgets/kept_splitter.h"
#include "ui/widgets/run_header.h"

namespace sememe {

class ExplorePage : public QWidget {
  Q_OBJECT
 public:
  // Without a scorer the scores are about all images only.
  ExplorePage(const Theme& theme, JobRunner& runner, ImageReader readImage, SubsetScorer scorer = {}, QWidget* parent = nullptr);
  ~ExplorePage() override;  // saves what is being typed

  void setWorkspace(const WorkspaceSummary& summary);
  void clear();
  void showRun(int64_t run);  // of those that the workspace has
  // The page shows all that it has: rows, the selected neuron with all its thumbnails, or that there is nothing.
  bool isFilled() const { return m_filled; }

  void step(int neurons);
  void stepImage(int images);
  void goToFirst();
  void goToLast();
  void find();
  void editLabel();
  void enlarge();
  void copyNeuron() const;
  void copyImagePath() const;
  void showImageInFolder() const;
  void steerNeuron();
  void steerImage();
  bool hasNeuron() const { return m_grid->view() != nullptr; }
  bool hasLatent() const;  // a neuron of an SAE

  void setThumbnailSide(int side);
  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;
  void saveEdits() { m_details->labels().flush(); }

  NeuronList& list() { return *m_list; }
  ImageGrid& grid() { return *m_grid; }
  DetailsPanel& details() { return *m_details; }
  ImageViewer& viewer() { return *m_viewer; }
  NeuronLoader& loader() { return *m_loader; }
  QComboBox& runs() { return *m_runs; }
  QComboBox& encoders() { return *m_encoders; }

 Q_SIGNALS:
  void filled();
  void neuronChanged();
  void failed(const sememe::JobFailure& failure);
  void reloadWanted();
  void steerNeuronWanted(const sememe::RunInfo& run, qint64 neuron);  // of a run that an SAE made
  void steerImageWanted(const QString& file);

 protected:
  void resizeEvent(QResizeEvent*) override;

 private:
  QWidget* makeHeader();
  QWidget* makeCentre();
  void chooseRun(int index);
  void chooseEncoder(int index);
  void neuronSelected(int64_t neuron);
  void showView(const NeuronViewPtr& view);
  void updateTitle();
  void setFilled();
  void contextMenu(int index, const QPoint& global);

  const Theme& m_theme;
  WorkspaceSummary m_summary;
  bool m_filled = false;
  NeuronLoader* m_loader;
  QStackedWidget* m_stack;  // the panels, or that there is nothing to explore
  RunHeader* m_header;
  QComboBox* m_runs;
  QComboBox* m_encoders;
  QLabel* m_encoderName;
  QLabel* m_facts;
  KeptSplitter* m_splitter;
  NeuronList* m_list;
  ImageGrid* m_grid;
  QLabel* m_title;
  QLabel* m_position;
  QList<QToolButton*> m_walk;
  DetailsPanel* m_details;
  ImageViewer* m_viewer;
};

}  // namespace sememe
