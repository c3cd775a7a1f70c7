// Scores on part of the images.
#include "ui/explore/subset_box.h"

#include <QAbstractItemView>
#include <QAction>
#include <QCompleter>
#include <QLineEdit>
#include <QLocale>
#include <QStyle>
#include <QVBoxLayout>
#include <algorithm>

namespace sememe {
namespace {

constexpr int kTypingMs = 300;

}  // namespace

SubsetBox::SubsetBox(const Theme& theme, JobRunner& runner, SubsetScorer scorer, QWidget* parent)
    : QWidget(parent), m_runner(runner), m_scorer(std::move(scorer)) {
  m_images = new QComboBox;
  m_images->setEditable(true);
  m_images->setInsertPolicy(QComboBox::NoInsert);
  m_images->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  m_images->setMinimumContentsLength(8);
  m_images->setAccessibleName(tr("Images that the scores are about"));
  m_images->setToolTip(tr("Score the neurons on some images alone: a class, or a text that a class or a path contains"));
  m_images->lineEdit()->setPlaceholderText(tr("On all images – or a class, or text"));
  m_images->lineEdit()->setClearButtonEnabled(true);
  m_images->completer()->setCompletionMode(QCompleter::PopupCompletion);
  m_images->completer()->setFilterMode(Qt::MatchContains);
  m_images->completer()->setCaseSensitivity(Qt::CaseInsensitive);
  m_status = new QLabel;
  m_status->setProperty("role", QStringLiteral("muted"));
  m_status->setWordWrap(true);
  m_status->hide();
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(kUnit / 2);
  column->addWidget(m_images);
  column->addWidget(m_status);

  auto* escape = new QAction(this);
  escape->setShortcut(Qt::Key_Escape);
  escape->setShortcutContext(Qt::WidgetWithChildrenShortcut);
  connect(escape, &QAction::triggered, this, [this] {
    QWidget* proposals = m_images->completer()->popup();
    proposals->isVisible() ? proposals->hide() : m_images->clearEditText();
  });
  addAction(escape);
  m_pause.setSingleShot(true);
  m_pause.setInterval(kTypingMs);
  connect(&m_pause, &QTimer::timeout, this, &SubsetBox::score);
  connect(m_images, &QComboBox::editTextChanged, this, [this] { m_pause.start(); });
  connect(m_images, &QComboBox::activated, this, &SubsetBox::score);
  connect(&theme, &Theme::changed, m_status, qOverload<>(&QWidget::update));
}

void SubsetBox::setSource(const std::filesystem::path& workspace, const RunInfo& run) {
  if (workspace == m_workspace && run.id == m_run.id) return;
  const bool sameImages = workspace == m_workspace && run.dataset == m_run.dataset;
  m_workspace = workspace;
  m_run = run;
  setVisible(bool(m_scorer) && run.dataset != 0);
  if (!isVisibleTo(parentWidget())) return;
  if (sameImages) return score();
  const int generation = ++m_sourceGeneration;
  m_images->clear();
  m_images->clearEditText();
  score();
  JobSpec spec;
  spec.urgency = Urgency::Later;
  spec.workspace = workspace;
  m_runner.run(
      spec, this, [dataset = run.dataset](JobContext& context) { return context.workspace().datasets().classes(dataset); },
      [this, generation](const std::vector<ClassInfo>& classes) {
        if (generation == m_sourceGeneration) fill(classes);
      });
}

void SubsetBox::clear() {
  ++m_sourceGeneration;
  m_workspace.clear();
  m_run = {};
  m_images->clear();
  m_images->clearEditText();
  score();
}

void SubsetBox::fill(const std::vector<ClassInfo>& classes) {
  QStringList names;
  for (const ClassInfo& info : classes) names << QString::fromStdString(info.label.empty() ? info.name : info.label);
  names.removeDuplicates();
  names.sort(Qt::CaseInsensitive);
  const QString text = m_images->currentText();
  const QSignalBlocker quiet(m_images);
  m_images->clear();
  m_images->addItems(names);
  m_images->setCurrentIndex(-1);
  m_images->setEditText(text);
}

void SubsetBox::say(const QString& text, bool wrong) {
  m_status->setProperty("role", wrong ? QStringLiteral("danger") : QStringLiteral("muted"));
  m_status->style()->polish(m_status);
  m_status->setText(text);
  m_status->setVisible(!text.isEmpty());
}

void SubsetBox::score() {
  m_pause.stop();
  const int generation = ++m_generation;
  if (m_job) m_job->cancel();
  const QString text = m_images->currentText().trimmed();
  const auto give = [this](std::shared_ptr<const SubsetScores> scores) {
    if (!scores && !m_scores) return;
    m_scores = std::move(scores);
    Q_EMIT changed();
  };
  if (text.isEmpty() || m_workspace.empty() || !m_scorer) {
    say({});
    return give(nullptr);
  }
  say(tr("Scoring…"));
  JobSpec spec;
  spec.lane = Lane::Compute;
  spec.urgency = Urgency::Now;
  m_job = m_runner.run(
      spec, this,
      [scorer = m_scorer, path = m_workspace, run = m_run.id, wanted = text.toStdString()](JobContext& context) {
        return std::make_shared<const SubsetScores>(scorer(path, run, wanted, context.stop));
      },
      [this, generation, give](std::shared_ptr<const SubsetScores> scores) {
        if (generation != m_generation) return;
        if (scores->images == 0) {
          say(tr("No image is of such a class or has this in its path."));
          return give(nullptr);
        }
        say(scores->images == 1 ? tr("On 1 image alone there is no pair to compare.")
                                : tr("On these %1 images alone").arg(QLocale(QLocale::English).toString(qlonglong(scores->images))));
        give(std::move(scores));
      });
  connect(m_job, &Job::failed, this, [this, generation, give](const JobFailure& failure) {
    if (generation != m_generation) return;
    say(failure.message, true);
    give(nullptr);
  });
}

}  // namespace sememe
