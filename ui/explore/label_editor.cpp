// A neuron's label and notes.
#include "ui/explore/label_editor.h"

#include <QHBoxLayout>
#include <QSignalBlocker>
#include <QVBoxLayout>

namespace sememe {
namespace {
constexpr int kDebounceMs = 400;
constexpr int kLongestLabel = 250;  // characters; at most four bytes each in the store's 1,000
constexpr int kLongestNotes = 25000;

// Takes what is left, but asks for its minimum alone: what a text field asks for would make the panel scroll, and a size policy
// that ignores the wish lets the layout forget the minimum too.
class NotesEdit : public QPlainTextEdit {
 public:
  QSize sizeHint() const override { return minimumSize(); }
  QSize minimumSizeHint() const override { return minimumSize(); }
};
}  // namespace

LabelEditor::LabelEditor(const Theme& theme, JobRunner& runner, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_runner(runner) {
  const auto heading = [](const QString& text, QWidget* buddy) {
    auto* label = new QLabel(text);
    label->setProperty("role", QStringLiteral("heading"));
    label->setBuddy(buddy);
    return label;
  };
  m_label = new QLineEdit;
  m_label->setMaxLength(kLongestLabel);
  m_label->setPlaceholderText(tr("What does this neuron mean?"));
  m_label->setAccessibleName(tr("Label"));
  m_notes = new NotesEdit;
  m_notes->setPlaceholderText(tr("What you saw, and what speaks against it"));
  m_notes->setTabChangesFocus(true);
  m_notes->setMinimumHeight(6 * kUnit);  // two lines
  m_notes->setAccessibleName(tr("Notes"));
  m_icon = new QLabel;
  m_status = new QLabel;
  m_status->setProperty("role", QStringLiteral("muted"));
  m_status->setWordWrap(true);
  m_retry = new QPushButton(tr("Try again"));
  m_retry->setProperty("small", true);
  m_retry->hide();

  auto* row = new QHBoxLayout;
  row->setSpacing(kUnit / 2);
  row->addWidget(m_icon);
  row->addWidget(m_status, 1);
  row->addWidget(m_retry);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(kUnit);
  column->addWidget(heading(tr("Label"), m_label));
  column->addWidget(m_label);
  column->addSpacing(kUnit);
  column->addWidget(heading(tr("Notes"), m_notes));
  column->addWidget(m_notes, 1);
  column->addLayout(row);

  m_debounce.setSingleShot(true);
  m_debounce.setInterval(kDebounceMs);
  connect(&m_debounce, &QTimer::timeout, this, &LabelEditor::commit);
  connect(m_label, &QLineEdit::textEdited, this, &LabelEditor::typed);
  connect(m_label, &QLineEdit::editingFinished, this, &LabelEditor::flush);
  connect(m_notes, &QPlainTextEdit::textChanged, this, &LabelEditor::typed);
  connect(m_retry, &QPushButton::clicked, this, [this] { save(m_neuron, {m_label->text(), m_notes->toPlainText()}); });
  connect(&theme, &Theme::changed, this, [this] { setState(m_state, m_status->text()); });
  setEnabled(false);
  setState(State::Unchanged);
}

LabelEditor::~LabelEditor() { flush(); }

void LabelEditor::setSource(const std::filesystem::path& workspace, int64_t run, bool readOnly) {
  flush();
  if (workspace != m_workspace || run != m_run) {
    clear();
    m_unsaved.clear();
  }
  m_workspace = workspace;
  m_run = run;
  m_readOnly = readOnly;
  m_label->setReadOnly(readOnly);
  m_notes->setReadOnly(readOnly);
  setState(State::Unchanged);
}

void LabelEditor::showNeuron(int64_t neuron, const QString& label, const QString& notes) {
  if (neuron == m_neuron) return;
  flush();
  m_neuron = neuron;
  ++m_generation;
  m_saved = {label, notes};
  const auto kept = m_unsaved.constFind(neuron);
  const Texts texts = kept == m_unsaved.constEnd() ? m_saved : *kept;
  const QSignalBlocker blockLabel(m_label), blockNotes(m_notes);
  m_label->setText(texts.label);
  m_label->setCursorPosition(0);
  m_notes->setPlainText(texts.notes);
  setEnabled(true);
  if (kept != m_unsaved.constEnd()) setState(State::Failed, tr("Not saved yet."));
  else setState(State::Unchanged);
}

void LabelEditor::clear() {
  flush();
  m_neuron = -1;
  ++m_generation;
  m_saved = {};
  const QSignalBlocker blockLabel(m_label), blockNotes(m_notes);
  m_label->clear();
  m_notes->clear();
  setEnabled(false);
  setState(State::Unchanged);
}

void LabelEditor::focusLabel() {
  m_label->setFocus(Qt::ShortcutFocusReason);
  m_label->selectAll();
}

void LabelEditor::typed() {
  if (m_neuron < 0 || m_readOnly) return;
  setState(State::Waiting);
  m_debounce.start();
}

void LabelEditor::flush() {
  if (!m_debounce.isActive()) return;
  m_debounce.stop();
  commit();
}

void LabelEditor::commit() {
  const Texts texts{m_label->text(), m_notes->toPlainText()};
  if (texts.label == m_saved.label && texts.notes == m_saved.notes && !m_unsaved.contains(m_neuron)) {
    setState(State::Unchanged);
    return;
  }
  save(m_neuron, texts);
}

void LabelEditor::save(int64_t neuron, const Texts& texts) {
  Texts stored{texts.label.trimmed(), texts.notes};
  if (stored.notes.size() > kLongestNotes) {
    setState(State::Failed, tr("Notes hold at most %1 characters; these have %2.").arg(kLongestNotes).arg(stored.notes.size()));
    m_unsaved.insert(neuron, texts);
    return;
  }
  m_saved = stored;
  const int generation = ++m_generation;
  setState(State::Saving);
  JobSpec spec;
  spec.lane = Lane::Writer;
  spec.workspace = m_workspace;
  Job* job = m_runner.start(spec, [run = m_run, neuron, stored](JobContext& context) -> JobRunner::Delivery {
    context.workspace().neurons().setLabel(run, neuron, stored.label.toStdString(), stored.notes.toStdString());
    return {};
  });
  connect(job, &Job::done, this, [this, generation, neuron] {
    m_unsaved.remove(neuron);
    if (generation == m_generation) setState(State::Saved);
  });
  connect(job, &Job::failed, this, [this, generation, neuron, texts](const JobFailure& failure) {
    m_unsaved.insert(neuron, texts);
    if (generation == m_generation) setState(State::Failed, tr("Not saved: %1 %2").arg(failure.message, failure.advice));
  });
  Q_EMIT edited(neuron, stored.label, stored.notes);
}

void LabelEditor::setState(State state, const QString& detail) {
  m_state = state;
  const Colors& c = m_theme.colors();
  QString text;
  QPixmap icon;
  const int side = fontMetrics().height();
  switch (state) {
    case State::Unchanged:
      text = m_readOnly ? tr("The workspace can only be read.") : m_neuron >= 0 ? tr("Saved as you type") : QString();
      break;
    case State::Waiting:
    case State::Saving: text = tr("Saving…"); break;
    case State::Saved:
      text = tr("Saved");
      icon = Theme::pixmap(QStringLiteral("check"), side, c.ok, devicePixelRatioF());
      break;
    case State::Failed:
      text = detail;
      icon = Theme::pixmap(QStringLiteral("alert"), side, c.danger, devicePixelRatioF());
      break;
  }
  m_status->setText(text);
  m_icon->setPixmap(icon);
  m_icon->setVisible(!icon.isNull());
  m_retry->setVisible(state == State::Failed);
  Q_EMIT stateChanged();
}

}  // namespace sememe
