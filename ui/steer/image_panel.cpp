// An image from a file, the clipboard or another program; painting on it.
#include "ui/steer/image_panel.h"

#include <QApplication>
#include <QClipboard>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QMimeData>
#include <QPainter>
#include <QShortcut>
#include <QUrl>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/steer/heat_scale.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kFrame = 4;  // around the image, for the line that shows where to drop

QString fileIn(const QMimeData* data) {
  for (const QUrl& url : data->urls()) {
    if (url.isLocalFile() && QFileInfo(url.toLocalFile()).isFile()) return url.toLocalFile();
  }
  return {};
}

bool offers(const QMimeData* data) { return data && (data->hasImage() || !fileIn(data).isEmpty()); }

}  // namespace

ImagePanel::ImagePanel(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  setAcceptDrops(true);
  m_canvas = new PatchCanvas(theme);
  m_empty = new EmptyState(theme, QStringLiteral("image"), tr("No image yet"),
                           tr("Drop one here, paste one with Ctrl+V, or send one from Explore."), tr("Open…"));
  m_stack = new QStackedWidget;
  m_stack->addWidget(m_empty);
  m_stack->addWidget(m_canvas);
  m_scale = new HeatScale(theme);
  m_scale->hide();

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(kFrame, kFrame, kFrame, kFrame);
  column->setSpacing(kUnit);
  column->addWidget(m_stack, 1);
  column->addWidget(m_scale);
  column->addWidget(makeTools());

  connect(m_empty, &EmptyState::actionClicked, this, &ImagePanel::chooseFile);
  connect(m_canvas, &PatchCanvas::maskChanging, this, [this] {
    updateTools();
    Q_EMIT maskChanging();
  });
  connect(m_canvas, &PatchCanvas::maskChanged, this, [this] {
    updateTools();
    Q_EMIT maskChanged();
  });
  connect(m_canvas, &PatchCanvas::patchClicked, this, &ImagePanel::patchClicked);
  connect(m_canvas, &PatchCanvas::brushChanged, this, &ImagePanel::updateTools);
  auto* pasting = new QShortcut(QKeySequence(QKeySequence::Paste), this);
  pasting->setContext(Qt::WidgetWithChildrenShortcut);
  connect(pasting, &QShortcut::activated, this, &ImagePanel::paste);
  auto* opening = new QShortcut(QKeySequence(QStringLiteral("Ctrl+Shift+O")), this);
  opening->setContext(Qt::WidgetWithChildrenShortcut);
  connect(opening, &QShortcut::activated, this, &ImagePanel::chooseFile);
  updateTools();
}

QWidget* ImagePanel::makeTools() {
  m_tools = new QWidget;
  auto* rows = new QVBoxLayout(m_tools);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->setSpacing(kUnit / 2);
  const auto button = [&](QHBoxLayout* row, const QString& text, const QString& tip, auto action) {
    auto* b = new QToolButton;
    b->setText(text);
    b->setToolTip(tip);
    b->setAccessibleName(tip);
    b->setProperty("small", true);
    b->setFocusPolicy(Qt::TabFocus);
    connect(b, &QToolButton::clicked, this, action);
    row->addWidget(b);
    return b;
  };

  auto* first = new QHBoxLayout;
  m_status = new QLabel;
  m_status->setProperty("role", QStringLiteral("muted"));
  m_status->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  first->addWidget(m_status, 1);
  button(first, tr("Open…"), tr("Open another image (Ctrl+Shift+O)"), [this] { chooseFile(); });
  button(first, tr("Paste"), tr("Paste an image (Ctrl+V)"), [this] { paste(); });
  rows->addLayout(first);

  auto* second = new QHBoxLayout;
  second->setSpacing(2);
  m_brush = new QLabel;
  m_smaller = button(second, QStringLiteral("−"), tr("Smaller brush (−)"), [this] { m_canvas->setBrush(m_canvas->brush() - 1); });
  second->addWidget(m_brush);
  m_larger = button(second, QStringLiteral("+"), tr("Larger brush (+)"), [this] { m_canvas->setBrush(m_canvas->brush() + 1); });
  second->addStretch(1);
  m_clear = button(second, tr("Clear"), tr("Nothing painted: the whole image is steered (Delete)"), [this] { m_canvas->clearMask(); });
  m_invert = button(second, tr("Invert"), tr("Paint what is not painted, and the other way round (Ctrl+I)"), [this] { m_canvas->invertMask(); });
  m_all = button(second, tr("All"), tr("Paint every patch, to erase from (Ctrl+A)"), [this] { m_canvas->paintAll(); });
  rows->addLayout(second);
  return m_tools;
}

void ImagePanel::updateTools() {
  m_tools->setVisible(hasImage());
  const std::vector<bool> mask = m_canvas->mask();
  const auto painted = std::count(mask.begin(), mask.end(), true);
  const int all = m_canvas->rows() * m_canvas->columns();
  m_status->setText(painted == 0 ? tr("Steered: the whole image") : tr("Steered: %1 of %2 patches").arg(painted).arg(all));
  m_status->setToolTip(painted == 0 ? tr("Drag over the image to steer a part of it alone.") : QString());
  m_brush->setText(tr("Brush %1 × %1").arg(m_canvas->brush()));
  m_smaller->setEnabled(m_canvas->brush() > 1);
  m_larger->setEnabled(m_canvas->brush() < PatchCanvas::kLargestBrush);
  m_clear->setEnabled(painted > 0);
  m_all->setEnabled(painted < all);
}

void ImagePanel::setImage(const QImage& modelView, int rows, int columns) {
  m_canvas->setImage(modelView, rows, columns);
  m_scale->hide();
  m_stack->setCurrentWidget(hasImage() ? static_cast<QWidget*>(m_canvas) : m_empty);
  updateTools();
}

void ImagePanel::clearImage() { setImage({}, 0, 0); }

void ImagePanel::setMask(const std::vector<bool>& mask) {
  m_canvas->setMask(mask);
  updateTools();
}

void ImagePanel::setHeat(const std::vector<float>& heat, const QString& name) {
  m_canvas->setHeat(heat);
  m_scale->setRange(name, m_canvas->strongest());
  m_scale->setVisible(m_canvas->hasHeat());
}

// --- images that come in

void ImagePanel::chooseFile() {
  const QString path = QFileDialog::getOpenFileName(
      this, tr("Open an image"), m_folder, tr("Images (*.jpg *.jpeg *.png *.webp *.bmp *.tif *.tiff *.ppm *.pgm *.pbm);;All files (*)"));
  if (path.isEmpty()) return;
  m_folder = QFileInfo(path).absolutePath();
  Q_EMIT fileChosen(path);
}

bool ImagePanel::take(const QMimeData* data) {
  if (!data) return false;
  // The file first: it has all of the image's pixels, and a name.
  if (const QString file = fileIn(data); !file.isEmpty()) {
    Q_EMIT fileChosen(file);
    return true;
  }
  const QImage pixels = qvariant_cast<QImage>(data->imageData());
  if (pixels.isNull()) return false;
  Q_EMIT imagePasted(pixels);
  return true;
}

void ImagePanel::paste() {
  if (take(QApplication::clipboard()->mimeData())) return;
  const QString nothing = tr("There is no image in the clipboard.");
  m_status->setText(nothing);
  m_empty->setText(nothing + QLatin1Char('\n') + tr("Copy one, drop one here, or open one."));
}

void ImagePanel::dragEnterEvent(QDragEnterEvent* event) {
  // A workspace is the window's, which opens it.
  if (!offers(event->mimeData()) || fileIn(event->mimeData()).endsWith(QLatin1String(".sememe"))) return;
  event->acceptProposedAction();
  setDropping(true);
}

void ImagePanel::dragLeaveEvent(QDragLeaveEvent*) { setDropping(false); }

void ImagePanel::dropEvent(QDropEvent* event) {
  setDropping(false);
  if (take(event->mimeData())) event->acceptProposedAction();
}

void ImagePanel::setDropping(bool on) {
  m_dropping = on;
  update();
}

void ImagePanel::paintEvent(QPaintEvent*) {
  const Colors& c = m_theme.colors();
  if (!m_dropping && hasImage()) return;
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(QPen(m_dropping ? c.accent : c.lineStrong, m_dropping ? 2 : 1, Qt::DashLine));
  painter.setBrush(m_dropping ? QBrush(c.accentSoft) : Qt::NoBrush);
  painter.drawRoundedRect(QRectF(m_stack->geometry()).adjusted(-2, -2, 2, 2), 8, 8);
}

}  // namespace sememe
