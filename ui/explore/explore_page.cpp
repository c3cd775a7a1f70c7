// The Explore page.
#include "ui/explore/explore_page.h"

#include <QApplication>
#include <QClipboard>
#include <QDesktopServices>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLocale>
#include <QMenu>
#include <QSignalBlocker>
#include <QUrl>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/widgets/empty_state.h"

namespace sememe {
namespace {

constexpr int kPrefetchEach = 3;

QString fromStd(const std::string& text) { return QString::fromStdString(text); }

// "Matryoshka BatchTopK 64 → 512, k 8 · post_projection · cls · 5,000 images"
QString factsOf(const RunChoice& choice) {
  const QLocale english(QLocale::English);
  const RunInfo& r = choice.run;
  QStringList facts;
  if (r.saeSize > 0) {
    QString sae = QStringLiteral("%1 → %2").arg(english.toString(qlonglong(r.saeDim)), english.toString(qlonglong(r.saeSize)));
    if (r.saeK > 0) sae += QStringLiteral(", k %1").arg(r.saeK);
    facts << sae;
  }
  if (!r.point.empty()) {
    facts << (r.layer >= 0 ? QStringLiteral("%1, layer %2").arg(fromStd(r.point)).arg(r.layer) : fromStd(r.point));
  }
  if (!r.tokens.empty()) facts << fromStd(r.tokens);
  facts << QObject::tr("%1 images").arg(english.toString(qlonglong(r.indexedImages)));
  return facts.join(QStringLiteral("  ·  "));
}

QString tooltipOf(const RunChoice& choice) {
  const RunInfo& r = choice.run;
  QStringList lines{fromStd(r.name)};
  if (!r.modelName.empty()) lines << QObject::tr("Model: %1").arg(fromStd(r.modelName));
  if (!r.saeType.empty()) lines << QObject::tr("SAE: %1").arg(fromStd(r.saeType));
  if (!choice.dataset.empty()) lines << QObject::tr("Images: %1").arg(fromStd(choice.dataset));
  return lines.join(QLatin1Char('\n'));
}

}  // namespace

ExplorePage::ExplorePage(const Theme& theme, JobRunner& runner, ImageReader readImage, SubsetScorer scorer, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_loader(new NeuronLoader(runner, std::move(readImage), this)) {
  m_list = new NeuronList(theme, runner);
  m_grid = new ImageGrid(theme, *m_loader);
  m_details = new DetailsPanel(theme, runner, std::move(scorer));

  m_splitter = new KeptSplitter(Qt::Horizontal);
  const auto panel = [&](QWidget* content) {
    auto* frame = new QFrame;
    frame->setProperty("panel", true);
    auto* box = new QVBoxLayout(frame);
    box->setContentsMargins(0, 0, 0, 0);
    box->addWidget(content);
    m_splitter->addWidget(frame);
    return frame;
  };
  panel(m_list)->setMinimumWidth(300);
  m_splitter->addWidget(makeCentre());
  panel(m_details)->setMinimumWidth(240);
  m_splitter->setStretchFactor(0, 0);
  m_splitter->setStretchFactor(1, 1);
  m_splitter->setStretchFactor(2, 0);

  auto* nothing = new EmptyState(
      theme, QStringLiteral("database"), tr("Nothing to explore in this workspace yet"),
      tr("It holds no run whose neurons are indexed.\nIn a terminal, run “sememe-cli extract”, “index” and “score” on it, then reload."),
      tr("Reload"));
  connect(nothing, &EmptyState::actionClicked, this, &ExplorePage::reloadWanted);
  m_stack = new QStackedWidget;
  m_stack->addWidget(m_splitter);
  m_stack->addWidget(nothing);

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(makeHeader());
  column->addWidget(m_stack, 1);
  m_viewer = new ImageViewer(theme, *m_loader, this);

  connect(m_runs, &QComboBox::currentIndexChanged, this, &ExplorePage::chooseRun);
  connect(m_encoders, &QComboBox::currentIndexChanged, this, &ExplorePage::chooseEncoder);
  connect(m_list, &NeuronList::neuronSelected, this, [this](qint64 neuron) { neuronSelected(neuron); });
  connect(m_list, &NeuronList::positionChanged, this, &ExplorePage::updateTitle);
  connect(m_list, &NeuronList::failed, this, &ExplorePage::failed);
  connect(m_list, &NeuronList::shown, this, [this] {
    // Without a row there is nothing more to wait for.
    if (m_list->selected() < 0 || m_list->model().rowCount() == 0) setFilled();
  });
  connect(m_loader, &NeuronLoader::viewReady, this, &ExplorePage::showView);
  connect(m_loader, &NeuronLoader::thumbnailsReady, this, [this](qint64) {
    m_grid->update();
    m_loader->prefetch(m_list->neighbours(kPrefetchEach));
  });
  connect(m_loader, &NeuronLoader::failed, this, &ExplorePage::failed);
  connect(m_grid, &ImageGrid::painted, this, [this](qint64 neuron) {
    if (neuron == m_list->selected()) setFilled();
  });
  connect(m_grid, &ImageGrid::activated, this, &ExplorePage::enlarge);
  connect(m_grid, &ImageGrid::contextMenuAt, this, &ExplorePage::contextMenu);
  connect(m_viewer, &ImageViewer::currentChanged, m_grid, &ImageGrid::setCurrent);
  connect(&m_details->labels(), &LabelEditor::edited, this, [this](qint64 neuron, const QString& label, const QString& notes) {
    m_list->setLabel(neuron, label);
    m_loader->updateLabel(neuron, label, notes);
    updateTitle();
  });
  applySettings({});
}

// Here and not when the widgets go one by one: the list is told of the label, and must still be there.
ExplorePage::~ExplorePage() { saveEdits(); }

QWidget* ExplorePage::makeHeader() {
  m_header = new RunHeader;
  m_runs = &m_header->runs();
  m_encoders = &m_header->encoders();
  m_facts = &m_header->note();
  m_encoderName = &m_header->encoderName();
  return m_header;
}

QWidget* ExplorePage::makeCentre() {
  auto* centre = new QFrame;
  centre->setProperty("panel", true);
  m_title = new QLabel;
  m_title->setProperty("role", QStringLiteral("title"));
  m_title->setTextFormat(Qt::PlainText);
  m_title->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  QFont font = m_title->font();
  font.setPointSizeF(font.pointSizeF() * 1.25);
  m_title->setFont(font);
  m_position = new QLabel;
  m_position->setProperty("role", QStringLiteral("muted"));

  auto* head = new QHBoxLayout;
  head->setContentsMargins(2 * kUnit, kUnit, kUnit, 0);
  head->setSpacing(kUnit / 2);
  head->addWidget(m_title, 1);
  head->addWidget(m_position);
  head->addSpacing(kUnit / 2);
  const auto button = [&](const QString& icon, const QString& tip, auto action) {
    auto* b = new QToolButton;
    b->setIcon(m_theme.icon(icon));
    b->setIconSize({18, 18});
    b->setToolTip(tip);
    b->setAccessibleName(tip);
    b->setFocusPolicy(Qt::TabFocus);
    connect(b, &QToolButton::clicked, this, action);
    head->addWidget(b);
    m_walk.append(b);
  };
  button(QStringLiteral("first"), tr("First neuron (Ctrl+Home)"), [this] { goToFirst(); });
  button(QStringLiteral("up"), tr("Previous neuron (K)"), [this] { step(-1); });
  button(QStringLiteral("down"), tr("Next neuron (J)"), [this] { step(1); });
  button(QStringLiteral("last"), tr("Last neuron (Ctrl+End)"), [this] { goToLast(); });

  auto* scroll = new QScrollArea;
  scroll->setWidget(m_grid);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->viewport()->setAutoFillBackground(false);
  m_grid->setAutoFillBackground(false);
  auto* column = new QVBoxLayout(centre);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addLayout(head);
  column->addWidget(scroll, 1);
  centre->setMinimumWidth(340);
  return centre;
}

void ExplorePage::setWorkspace(const WorkspaceSummary& summary) {
  const bool sameFile = summary.path == m_summary.path;
  const int64_t runBefore = sameFile && m_runs->currentIndex() >= 0 ? m_runs->currentData().toLongLong() : 0;
  if (sameFile) m_loader->clear();  // it may have changed since
  else clear();
  m_summary = summary;
  m_filled = false;
  {
    const QSignalBlocker block(m_runs);
    m_runs->clear();
    for (const RunChoice& choice : summary.runs) {
      m_runs->addItem(fromStd(choice.run.name), qlonglong(choice.run.id));
      m_runs->setItemData(m_runs->count() - 1, tooltipOf(choice), Qt::ToolTipRole);
    }
  }
  m_stack->setCurrentIndex(summary.runs.empty() ? 1 : 0);
  for (QWidget* w : std::initializer_list<QWidget*>{m_runs, m_encoders}) w->setEnabled(!summary.runs.empty());
  if (summary.runs.empty()) {
    m_facts->clear();
    m_encoders->clear();
    setFilled();
    return;
  }
  // The first run that an SAE made is what one came for.
  int index = m_runs->findData(qlonglong(runBefore));
  if (index < 0) {
    const auto sae = std::find_if(summary.runs.begin(), summary.runs.end(), [](const RunChoice& r) { return r.run.saeSize > 0; });
    index = sae == summary.runs.end() ? 0 : int(sae - summary.runs.begin());
  }
  const QSignalBlocker block(m_runs);
  m_runs->setCurrentIndex(index);
  chooseRun(index);
}

void ExplorePage::showRun(int64_t run) {
  const int index = m_runs->findData(qlonglong(run));
  if (index >= 0) m_runs->setCurrentIndex(index);
}

void ExplorePage::clear() {
  m_details->labels().flush();
  m_list->clear();
  m_loader->clear();
  m_details->subset().clear();
  showView(nullptr);
  m_summary = {};
  m_filled = false;
}

void ExplorePage::chooseRun(int index) {
  if (index < 0 || index >= int(m_summary.runs.size())) return;
  const RunChoice& choice = m_summary.runs[size_t(index)];
  m_filled = false;
  m_facts->setText(factsOf(choice));
  m_facts->setToolTip(tooltipOf(choice));
  m_runs->setToolTip(tooltipOf(choice));
  m_header->setEncoders(choice.scores);
  m_details->labels().setSource(m_summary.path, choice.run.id, m_summary.readOnly);
  m_details->subset().setSource(m_summary.path, choice.run);
  m_loader->setSource(m_summary.path, choice.run);
  showView(nullptr);
  chooseEncoder(m_encoders->currentIndex());
  // The same run again keeps its neuron, and the list has nothing to tell of it.
  if (m_list->selected() >= 0) neuronSelected(m_list->selected());
}

void ExplorePage::chooseEncoder(int index) {
  const int run = m_runs->currentIndex();
  if (index < 0 || run < 0) return;
  const RunChoice& choice = m_summary.runs[size_t(run)];
  const int64_t embeddings = m_encoders->itemData(index).toLongLong();
  m_details->setChosenEncoder(embeddings);
  m_list->setSource(m_summary.path, choice.run.id, embeddings, choice.run.dim, choice.run.indexedImages);
}

void ExplorePage::neuronSelected(int64_t neuron) {
  if (neuron < 0) return showView(nullptr);
  m_filled = false;
  m_loader->select(neuron);
  updateTitle();
}

void ExplorePage::showView(const NeuronViewPtr& view) {
  m_grid->setView(view);
  m_details->setView(view);
  m_details->setEnabled(view != nullptr);
  updateTitle();
  Q_EMIT neuronChanged();
}

void ExplorePage::updateTitle() {
  const NeuronViewPtr& view = m_grid->view();
  for (QToolButton* b : m_walk) b->setEnabled(view != nullptr);
  m_position->setText(view ? m_list->position() : QString());
  if (!view) return m_title->clear();
  const int64_t neuron = view->detail.row.neuron;
  const int row = m_list->model().rowOf(neuron);
  const NeuronRow* data = m_list->model().loadedRow(row);
  const QString label = fromStd(data ? data->label : view->detail.label);
  m_title->setText(label.isEmpty() ? tr("Neuron %1").arg(neuron) : tr("Neuron %1 – %2").arg(neuron).arg(label));
}

void ExplorePage::setFilled() {
  if (std::exchange(m_filled, true)) return;
  Q_EMIT filled();
}

void ExplorePage::step(int neurons) {
  if (m_viewer->isOpen()) return;
  m_list->step(neurons);
}

// The menus stay at hand under the viewer; what they ask for is behind it.
void ExplorePage::goToFirst() {
  m_viewer->closeViewer();
  m_list->goToFirst();
}

void ExplorePage::goToLast() {
  m_viewer->closeViewer();
  m_list->goToLast();
}

void ExplorePage::find() {
  m_viewer->closeViewer();
  m_list->focusSearch();
}

void ExplorePage::editLabel() {
  m_viewer->closeViewer();
  m_details->labels().focusLabel();
}

void ExplorePage::stepImage(int images) { m_grid->setCurrent(m_grid->current() + images); }

void ExplorePage::enlarge() {
  if (m_grid->view()) m_viewer->open(m_grid->view(), m_grid->current());
}

void ExplorePage::copyNeuron() const {
  if (m_grid->view()) QApplication::clipboard()->setText(QString::number(m_grid->view()->detail.row.neuron));
}

void ExplorePage::copyImagePath() const {
  const GridImage* image = m_grid->currentImage();
  if (image && !image->file.isEmpty()) QApplication::clipboard()->setText(image->file);
}

void ExplorePage::showImageInFolder() const {
  const GridImage* image = m_grid->currentImage();
  if (image && !image->file.isEmpty())
    QDesktopServices::openUrl(QUrl::fromLocalFile(QFileInfo(image->file).absolutePath()));
}

bool ExplorePage::hasLatent() const {
  const int run = m_runs->currentIndex();
  return hasNeuron() && run >= 0 && size_t(run) < m_summary.runs.size() && !m_summary.runs[size_t(run)].run.saeFingerprint.empty();
}

void ExplorePage::steerNeuron() {
  if (!hasLatent()) return;
  m_viewer->closeViewer();
  Q_EMIT steerNeuronWanted(m_summary.runs[size_t(m_runs->currentIndex())].run, m_grid->view()->detail.row.neuron);
}

void ExplorePage::steerImage() {
  const GridImage* image = m_grid->currentImage();
  if (!image || image->file.isEmpty()) return;
  m_viewer->closeViewer();
  Q_EMIT steerImageWanted(image->file);
}

void ExplorePage::contextMenu(int, const QPoint& global) {
  const GridImage* image = m_grid->currentImage();
  const bool file = image && !image->file.isEmpty();
  QMenu menu(this);
  menu.addAction(m_theme.icon(QStringLiteral("expand")), tr("Enlarge"), this, &ExplorePage::enlarge);
  menu.addSeparator();
  menu.addAction(m_theme.icon(QStringLiteral("copy")), tr("Copy image path"), this, &ExplorePage::copyImagePath)->setEnabled(file);
  menu.addAction(m_theme.icon(QStringLiteral("folder")), tr("Show in folder"), this, &ExplorePage::showImageInFolder)
      ->setEnabled(file && QFileInfo::exists(QFileInfo(image->file).absolutePath()));
  menu.addSeparator();
  menu.addAction(tr("Copy neuron number"), this, &ExplorePage::copyNeuron);
  menu.addSeparator();
  menu.addAction(m_theme.icon(QStringLiteral("sliders")), tr("Steer this neuron"), this, &ExplorePage::steerNeuron)->setEnabled(hasLatent());
  menu.addAction(m_theme.icon(QStringLiteral("image")), tr("Steer with this image"), this, &ExplorePage::steerImage)->setEnabled(file);
  menu.exec(global);
}

void ExplorePage::setThumbnailSide(int side) { m_grid->setSide(side); }

void ExplorePage::applySettings(const Settings& settings) {
  m_list->applySettings(settings);
  m_details->applySettings(settings);
  setThumbnailSide(settings.thumbnailSide);
  m_splitter->apply(settings.exploreSplitter, {456, 664, 304});
}

void ExplorePage::storeSettings(Settings& settings) const {
  m_list->storeSettings(settings);
  m_details->storeSettings(settings);
  settings.exploreSplitter = m_splitter->kept();
}

void ExplorePage::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  // On a narrow window the facts give way to the choices.
  m_facts->setVisible(width() >= 900);
}

}  // namespace sememe
