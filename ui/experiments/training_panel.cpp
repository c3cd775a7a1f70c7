// What one training is and does.
#include "ui/experiments/training_panel.h"

#include <QHBoxLayout>
#include <QLocale>
#include <QPainter>
#include <QScrollArea>
#include <QVBoxLayout>
#include <cmath>

#include "core/sae/sae_type.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

QPixmap swatch(const QColor& color, double ratio) {
  QPixmap pixmap(QSize(12, 12) * ratio);
  pixmap.setDevicePixelRatio(ratio);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(color);
  painter.drawRoundedRect(QRectF(0, 0, 12, 12), 3, 3);
  return pixmap;
}

QString factsOf(const Training& t) {
  QStringList lines;
  QString type = QString::fromStdString(t.job.type);
  bool hasK = false;
  for (const SaeTypeInfo& info : saeTypes()) {
    if (t.job.type != info.name) continue;
    type = QString::fromUtf8(info.title);
    hasK = info.hasK;
  }
  QString size = t.dictSize > 0 ? QObject::tr("%1 latents").arg(grouped(t.dictSize))
                                : QObject::tr("%1 × the width").arg(shortNumber(t.job.expansion));
  if (hasK) size += QObject::tr(", k %1").arg(t.job.k);
  lines << type + QStringLiteral(" · ") + size;
  if (const TrainingPoint* held = t.lastValidated()) {
    const CodeStats& code = held->validation->inference;
    QString text = QObject::tr("Held out: %1 % explained, L0 %2, %3 dead")
                       .arg(QLocale::c().toString(code.fve * 100, 'f', 1), shortNumber(code.l0), grouped(code.dead));
    if (held->validation->ms && std::isfinite(held->validation->ms->mean))
      text += QObject::tr(", MS %1").arg(QLocale::c().toString(held->validation->ms->mean, 'f', 3));
    lines << text;
  }
  if (!t.points.empty() && t.points.back().seconds > 0)
    lines << QObject::tr("Trained for %1").arg(QString::fromStdString(formatSeconds(t.points.back().seconds)));
  return lines.join(QLatin1Char('\n'));
}

}  // namespace

TrainingPanel::TrainingPanel(const Theme& theme, QWidget* parent) : QFrame(parent), m_theme(theme) {
  setProperty("panel", true);
  m_swatch = new QLabel;
  m_name = new QLabel;
  m_name->setProperty("role", QStringLiteral("title"));
  m_name->setTextFormat(Qt::PlainText);
  m_name->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_state = new QLabel;
  m_state->setTextFormat(Qt::PlainText);
  m_state->setWordWrap(true);
  m_numbers = new QLabel;
  m_numbers->setProperty("role", QStringLiteral("muted"));
  m_bar = new QProgressBar;
  m_bar->setTextVisible(false);
  m_bar->setRange(0, 1000);
  m_bar->setAccessibleName(tr("Progress of the training"));
  m_facts = new QLabel;
  m_facts->setProperty("role", QStringLiteral("muted"));
  m_facts->setTextFormat(Qt::PlainText);
  m_facts->setWordWrap(true);
  m_facts->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_facts->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  const auto button = [&](auto signal) {
    auto* b = new QPushButton;
    b->setProperty("small", true);
    connect(b, &QPushButton::clicked, this, signal);
    return b;
  };
  m_pause = button([this] { m_resumes ? Q_EMIT resumeWanted() : Q_EMIT pauseWanted(); });
  m_explore = button([this] { Q_EMIT exploreWanted(); });
  m_explore->setText(tr("Explore"));
  m_explore->setProperty("primary", true);
  m_remove = button([this] { Q_EMIT removeWanted(); });

  auto* head = new QHBoxLayout;
  head->setSpacing(kUnit);
  head->addWidget(m_swatch);
  head->addWidget(m_name, 1);
  auto* texts = new QWidget;
  auto* lines = new QVBoxLayout(texts);
  lines->setContentsMargins(0, 0, 0, 0);
  lines->setSpacing(kUnit / 2);
  lines->addWidget(m_state);
  lines->addWidget(m_bar);
  lines->addWidget(m_numbers);
  lines->addWidget(m_facts, 1);
  auto* scroll = new QScrollArea;
  scroll->setWidget(texts);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setMinimumHeight(2 * fontMetrics().height());
  scroll->viewport()->setAutoFillBackground(false);
  texts->setAutoFillBackground(false);
  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(kUnit);
  buttons->addWidget(m_explore);
  buttons->addWidget(m_pause);
  buttons->addStretch(1);
  buttons->addWidget(m_remove);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(2 * kUnit, kUnit, 1.5 * kUnit, kUnit);
  column->setSpacing(kUnit);
  column->addLayout(head);
  column->addWidget(scroll, 1);
  column->addLayout(buttons);
  show(nullptr, 0, false);
}

void TrainingPanel::show(const Training* t, int selected, bool readOnly) {
  m_swatch->setVisible(t);
  m_bar->setVisible(t && (t->active() || t->canGoOn()));
  for (QWidget* w : std::initializer_list<QWidget*>{m_pause, m_explore, m_remove}) w->setVisible(t);
  if (!t) {
    m_name->setText(tr("No training selected"));
    m_name->setToolTip({});
    for (QLabel* label : {m_state, m_numbers, m_facts}) label->clear();
    m_numbers->hide();
    return;
  }
  const Colors& c = m_theme.colors();
  m_swatch->setPixmap(swatch(c.series[size_t(t->color) % c.series.size()], devicePixelRatioF()));
  m_name->setText(t->name);
  m_name->setToolTip(t->name);
  QString state = statusText(*t);
  if (t->status == TrainingStatus::Running && !t->progress.stage.empty() && t->points.empty())
    state = QString::fromStdString(t->progress.stage);  // reading the rows, before the first step
  if (t->status != TrainingStatus::Unreadable)
    state += tr(" · step %1 of %2").arg(grouped(t->stepsDone), grouped(t->job.steps));
  if (!t->problem.isEmpty()) state += QLatin1Char('\n') + t->problem;
  m_state->setText(state);
  m_bar->setValue(t->job.steps > 0 ? int(1000 * std::min(1.0, double(t->stepsDone) / double(t->job.steps))) : 0);
  QStringList numbers;
  if (t->status == TrainingStatus::Running) {
    if (t->progress.perSecond > 0) numbers << tr("%1 steps/s").arg(shortNumber(t->progress.perSecond));
    if (t->progress.secondsLeft >= 0) numbers << tr("%1 left").arg(QString::fromStdString(formatSeconds(t->progress.secondsLeft)));
  }
  m_numbers->setText(numbers.join(QStringLiteral("  ·  ")));
  m_numbers->setVisible(!numbers.isEmpty());
  m_facts->setText(t->status == TrainingStatus::Unreadable ? QString() : factsOf(*t));

  m_resumes = t->canGoOn();
  m_pause->setVisible(t->active() || m_resumes);
  // Not disabled while it stops: the focus would go on to the button that deletes.
  m_pause->setEnabled(!t->removing);
  m_pause->setText(t->status == TrainingStatus::Stopping    ? tr("Pausing…")
                   : t->status == TrainingStatus::Waiting   ? tr("Take out of the queue")
                   : !m_resumes                             ? tr("Pause")
                   : t->status == TrainingStatus::Failed    ? tr("Try again")
                   : t->canResume                           ? tr("Resume")
                                                            : tr("Start again"));
  m_pause->setToolTip(!m_resumes ? tr("Stops and keeps the state (Ctrl+P)") : t->canResume ? tr("Goes on from the saved state (Ctrl+P)")
                                                                                           : tr("Begins from the first step (Ctrl+P)"));
  m_explore->setVisible(t->status == TrainingStatus::Finished);
  m_explore->setEnabled(!t->exploring && !readOnly);
  m_explore->setText(t->exploring ? tr("Indexing…") : tr("Explore"));
  m_explore->setToolTip(readOnly ? tr("The workspace can only be read: its neurons can not be stored")
                                 : tr("Runs the SAE over the images, indexes and scores its neurons, and shows them (Ctrl+E)"));
  m_remove->setVisible(t->status != TrainingStatus::Waiting);
  m_remove->setEnabled(!t->removing && !t->exploring);
  m_remove->setText(selected > 1 ? tr("Delete %1…").arg(selected) : t->active() ? tr("Cancel…") : tr("Delete…"));
  m_remove->setToolTip(t->active() ? tr("Stops and removes what was trained (Ctrl+Del)") : tr("Removes the training's files (Ctrl+Del)"));
}

}  // namespace sememe
