// The Steer page: an image, a question, neurons with sliders, and what LLaVA answers while they move.
#pragma once

#include <QComboBox>
#include <QCheckBox>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QStackedWidget>
#include <QTimer>
#include <QToolButton>
#include <QUndoStack>
#include <QWidget>
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "ui/models/workspace_summary.h"
#include "ui/settings/settings.h"
#include "ui/steer/answer_column.h"
#include "ui/steer/image_panel.h"
#include "ui/steer/model_chooser.h"
#include "ui/steer/neuron_finder.h"
#include "ui/steer/preset_menu.h"
#include "ui/steer/sampling_box.h"
#include "ui/steer/steer_edits.h"
#include "ui/steer/steer_rows.h"
#include "ui/steer/steering_engine.h"
#include "ui/steer/token_bars.h"
#include "ui/widgets/kept_splitter.h"

namespace sememe {

struct SteeringServices {
  // For the model; on a reader thread. Throws as decodeImage().
  std::function<std::shared_ptr<const Image>(const std::filesystem::path&)> readImage;
  // The demo's models, and the preset it opens with (may be empty); without a model there is no demo.
  SteeringModelParams demo;
  std::filesystem::path demoPreset;
};

class SteerPage : public QWidget {
  Q_OBJECT
 public:
  SteerPage(const Theme& theme, JobRunner& runner, ImageReader readImage, SteeringServices services, QWidget* parent = nullptr);
  ~SteerPage() override;

  // Labels, scores and images of the run whose SAE is the loaded one. The demo's workspace opens the demo's model once in view.
  void setWorkspace(const WorkspaceSummary& summary);
  void clear();
  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;
  bool isFilled() const;  // the model's three answers are there, or there is nothing to wait for
  void focusFirst();
  void setLabel(int64_t run, int64_t neuron, const QString& label, const QString& notes);

  void load(const SteeringModelParams& params);
  void loadDemo();
  // From Explore. Of another SAE than the loaded one: that one is proposed, and the neuron waits for it.
  void steerNeuron(const RunInfo& run, int64_t neuron);
  void openImage(const QString& file);

  void addNeuron(int64_t neuron);
  void removeCurrent();
  void findNeuron();
  bool canExplore() const { return m_run && m_rows->current() >= 0; }  // the current neuron, in the open workspace
  void exploreCurrent();
  void ask();          // anew
  void stop();
  void copyCommand();  // asks where to keep an image that has no file yet
  QString command() const;
  SteeringPreset preset() const;
  void setPreset(const SteeringPreset& preset);
  void chooseModels();
  bool isReady() const { return m_loaded.has_value(); }

  QUndoStack& undo() { return m_undo; }
  const SteerEdits& edits() const { return m_edits; }
  ModelChooser& chooser() { return *m_chooser; }
  SteerRows& rows() { return *m_rows; }
  NeuronFinder& finder() { return *m_finder; }
  ImagePanel& panel() { return *m_panel; }
  PresetMenu& presets() { return *m_presets; }
  SamplingBox& sampling() { return *m_sampling; }
  TokenBars& bars() { return *m_bars; }
  QComboBox& question() { return *m_question; }
  QComboBox& mode() { return *m_mode; }
  QCheckBox& preZero() { return *m_preZero; }
  QPushButton& askButton() { return *m_ask; }
  AnswerColumn& answer(Speaker speaker) { return *m_answers[size_t(speaker)]; }
  NeuronLoader& loader() { return *m_loader; }
  QString modelName() const { return m_modelName->text(); }
  QString lastModel() const { return m_recentModels.value(0); }  // its folder; empty: none was loaded yet
  bool isBusy() const { return m_busy; }
  bool showsChooser() const { return m_states->currentIndex() == Choosing; }

 Q_SIGNALS:
  void filled();
  void actionsChanged();
  void said(const QString& sentence);
  void exploreWanted(qint64 run, qint64 neuron);
  void settled();  // what is to be remembered has changed
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);

 protected:
  void showEvent(QShowEvent*) override;

 private:
  enum State { Choosing, Loading, Working };
  class EditCommand;
  struct Context {  // what the original's answer depends on
    std::shared_ptr<const Image> image;
    QString question;
    SamplingOptions sampling;
    bool operator==(const Context&) const = default;
  };

  // steer_page_layout.cpp
  void buildLayout();
  QWidget* makeLoading();
  QWidget* makeHeader();
  QWidget* makeNeurons();
  QWidget* makeAnswers();
  QWidget* panelOf(QWidget* content, int minimumWidth);

  // steer_page_edits.cpp
  void change(const SteerEdits& next, const QString& what, const QString& merge = {});
  void apply(const SteerEdits& edits);
  void addWaitingNeuron();

  // steer_page_asking.cpp
  void showQuestions();
  void submitQuestion();
  void hearSpeech(const LiveEvent& event);
  void setBusy(bool busy);

  void hear(const LiveEvent& event);
  void hearLoading(const LiveEvent& event);
  void loaded(const LiveLoaded& what);
  void see(const LiveSeen& seen);
  void fail(const QString& title, const std::exception_ptr& error, std::function<void()> retry = {});
  void matchRun();
  void prefetch();
  void readOneImage(std::function<std::shared_ptr<const Image>()> read, const QString& file);
  void look();
  void lookAt(std::vector<int> patches, const QString& where);
  void updateButtons();
  void finish();

  const Theme& m_theme;
  JobRunner& m_runner;
  SteeringServices m_services;
  SteeringEngine* m_engine;
  NeuronLoader* m_loader;
  WorkspaceSummary m_summary;
  std::optional<RunInfo> m_run;  // whose SAE is the loaded one

  uint64_t m_load = 0;           // generation
  SteeringModelParams m_params;  // loaded, or being loaded
  std::optional<LiveLoaded> m_loaded;
  bool m_wantsDemo = false;      // once in view
  std::optional<SteeringPreset> m_waitingPreset;  // for a model, or for its image
  std::optional<std::pair<std::string, int64_t>> m_waitingNeuron;  // and the SAE that has it
  QStringList m_recentModels, m_recentSaes, m_questions;

  int m_imageGeneration = 0;
  bool m_readingImage = false;
  std::shared_ptr<const Image> m_image;
  QString m_imageFile;  // empty: it has none
  double m_norm = 0;

  SteerEdits m_edits;
  QUndoStack m_undo;
  Context m_context;
  uint64_t m_contextFrom = 0, m_asked = 0;  // generations: the first with m_context, the newest
  std::array<uint64_t, 3> m_speaking = {};  // generation of what each column shows
  bool m_busy = false, m_quick = true, m_askedWhole = true;
  bool m_filled = false;
  bool m_opening = false;  // the demo's preset is being read
  bool m_looked = true;    // what was asked to be seen is there
  std::vector<int> m_lookPatches;
  QString m_lookWhere;
  int64_t m_pointed = -1;  // the neuron whose activations are shown on the image
  QTimer m_busySoon;       // a short answer needs no Stop

  QStackedWidget* m_states;
  ModelChooser* m_chooser;
  QLabel* m_loadingTitle;
  QLabel* m_loadingText;
  QProgressBar* m_loadingBar;
  QPushButton* m_loadingCancel;
  QLabel* m_modelName;
  QLabel* m_modelFacts;
  QPushButton* m_change;
  PresetMenu* m_presets;
  QPushButton* m_copy;
  KeptSplitter *m_columns, *m_left, *m_right, *m_top;
  ImagePanel* m_panel;
  NeuronFinder* m_finder;
  SteerRows* m_rows;
  QComboBox* m_mode;
  QCheckBox* m_preZero;
  QToolButton *m_undoButton, *m_redoButton;
  TokenBars* m_bars;
  QComboBox* m_question;
  SamplingBox* m_sampling;
  QPushButton* m_ask;
  std::array<AnswerColumn*, 3> m_answers;  // by Speaker
};

}  // namespace sememe
