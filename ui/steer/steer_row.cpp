// The row's widgets, and the range of its slider.
#include "ui/steer/steer_row.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QPainter>
#include <QSignalBlocker>
#include <QStyle>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

namespace sememe {
namespace {

constexpr int kMostThumbs = 4, kGap = 4;
constexpr double kTimesNorm = 2.5, kTimesMax = 4;
constexpr double kScaleLow = -5, kScaleHigh = 20;  // of a factor
constexpr double kLargest = 1e6;

}  // namespace

ThumbStrip::ThumbStrip(const Theme& theme, const NeuronLoader& loader, int64_t neuron, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_loader(loader), m_neuron(neuron) {
  setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
  connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

QSize ThumbStrip::sizeHint() const { return {kMostThumbs * (kSide + kGap) - kGap, kSide}; }
QSize ThumbStrip::minimumSizeHint() const { return sizeHint(); }

void ThumbStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  const NeuronViewPtr view = m_loader.view(m_neuron);
  for (int i = 0; i < kMostThumbs; ++i) {
    const QRect cell(i * (kSide + kGap), 0, kSide, kSide);
    const bool there = view && size_t(i) < view->images.size();
    const QPixmap pixels = there ? m_loader.thumbnail(view->images[size_t(i)].image) : QPixmap();
    if (!pixels.isNull()) {
      const int side = std::min(pixels.width(), pixels.height());
      painter.drawPixmap(cell, pixels, QRect((pixels.width() - side) / 2, (pixels.height() - side) / 2, side, side));
    } else if (!view || there) {
      painter.fillRect(cell, m_theme.colors().track);
    }
  }
}

SteerRow::SteerRow(const Theme& theme, const NeuronLoader& loader, const NeuronEdit& edit, QWidget* parent)
    : QFrame(parent), m_edit(edit), m_loader(loader), m_on(new QCheckBox), m_title(new QLabel), m_facts(new QLabel), m_op(new QComboBox),
      m_value(new ValueBox), m_remove(new QToolButton), m_thumbs(new ThumbStrip(theme, loader, edit.neuron)), m_slider(new ValueSlider(theme)) {
  setProperty("role", QStringLiteral("row"));
  const QString name = tr("neuron %1").arg(edit.neuron);
  m_on->setToolTip(tr("Whether this neuron is steered"));
  m_on->setAccessibleName(tr("Steer %1").arg(name));
  m_title->setProperty("role", QStringLiteral("title"));
  m_title->setTextFormat(Qt::PlainText);
  m_title->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_title->installEventFilter(this);
  m_facts->setProperty("role", QStringLiteral("muted"));
  m_op->addItem(tr("Set to"), int(Intervention::Op::Set));
  m_op->addItem(tr("Add"), int(Intervention::Op::Add));
  m_op->addItem(tr("Multiply by"), int(Intervention::Op::Scale));
  m_op->addItem(tr("Silence"), int(Intervention::Op::Zero));
  m_op->setAccessibleName(tr("What is done to %1").arg(name));
  m_op->setToolTip(tr("Set: its activation is this value on every patch, as in the paper\nAdd: the value is added to what it is\n"
                      "Multiply: what it is, so many times\nSilence: 0"));
  m_value->setRange(-kLargest, kLargest);
  m_value->setDecimals(3);
  m_value->setButtonSymbols(QAbstractSpinBox::NoButtons);
  m_value->setAlignment(Qt::AlignRight);
  m_value->setKeyboardTracking(false);
  m_value->setLocale(QLocale::c());
  m_value->setFixedWidth(9 * kUnit);
  m_value->setAccessibleName(tr("Value of %1").arg(name));
  m_slider->setAccessibleName(tr("Value of %1").arg(name));
  m_remove->setIcon(theme.icon(QStringLiteral("close")));
  m_remove->setIconSize({14, 14});
  m_remove->setToolTip(tr("Remove this neuron (Delete)"));
  m_remove->setAccessibleName(tr("Remove %1").arg(name));
  m_remove->setFocusPolicy(Qt::TabFocus);
  // The wheel scrolls the rows.
  for (QWidget* w : std::initializer_list<QWidget*>{m_op, m_value}) w->setFocusPolicy(Qt::StrongFocus);
  for (QWidget* w : std::initializer_list<QWidget*>{m_on, m_op, m_value, m_slider, m_remove, m_thumbs}) w->installEventFilter(this);
  m_thumbs->setToolTip(tr("Its strongest images; the image at the left shows where it fires\nDouble click: explore this neuron"));

  auto* head = new QHBoxLayout;
  head->setSpacing(kUnit);
  head->addWidget(m_on);
  head->addWidget(m_title, 1);
  head->addWidget(m_facts);
  head->addWidget(m_op);
  head->addWidget(m_value);
  head->addWidget(m_remove);
  auto* body = new QHBoxLayout;
  body->setSpacing(2 * kUnit);
  body->addWidget(m_thumbs);
  body->addWidget(m_slider, 1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(kUnit + 4, kUnit, kUnit, kUnit);
  column->setSpacing(kUnit - 2);
  column->addLayout(head);
  column->addLayout(body);

  connect(m_on, &QCheckBox::toggled, this, [this](bool on) {
    NeuronEdit next = m_edit;
    next.on = on;
    change(next, on ? tr("Steer neuron %1").arg(next.neuron) : tr("Leave neuron %1 alone").arg(next.neuron), false);
  });
  connect(m_op, &QComboBox::currentIndexChanged, this, [this] {
    NeuronEdit next = m_edit;
    next.op = Intervention::Op(m_op->currentData().toInt());
    // A factor is no activation: from one to the other a value means nothing.
    const bool wasFactor = m_edit.op == Intervention::Op::Scale, isFactor = next.op == Intervention::Op::Scale;
    if (isFactor && !wasFactor) next.value = 2;
    if (wasFactor && !isFactor) next.value = 0;
    change(next, tr("Change what is done to neuron %1").arg(next.neuron), false);
  });
  const auto setValue = [this](double value) {
    NeuronEdit next = m_edit;
    next.value = value;
    change(next, tr("Change neuron %1").arg(next.neuron), true);
  };
  connect(m_slider, &ValueSlider::numberMoved, this, setValue);
  connect(m_slider, &ValueSlider::released, this, &SteerRow::rested);
  connect(m_value, &QDoubleSpinBox::valueChanged, this, setValue);
  connect(m_value, &QDoubleSpinBox::editingFinished, this, &SteerRow::rested);
  connect(m_remove, &QToolButton::clicked, this, &SteerRow::removeWanted);
  refresh();
  display();
}

void SteerRow::setEdit(const NeuronEdit& edit) {
  if (edit == m_edit) return;
  const bool other = edit.op != m_edit.op;
  m_edit = edit;
  if (other) scale();
  display();
}

void SteerRow::change(const NeuronEdit& edit, const QString& what, bool value) {
  if (edit == m_edit) return;
  setEdit(edit);
  Q_EMIT edited(what, value);
}

void SteerRow::display() {
  const QSignalBlocker a(m_on), b(m_op), c(m_value);
  m_on->setChecked(m_edit.on);
  m_op->setCurrentIndex(m_op->findData(int(m_edit.op)));
  const bool silent = m_edit.op == Intervention::Op::Zero;
  m_value->setValue(silent ? 0 : m_edit.value);
  m_slider->setNumber(silent ? 0 : m_edit.value);
  for (QWidget* w : std::initializer_list<QWidget*>{m_value, m_slider}) w->setEnabled(m_edit.on && !silent);
  m_op->setEnabled(m_edit.on);
}

void SteerRow::setTokenNorm(double norm) {
  if (norm == m_norm) return;
  m_norm = norm;
  scale();
}

void SteerRow::scale() {
  if (m_edit.op == Intervention::Op::Scale) {
    m_slider->setScale(kScaleLow, kScaleHigh, true);
    m_slider->setMarks({{1, tr("1: as it is")}});
    return;
  }
  const NeuronViewPtr view = m_loader.view(m_edit.neuron);
  const double max = view ? view->detail.row.max : 0;
  double high = std::max(kTimesMax * max, kTimesNorm * m_norm);
  if (!(high > 0)) high = 100;
  m_slider->setScale(m_edit.op == Intervention::Op::Add ? -high : -high / 2, high, false);
  std::vector<ValueSlider::Mark> marks;
  if (view && max > 0) {
    marks.push_back({max, tr("max")});
    marks.push_back({view->detail.row.mean, tr("mean")});
  }
  if (m_norm > 0) marks.push_back({m_norm, tr("a token's norm")});
  m_slider->setMarks(std::move(marks));
}

void SteerRow::refresh() {
  const NeuronViewPtr view = m_loader.view(m_edit.neuron);
  const QString label = view ? QString::fromStdString(view->detail.label) : QString();
  m_fullTitle = label.isEmpty() ? tr("Neuron %1").arg(m_edit.neuron) : QStringLiteral("%1  %2").arg(m_edit.neuron).arg(label);
  m_title->setToolTip(m_fullTitle);
  m_title->setText(m_title->fontMetrics().elidedText(m_fullTitle, Qt::ElideRight, std::max(40, m_title->width())));
  QString facts;
  if (view) {
    if (view->detail.row.max <= 0) facts = tr("never fires");
    else if (std::isfinite(view->detail.row.ms)) facts = tr("MS %1").arg(view->detail.row.ms, 0, 'f', 3);
  }
  m_facts->setText(facts);
  m_facts->setVisible(!facts.isEmpty());
  arrangeThumbs();
  m_thumbs->update();
  scale();
}

void SteerRow::setCurrent(bool current) {
  if (property("current").toBool() == current) return;
  setProperty("current", current);
  style()->unpolish(this);
  style()->polish(this);
}

bool SteerRow::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_title && event->type() == QEvent::Resize)
    m_title->setText(m_title->fontMetrics().elidedText(m_fullTitle, Qt::ElideRight, std::max(40, m_title->width())));
  if (watched == m_title || watched == m_thumbs) {
    if (event->type() == QEvent::Enter || event->type() == QEvent::Leave) Q_EMIT pointedAt(event->type() == QEvent::Enter);
    if (event->type() == QEvent::MouseButtonDblClick) Q_EMIT exploreWanted();
  }
  if (event->type() == QEvent::FocusIn) Q_EMIT touched();
  if (event->type() == QEvent::Wheel && (watched == m_op || watched == m_value) && !static_cast<QWidget*>(watched)->hasFocus()) {
    event->ignore();
    return true;
  }
  return QFrame::eventFilter(watched, event);
}

void SteerRow::mousePressEvent(QMouseEvent*) { m_slider->isEnabled() ? m_slider->setFocus(Qt::MouseFocusReason) : m_on->setFocus(Qt::MouseFocusReason); }

void SteerRow::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Delete) Q_EMIT removeWanted();
  else QFrame::keyPressEvent(event);
}

void SteerRow::resizeEvent(QResizeEvent* event) {
  QFrame::resizeEvent(event);
  arrangeThumbs();
}

// On a narrow panel the images give way to the slider.
void SteerRow::arrangeThumbs() { m_thumbs->setVisible(m_loader.hasSource() && width() >= 420); }

}  // namespace sememe
