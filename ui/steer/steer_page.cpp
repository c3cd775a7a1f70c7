// What the Steer page does.
#include "ui/steer/steer_page.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QStandardPaths>
#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "ui/steer/steer_command.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kFiring = 50;
constexpr int kBusyMs = 150;
constexpr int kUndoSteps = 300;

QString fromPath(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }

// "llava-1.5-7b-hf": the last part of a path that says something.
QString nameOf(const std::filesystem::path& path) {
  const std::filesystem::path clean = path.filename().empty() ? path.parent_path() : path;
  const QString name = fromPath(clean.filename());
  const bool plain = name == QLatin1String("ae.pt") || name == QLatin1String("sae.pt") || name.startsWith(QLatin1String("trainer_"));
  return plain && clean.has_parent_path() ? nameOf(clean.parent_path()) : name;
}

Image imageOf(const QImage& pixels) {
  const QImage rgb = pixels.convertToFormat(QImage::Format_RGB888);
  Image image{rgb.width(), rgb.height(), {}};
  for (int y = 0; y < rgb.height(); ++y) image.rgb.insert(image.rgb.end(), rgb.constScanLine(y), rgb.constScanLine(y) + 3 * rgb.width());
  return image;
}

QImage viewOf(const Image& image) {
  return QImage(image.rgb.data(), image.width, image.height, qsizetype(3) * image.width, QImage::Format_RGB888).convertToFormat(QImage::Format_RGB32);
}

}  // namespace

SteerPage::SteerPage(const Theme& theme, JobRunner& runner, ImageReader readImage, SteeringServices services, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_runner(runner), m_services(std::move(services)), m_engine(new SteeringEngine(this)),
      m_loader(new NeuronLoader(runner, std::move(readImage), this)) {
  buildLayout();
  m_undo.setUndoLimit(kUndoSteps);
  m_busySoon.setSingleShot(true);
  m_busySoon.setInterval(kBusyMs);
  m_chooser->setDemoAvailable(!m_services.demo.model.empty());

  connect(m_engine, &SteeringEngine::heard, this, &SteerPage::hear);
  connect(m_chooser, &ModelChooser::loadWanted, this, [this] { load(m_chooser->params()); });
  connect(m_chooser, &ModelChooser::demoWanted, this, &SteerPage::loadDemo);
  connect(m_chooser, &ModelChooser::backWanted, this, [this] {
    m_waitingNeuron.reset();
    m_states->setCurrentIndex(Working);
    focusFirst();
    updateButtons();
  });
  connect(m_loadingCancel, &QPushButton::clicked, this, [this] {
    m_load = 0;
    m_engine->live().unload();
    chooseModels();
  });
  connect(m_change, &QPushButton::clicked, this, &SteerPage::chooseModels);
  connect(m_copy, &QPushButton::clicked, this, &SteerPage::copyCommand);
  connect(m_presets, &PresetMenu::chosen, this, &SteerPage::setPreset);
  connect(m_presets, &PresetMenu::said, this, &SteerPage::said);
  connect(m_presets, &PresetMenu::failed, this, [this](const QString& title, const JobFailure& failure, std::function<void()> retry) {
    m_opening = false;
    addWaitingNeuron();
    Q_EMIT failed(title, failure, std::move(retry));
    finish();
  });

  connect(m_panel, &ImagePanel::fileChosen, this, &SteerPage::openImage);
  connect(m_panel, &ImagePanel::imagePasted, this, [this](const QImage& pixels) {
    readOneImage([pixels] { return std::make_shared<const Image>(imageOf(pixels)); }, QString());
  });
  connect(m_panel, &ImagePanel::maskChanged, this, [this] {
    SteerEdits next = m_edits;
    next.painted = m_panel->mask();
    change(next, next.painted.empty() ? tr("Steer the whole image") : tr("Paint patches"));
  });
  connect(m_panel, &ImagePanel::patchClicked, this, [this](int patch) {
    const bool again = m_lookPatches == std::vector{patch};
    if (again || !m_loaded) return lookAt({}, {});
    const int columns = std::max(1, m_loaded->grid.columns);
    lookAt({patch}, tr("on the patch in row %1, column %2").arg(patch / columns + 1).arg(patch % columns + 1));
  });

  connect(m_finder, &NeuronFinder::chosen, this, &SteerPage::addNeuron);
  const auto point = [this](qint64 neuron) {
    if (neuron == m_pointed) return;
    m_pointed = neuron;
    look();
  };
  connect(m_finder, &NeuronFinder::pointedAt, this, point);
  connect(m_rows, &SteerRows::pointedAt, this, point);
  connect(m_finder, &NeuronFinder::viewChanged, this, &SteerPage::prefetch);
  connect(m_loader, &NeuronLoader::loaded, this, [this](qint64 neuron) {
    if (SteerRow* row = m_rows->row(neuron)) row->refresh();
    m_finder->refresh();
    finish();
  });
  connect(m_rows, &SteerRows::edited, this, [this](const QString& what, const QString& merge) {
    SteerEdits next = m_edits;
    next.neurons = m_rows->neurons();
    change(next, what, merge);
  });
  connect(m_rows, &SteerRows::rested, this, [this] {
    if (!m_askedWhole) ask();
  });
  connect(m_rows, &SteerRows::exploreWanted, this, [this](qint64 neuron) {
    if (m_run) Q_EMIT exploreWanted(m_run->id, neuron);
  });
  connect(m_rows, &SteerRows::currentChanged, this, &SteerPage::updateButtons);
  connect(m_mode, &QComboBox::activated, this, [this] {
    SteerEdits next = m_edits;
    next.mode = Steering::Mode(m_mode->currentData().toInt());
    change(next, next.mode == Steering::Mode::Replace ? tr("Replace with the reconstruction") : tr("Keep the error"));
  });
  connect(m_preZero, &QCheckBox::clicked, this, [this](bool on) {
    SteerEdits next = m_edits;
    next.preZero = on;
    change(next, on ? tr("Silence all other neurons") : tr("Silence no others"));
  });
  for (const auto& [button, step] : {std::pair(m_undoButton, &QUndoStack::undo), std::pair(m_redoButton, &QUndoStack::redo)})
    connect(button, &QToolButton::clicked, &m_undo, step);
  connect(&m_undo, &QUndoStack::indexChanged, this, &SteerPage::updateButtons);

  connect(m_question->lineEdit(), &QLineEdit::returnPressed, this, &SteerPage::submitQuestion);
  connect(m_question, &QComboBox::activated, this, &SteerPage::submitQuestion);
  connect(m_question, &QComboBox::editTextChanged, this, &SteerPage::updateButtons);
  connect(m_sampling, &SamplingBox::edited, this, [this] {
    ask();
    Q_EMIT settled();
  });
  connect(m_ask, &QPushButton::clicked, this, [this] { m_busy && m_ask->property("stops").toBool() ? stop() : submitQuestion(); });
  connect(&m_busySoon, &QTimer::timeout, this, &SteerPage::updateButtons);
  connect(m_answers[size_t(Speaker::Original)], &AnswerColumn::textChanged, this, [this] {
    AnswerColumn& original = answer(Speaker::Original);
    const QString text = original.state() == AnswerColumn::State::Whole && !original.isStale() ? original.text() : QString();
    for (const Speaker s : {Speaker::Reconstruction, Speaker::Steered}) answer(s).setOriginal(text);
  });
  applySettings({});
  updateButtons();
}

// What is in it ends after it, and tells of it: the focus goes, the history is emptied.
SteerPage::~SteerPage() {
  m_undo.disconnect(this);
  for (QObject* child : findChildren<QObject*>()) child->disconnect(this);
}

// --- The model ---

void SteerPage::load(const SteeringModelParams& params) {
  m_wantsDemo = false;
  m_params = params;
  m_loaded.reset();
  setBusy(false);
  m_loadingTitle->setText(tr("Loading %1").arg(nameOf(params.model)));
  m_loadingText->setText(tr("Reading what goes together…"));
  m_loadingBar->setRange(0, 0);
  m_states->setCurrentIndex(Loading);
  m_loadingCancel->setFocus();
  m_filled = false;
  m_load = m_engine->live().load(params);
  updateButtons();
}

void SteerPage::loadDemo() {
  if (m_services.demo.model.empty()) return;
  m_opening = !m_services.demoPreset.empty() && !m_image && !m_readingImage;
  if (m_opening) m_presets->readDemo(fromPath(m_services.demoPreset), m_summary.path);
  load(m_services.demo);
}

void SteerPage::chooseModels() {
  if (!m_params.model.empty()) m_chooser->setParams(m_params);
  m_chooser->setBackAvailable(m_loaded.has_value());
  m_states->setCurrentIndex(Choosing);
  m_chooser->model().setFocus();
  updateButtons();
  finish();
}

void SteerPage::hear(const LiveEvent& event) { event.loading ? hearLoading(event) : hearSpeech(event); }

void SteerPage::hearLoading(const LiveEvent& event) {
  if (event.generation != m_load) return;
  if (const auto* loading = std::get_if<LiveLoading>(&event.what)) {
    const Progress& p = loading->progress;
    m_loadingBar->setRange(0, p.total > 0 ? 1000 : 0);
    if (p.total > 0) m_loadingBar->setValue(int(1000.0 * double(p.done) / double(p.total)));
    QString text = tr("%1 of %2 MB").arg(grouped(p.done / 1'000'000), grouped(p.total / 1'000'000));
    if (p.secondsLeft >= 1) text += QStringLiteral("  ·  ") + tr("%1 left").arg(QString::fromStdString(formatSeconds(p.secondsLeft)));
    m_loadingText->setText(text);
  } else if (const auto* done = std::get_if<LiveLoaded>(&event.what)) {
    loaded(*done);
  } else {
    m_waitingPreset.reset();
    m_opening = false;
    chooseModels();
    if (const auto* failure = std::get_if<LiveFailed>(&event.what))
      fail(tr("The models could not be loaded"), failure->error, [this, params = m_params] { load(params); });
  }
}

void SteerPage::loaded(const LiveLoaded& what) {
  m_loaded = what;
  const bool demo = m_params.model == m_services.demo.model;
  if (!demo) {
    remember(m_recentModels, fromPath(m_params.model), kSteerRecent);
    remember(m_recentSaes, fromPath(m_params.sae), kSteerRecent);
    m_chooser->setRecent(m_recentModels, m_recentSaes);
  }
  m_modelName->setText(demo ? tr("Demo model") : nameOf(m_params.model));
  const QStringList facts{nameOf(m_params.sae), tr("%1, %2 neurons").arg(QString::fromStdString(what.sae.type), grouped(what.sae.neurons)),
                          QString::fromStdString(what.tap)};
  m_modelFacts->setText(facts.join(QStringLiteral("  ·  ")));
  m_modelFacts->setToolTip(tr("Model: %1\nSAE: %2\nSteered at %3").arg(fromPath(m_params.model), fromPath(m_params.sae), facts.last()));
  m_states->setCurrentIndex(Working);
  // Neurons are the SAE's: those of another one would mean something else.
  std::erase_if(m_edits.neurons, [&](const NeuronEdit& e) { return e.neuron >= what.sae.neurons; });
  if (int(m_edits.painted.size()) != what.grid.patches()) m_edits.painted.clear();
  m_undo.clear();
  m_context = {};
  m_panel->clearImage();
  m_norm = 0;
  matchRun();
  if (const auto waiting = std::exchange(m_waitingPreset, {})) setPreset(*waiting);
  else apply(m_edits);
  addWaitingNeuron();
  if (isVisible()) focusFirst();
  updateButtons();
  Q_EMIT settled();
  finish();
}

void SteerPage::fail(const QString& title, const std::exception_ptr& error, std::function<void()> retry) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    Q_EMIT failed(title, JobFailure::from(exception), std::move(retry));
  }
}

// --- The workspace ---

void SteerPage::setWorkspace(const WorkspaceSummary& summary) {
  const bool sameFile = summary.path == m_summary.path;
  m_summary = summary;
  if (sameFile) m_loader->clear();  // it may have changed since
  matchRun();
  const bool demo = std::any_of(summary.runs.begin(), summary.runs.end(), [](const RunChoice& choice) {
    return QString::fromStdString(choice.run.saePath).endsWith(QLatin1String("demo/sae-patch/trainer_0"));
  });
  m_wantsDemo = demo && !m_services.demo.model.empty() && !m_loaded && m_states->currentIndex() == Choosing;
  if (m_wantsDemo) m_filled = false;
  if (m_wantsDemo && isVisible()) loadDemo();
}

void SteerPage::clear() {
  m_summary = {};
  m_wantsDemo = false;
  matchRun();
  finish();
}

void SteerPage::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (m_wantsDemo) loadDemo();
}

// Whose neurons have images, labels and scores: of the runs of this SAE the one that scored them.
void SteerPage::matchRun() {
  m_run.reset();
  if (m_loaded) {
    for (const RunChoice& choice : m_summary.runs) {
      if (choice.run.saeFingerprint == m_loaded->sae.fingerprint && (!m_run || !choice.scores.empty())) m_run = choice.run;
    }
  }
  m_run ? m_loader->setSource(m_summary.path, *m_run) : m_loader->clear();
  m_finder->setSource(m_summary.path, m_run ? m_run->id : 0, m_loaded ? m_loaded->sae.neurons : 0);
  m_presets->setSource(m_summary.path, m_summary.readOnly, m_loaded ? m_loaded->sae.fingerprint : std::string(), m_run ? m_run->dataset : 0);
  m_rows->refresh();
  prefetch();
}

void SteerPage::setLabel(int64_t run, int64_t neuron, const QString& label, const QString& notes) {
  if (!m_run || run != m_run->id) return;
  m_loader->updateLabel(neuron, label, notes);
  if (SteerRow* row = m_rows->row(neuron)) row->refresh();
  m_finder->refresh();
}

void SteerPage::prefetch() {
  if (!m_loader->hasSource()) return;
  std::vector<int64_t> wanted;
  for (const NeuronEdit& e : m_edits.neurons) wanted.push_back(e.neuron);
  for (const int64_t neuron : m_finder->visibleNeurons()) wanted.push_back(neuron);
  if (!std::all_of(wanted.begin(), wanted.end(), [this](int64_t neuron) { return m_loader->isWarm(neuron); })) m_filled = false;
  m_loader->prefetch(wanted);
}

void SteerPage::steerNeuron(const RunInfo& run, int64_t neuron) {
  if (m_loaded && m_loaded->sae.fingerprint == run.saeFingerprint) {
    m_states->setCurrentIndex(Working);
    return addNeuron(neuron);
  }
  m_waitingNeuron.emplace(run.saeFingerprint, neuron);
  m_wantsDemo &= QString::fromStdString(run.saePath).endsWith(QLatin1String("demo/sae-patch/trainer_0"));
  if (m_wantsDemo || m_states->currentIndex() == Loading) return;  // it may be that one
  SteeringModelParams params = m_params.model.empty() ? m_chooser->params() : m_params;
  params.sae = run.saePath;
  params.layer = run.layer;
  chooseModels();
  m_chooser->setParams(params);
  Q_EMIT said(tr("Neuron %1 is of another SAE than the one that is loaded: load the model with it").arg(neuron));
}

// --- The image ---

void SteerPage::openImage(const QString& file) {
  readOneImage([read = m_services.readImage, path = std::filesystem::path(file.toStdString())] { return read(path); }, file);
}

void SteerPage::readOneImage(std::function<std::shared_ptr<const Image>()> read, const QString& file) {
  const int generation = ++m_imageGeneration;
  m_readingImage = true;
  m_filled = false;
  JobSpec spec;
  spec.urgency = Urgency::Now;
  Job* job = m_runner.run(
      spec, this, [read](JobContext&) { return read(); },
      [this, generation, file](std::shared_ptr<const Image> image) {
        if (generation != m_imageGeneration) return;
        m_readingImage = false;
        m_image = std::move(image);
        m_imageFile = file;
        ask();
      });
  connect(job, &Job::failed, this, [this, generation, read, file](const JobFailure& failure) {
    if (generation != m_imageGeneration) return;
    m_readingImage = false;
    ask();  // about the one before, if what is steered has changed since
    finish();
    Q_EMIT failed(tr("The image can not be read"), failure, [this, read, file] { readOneImage(read, file); });
  });
  updateButtons();
}

void SteerPage::see(const LiveSeen& seen) {
  if (seen.image != m_image || !m_loaded) return;
  m_panel->setImage(viewOf(seen.view), m_loaded->grid.rows, m_loaded->grid.columns);
  m_panel->setMask(m_edits.painted);
  m_norm = seen.tokenNorm;
  m_rows->setTokenNorm(m_norm);
  lookAt({}, {});
}

void SteerPage::lookAt(std::vector<int> patches, const QString& where) {
  m_lookPatches = std::move(patches);
  m_lookWhere = where;
  look();
}

// What fires, and where the neuron does that one points at.
void SteerPage::look() {
  if (!m_panel->hasImage()) return;
  LiveLook wanted;
  wanted.patches = m_lookPatches;
  wanted.most = kFiring;
  wanted.neuron = m_pointed;
  m_looked = m_filled = false;
  m_engine->live().look(std::move(wanted));
}

// --- Around it ---

void SteerPage::copyCommand() {
  if (!m_loaded || !m_image) return;
  if (m_imageFile.isEmpty()) {
    const QString file = QFileDialog::getSaveFileName(this, tr("The image has no file yet: where to keep it?"),
                                                      QStandardPaths::writableLocation(QStandardPaths::PicturesLocation) + QStringLiteral("/steered.png"), tr("PNG images (*.png)"));
    if (file.isEmpty()) return;
    Job* job = m_runner.run(
        {}, this,
        [image = m_image, file](JobContext&) {
          if (!viewOf(*image).save(file, "PNG")) throw Error(ErrorCode::Io, "the image can not be written", file.toStdString());
          return true;
        },
        [this, image = m_image, file](bool) {
          if (image != m_image) return;
          m_imageFile = file;
          copyCommand();
        });
    connect(job, &Job::failed, this, [this](const JobFailure& why) { Q_EMIT failed(tr("The image could not be kept"), why, [this] { copyCommand(); }); });
    return;
  }
  QApplication::clipboard()->setText(command());
  Q_EMIT said(tr("The command is on the clipboard"));
}

QString SteerPage::command() const {
  return steerCommand({m_params, m_imageFile, m_question->currentText().trimmed(), m_sampling->options(), m_edits});
}

bool SteerPage::isFilled() const {
  if (m_wantsDemo || m_states->currentIndex() == Loading) return false;
  if (m_states->currentIndex() == Choosing) return true;
  if (m_readingImage || m_opening || m_busy || !m_looked) return false;
  if (!m_image) return true;
  if (!m_loader->hasSource()) return true;
  const std::vector<int64_t> seen = m_finder->visibleNeurons();
  const auto warm = [this](int64_t neuron) { return m_loader->isWarm(neuron); };
  return std::all_of(seen.begin(), seen.end(), warm) &&
         std::all_of(m_edits.neurons.begin(), m_edits.neurons.end(), [&](const NeuronEdit& e) { return warm(e.neuron); });
}

void SteerPage::finish() {
  if (!m_filled && isFilled()) {
    m_filled = true;
    Q_EMIT filled();
  }
}

void SteerPage::focusFirst() {
  if (m_states->currentIndex() == Choosing) m_chooser->model().setFocus();
  else if (m_states->currentIndex() != Working) m_loadingCancel->setFocus();
  else if (SteerRow* row = m_rows->row(m_rows->current())) row->slider().setFocus();
  else m_finder->search().setFocus();
}

void SteerPage::updateButtons() {
  const bool stops = m_busy && !m_busySoon.isActive();
  m_ask->setProperty("stops", stops);
  m_ask->setText(stops ? tr("Stop") : tr("Ask"));
  m_ask->setToolTip(stops ? tr("Stop answering (Esc)") : tr("Ask again (Enter in the question)"));
  m_ask->setEnabled(stops || (m_loaded && m_image && !m_question->currentText().trimmed().isEmpty()));
  m_copy->setEnabled(m_loaded && m_image);
  m_presets->setEnabled(m_loaded.has_value());
  for (const auto& [button, can, text, key] : {std::tuple(m_undoButton, m_undo.canUndo(), m_undo.undoText(), tr("Undo")), std::tuple(m_redoButton, m_undo.canRedo(), m_undo.redoText(), tr("Redo"))}) {
    button->setEnabled(can);
    button->setToolTip(can ? QStringLiteral("%1: %2").arg(key, text) : key);
  }
  Q_EMIT actionsChanged();
}

void SteerPage::applySettings(const Settings& settings) {
  m_recentModels = settings.steerModels;
  m_recentSaes = settings.steerSaes;
  m_chooser->setRecent(m_recentModels, m_recentSaes);
  if (const int index = m_chooser->precision().findData(settings.steerPrecision); index >= 0) m_chooser->precision().setCurrentIndex(index);
  m_questions = settings.steerQuestions;
  m_sampling->setOptions(settings.steerSampling);
  m_panel->setFolder(settings.steerImageFolder);
  const QString now = m_question->currentText();
  showQuestions();
  if (!now.isEmpty()) {
    const QSignalBlocker quiet(m_question);
    m_question->setEditText(now);
  }
  m_columns->apply(settings.steerSplitter, {348, 1012});
  m_left->apply(settings.steerImageSplitter, {430, 300});
  m_top->apply(settings.steerTopSplitter, {720, 320});
  m_right->apply(settings.steerAnswersSplitter, {520, 250});
}

void SteerPage::storeSettings(Settings& settings) const {
  settings.steerModels = m_recentModels;
  settings.steerSaes = m_recentSaes;
  settings.steerPrecision = m_chooser->precision().currentData().toString();
  settings.steerQuestions = m_questions;
  settings.steerSampling = m_sampling->options();
  settings.steerImageFolder = m_panel->folder();
  settings.steerSplitter = m_columns->kept();
  settings.steerImageSplitter = m_left->kept();
  settings.steerTopSplitter = m_top->kept();
  settings.steerAnswersSplitter = m_right->kept();
}

}  // namespace sememe
